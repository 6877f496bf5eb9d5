//! Encrypted connections: RFC 5425, and RELP over TLS. Certificates are read from files, again when
//! these change; a change that cannot be read is told, and the old ones go on.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::verify_server_name;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::config::Tls;

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why there is no encryption.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{} holds no {what} in PEM form that can be read: check the file and its permissions", path.display())]
    File { path: PathBuf, what: &'static str, source: rustls_pki_types::pem::Error },
    #[error("{} holds no certificate", path.display())]
    Empty { path: PathBuf },
    #[error("key {} and certificate {} do not fit together", key.display(), certificate.display())]
    Pair { key: PathBuf, certificate: PathBuf, source: rustls::Error },
    #[error("{} cannot be used to verify clients", path.display())]
    Roots { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{name:?} is neither a DNS name nor an address")]
    Name { name: String },
}

/// What a file was when it was read: changes show in these.
type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

struct Loaded {
    acceptor: TlsAcceptor,
    stamp: Stamp,
    looked: Instant,
}

/// Encrypts connections.
pub(super) struct Encryption {
    tls: Tls,
    names: Vec<ServerName<'static>>,
    loaded: Mutex<Loaded>,
}

impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryption").field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Encryption {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be used.
    pub(super) fn new(tls: &Tls) -> Result<Self, TlsError> {
        let name = |name: &String| {
            ServerName::try_from(name.clone()).map_err(|_| TlsError::Name { name: name.clone() })
        };
        let names = tls.names.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let stamp = stamp(tls);
        let loaded = Loaded { acceptor: load(tls)?, stamp, looked: Instant::now() };
        Ok(Self { tls: tls.clone(), names, loaded: Mutex::new(loaded) })
    }

    /// Encrypts a connection.
    ///
    /// # Errors
    /// The peer does not speak TLS, or may not come.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.acceptor().accept(stream).await?;
        self.verify(&stream)?;
        Ok(stream)
    }

    /// Whether the certificate of a client bears one of the names.
    fn verify(&self, stream: &TlsStream<TcpStream>) -> std::io::Result<()> {
        let certificates = stream.get_ref().1.peer_certificates();
        let Some(certificate) = certificates.and_then(|chain| chain.first()) else { return Ok(()) };
        if self.names.is_empty() {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(certificate).map_err(std::io::Error::other)?;
        if self.names.iter().any(|name| verify_server_name(&parsed, name).is_ok()) {
            return Ok(());
        }
        Err(std::io::Error::other("the client's certificate bears none of the names"))
    }

    fn acceptor(&self) -> TlsAcceptor {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.looked.elapsed() >= LOOK {
            loaded.looked = Instant::now();
            let now = stamp(&self.tls);
            if now != loaded.stamp {
                match load(&self.tls) {
                    Ok(acceptor) => {
                        tracing::info!(path = %self.tls.certificate.display(), "certificate is new");
                        loaded.acceptor = acceptor;
                    }
                    Err(error) => tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "new certificate cannot be used: the old one goes on"
                    ),
                }
                loaded.stamp = now;
            }
        }
        loaded.acceptor.clone()
    }
}

fn stamp(tls: &Tls) -> Stamp {
    let files = [Some(&tls.certificate), Some(&tls.key), tls.clients.as_ref()];
    let of = |path: &PathBuf| {
        let there = fs::metadata(path).ok()?;
        Some((there.mtime(), there.mtime_nsec(), there.ino(), there.len()))
    };
    files.into_iter().flatten().map(of).collect()
}

fn load(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|source| TlsError::File {
        path: tls.key.clone(),
        what: "private key",
        source,
    })?;
    let pair = |source| TlsError::Pair {
        key: tls.key.clone(),
        certificate: tls.certificate.clone(),
        source,
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(pair)?;
    let builder = match &tls.clients {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let refused = |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Roots {
                path: path.clone(),
                source,
            };
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(|error| refused(error.into()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if tls.optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| refused(error.into()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(pair)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File { path: path.to_path_buf(), what: "certificate", source };
    let all = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if all.is_empty() {
        return Err(TlsError::Empty { path: path.to_path_buf() });
    }
    Ok(all)
}
