//! TLS of a listener: certificates from files, taken up again when the files change, and client
//! certificates where they are asked for. In: a connection. Out: an encrypted one of a peer that may
//! come.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::config::ServerTls;
use crate::source::SourceError;

/// Files are looked at so often at most, when somebody connects.
const LOOK: Duration = Duration::from_secs(1);

/// What a file was when it was read: changes show in these.
type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

struct Loaded {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    looked: Instant,
}

/// Certificates in use.
pub(crate) struct Certificates {
    files: ServerTls,
    protocols: &'static [&'static str],
    names: Vec<ServerName<'static>>,
    loaded: Mutex<Loaded>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files. `protocols` are those that are spoken inside (ALPN).
    ///
    /// # Errors
    /// A file is missing or not what it should be, the key is another certificate's, or a name is none.
    pub(crate) fn load(
        files: &ServerTls,
        protocols: &'static [&'static str],
    ) -> Result<Self, SourceError> {
        let name = |name: &String| {
            ServerName::try_from(name.clone()).map_err(|_| {
                let text = format!("client name {name:?} is neither a DNS name nor an address");
                SourceError::Configuration(text)
            })
        };
        let names = files.client_names.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let stamp = stamp(files);
        let config = Arc::new(configuration(files, protocols)?);
        let loaded = Mutex::new(Loaded { config, stamp, looked: Instant::now() });
        Ok(Self { files: files.clone(), protocols, names, loaded })
    }

    /// Encrypts a connection.
    ///
    /// # Errors
    /// The peer does not speak TLS, or may not come.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsAcceptor::from(self.current()).accept(stream).await?;
        if let Some(certificate) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
            self.verify(certificate)?;
        }
        Ok(stream)
    }

    /// Whether the certificate of a client bears one of the names.
    fn verify(&self, certificate: &CertificateDer<'_>) -> io::Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(certificate).map_err(io::Error::other)?;
        if self.names.iter().any(|name| verify_server_name(&parsed, name).is_ok()) {
            return Ok(());
        }
        Err(io::Error::other("the client's certificate bears none of the names"))
    }

    /// What greets a connection now. Where changed files are no good, the old ones stay.
    fn current(&self) -> Arc<ServerConfig> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.looked.elapsed() < LOOK {
            return Arc::clone(&loaded.config);
        }
        loaded.looked = Instant::now();
        let now = stamp(&self.files);
        if now != loaded.stamp {
            match configuration(&self.files, self.protocols) {
                Ok(config) => loaded.config = Arc::new(config),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "changed certificates are no good, the old ones stay"
                ),
            }
            loaded.stamp = now;
        }
        Arc::clone(&loaded.config)
    }
}

fn stamp(files: &ServerTls) -> Stamp {
    let paths = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()];
    let of = |path: &PathBuf| {
        let there = fs::metadata(path).ok()?;
        Some((there.mtime(), there.mtime_nsec(), there.ino(), there.len()))
    };
    paths.into_iter().flatten().map(of).collect()
}

fn configuration(files: &ServerTls, protocols: &[&str]) -> Result<ServerConfig, SourceError> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key);
    let key = key.map_err(|error| wrong(&files.key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&files.certificate, &error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| wrong(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier =
                if files.client_optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| wrong(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut configuration =
        builder.with_single_cert(chain, key).map_err(|error| wrong(&files.certificate, &error))?;
    configuration.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(configuration)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SourceError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all: Vec<_> = all.map_err(|error| wrong(path, &error))?;
    if all.is_empty() {
        return Err(wrong(path, &"there is no certificate in it"));
    }
    Ok(all)
}

fn wrong(path: &Path, error: &dyn fmt::Display) -> SourceError {
    let source = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    SourceError::Host { what: format!("TLS with {}", path.display()), source }
}
