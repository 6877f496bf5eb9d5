//! TLS of a listener (rustls): certificates that are read again when their files change, client
//! certificates with their chain, revocation lists and organisational units.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::auth::Certificate;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What is asked of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientVerification {
    /// No certificate is asked for.
    None,
    /// Who has one shows it; it must be valid.
    #[default]
    IfGiven,
    /// Nobody without a valid one is let in.
    Required,
}

/// Files of a listener's TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Authorities of client certificates, PEM.
    pub authorities: Option<PathBuf>,
    /// Revocation lists, PEM, one behind the other.
    pub revoked: Option<PathBuf>,
    /// What is asked of clients.
    pub clients: ClientVerification,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no PEM of the kind that is wanted.
    #[error("{} holds no {what} in PEM form: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wanted.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Client certificates are asked for, and nothing says who may sign them.
    #[error("client certificates need `ca_cert_path`: it says who may sign them")]
    NoAuthorities,
    /// Certificate and key do not fit, or a list is of nobody.
    #[error("the certificates cannot be used")]
    Rustls(#[source] rustls::Error),
    /// The authorities or revocation lists cannot be used.
    #[error("client certificates cannot be verified")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
}

/// The present configuration of a listener, read again when its files change.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn new(files: Files) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(files.read()?);
        Ok(Arc::new(Self { files, current }))
    }

    /// The present configuration.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Looks at the files for as long as somebody uses the configuration. Files that cannot be used
    /// change nothing: the present configuration stays.
    pub async fn watch(self: Arc<Self>) {
        let mut seen = self.files.changed();
        while Arc::strong_count(&self) > 1 {
            tokio::time::sleep(LOOK).await;
            let now = self.files.changed();
            if now == seen {
                continue;
            }
            seen = now;
            match self.files.read() {
                Ok(config) => {
                    self.current.store(Arc::new(config));
                    tracing::info!("the certificates were read again");
                }
                Err(error) => {
                    tracing::error!(%error, "the new certificates cannot be used: the old ones stay");
                }
            }
        }
    }
}

impl Files {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.authorities).chain(&self.revoked)
    }

    /// When each file changed, and its size.
    fn changed(&self) -> Vec<Option<(SystemTime, u64)>> {
        let of = |path: &PathBuf| {
            let data = fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        self.paths().map(of).collect()
    }

    fn read(&self) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&self.certificate)?;
        let bytes = bytes(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| TlsError::Pem {
            path: self.key.clone(),
            what: "private key",
            reason: error.to_string(),
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Rustls)?;
        let builder = match self.clients {
            ClientVerification::None => builder.with_no_client_auth(),
            // Without authorities nobody can have a valid one.
            ClientVerification::IfGiven if self.authorities.is_none() => {
                builder.with_no_client_auth()
            }
            clients => builder.with_client_cert_verifier(self.verifier(clients, provider)?),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Rustls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        clients: ClientVerification,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
        let path = self.authorities.as_ref().ok_or(TlsError::NoAuthorities)?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(TlsError::Rustls)?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let Some(path) = &self.revoked {
            let bytes = bytes(path)?;
            let lists = CertificateRevocationListDer::pem_slice_iter(&bytes);
            let lists: Vec<_> = lists.collect::<Result<_, _>>().map_err(|error| TlsError::Pem {
                path: path.clone(),
                what: "revocation list",
                reason: error.to_string(),
            })?;
            // Whoever no list is about is not revoked.
            builder = builder.with_crls(lists).allow_unknown_revocation_status();
        }
        if clients == ClientVerification::IfGiven {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(TlsError::Verifier)
    }
}

fn bytes(path: &PathBuf) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source })
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let pem = |reason: String| TlsError::Pem { path: path.clone(), what: "certificate", reason };
    let all = all.map_err(|error| pem(error.to_string()))?;
    if all.is_empty() { Err(pem("it is empty".to_owned())) } else { Ok(all) }
}

/// What a verified client certificate says.
pub fn certificate_of(der: &CertificateDer<'_>) -> Certificate {
    let refused = |why: &str| Certificate { refused: Some(why.to_owned()), ..Default::default() };
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return refused("the certificate cannot be read");
    };
    let subject = certificate.subject();
    let name = subject.iter_common_name().filter_map(|name| name.as_str().ok()).next();
    let units = subject.iter_organizational_unit().filter_map(|unit| unit.as_str().ok());
    match name.filter(|name| !name.is_empty()) {
        Some(name) => Certificate {
            name: name.to_owned(),
            units: units.map(str::to_owned).collect(),
            refused: None,
        },
        None => refused("the certificate has no common name"),
    }
}
