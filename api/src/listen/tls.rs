//! TLS of a listener (rustls): certificates that are read again when their files change, client
//! certificates with their authorities and revocation lists.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::anybody::Anybody;
use crate::auth::Certificate;
use crate::auth::revocation::{Lists, Revocation};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What is asked of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientVerification {
    /// No certificate is asked for.
    None,
    /// Who has one shows it; whether it is valid matters only where it is to prove something.
    Request,
    /// Everybody shows one; whether it is valid matters only where it is to prove something.
    RequireAny,
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
    /// How long it counts that a certificate was not revoked.
    pub revocation_age: Duration,
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

/// What a listener is to do now.
#[derive(Debug)]
pub struct Present {
    /// How it shakes hands.
    pub config: Arc<ServerConfig>,
    /// Who verifies certificates that the handshake does not.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    lenient: bool,
    revocation: Arc<Revocation>,
}

/// The configuration of a listener, read again when its files change.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    present: ArcSwap<Present>,
    revocation: Arc<Revocation>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn new(files: Files) -> Result<Arc<Self>, TlsError> {
        let revocation = Arc::new(Revocation::new(files.revocation_age));
        let present = ArcSwap::from_pointee(files.read(&revocation)?);
        Ok(Arc::new(Self { files, present, revocation }))
    }

    /// What to do now.
    pub fn present(&self) -> Arc<Present> {
        self.present.load_full()
    }

    /// Reads the files again. Files that cannot be used change nothing.
    pub fn reload(&self) {
        match self.files.read(&self.revocation) {
            Ok(present) => {
                self.present.store(Arc::new(present));
                tracing::info!("the certificates were read again");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the new certificates cannot be used: the old ones stay");
            }
        }
    }

    /// Reads the files again whenever they change, for as long as somebody else holds this.
    pub async fn watch(self: Arc<Self>) {
        let mut seen = self.files.changed();
        while Arc::strong_count(&self) > 1 {
            tokio::time::sleep(LOOK).await;
            let now = self.files.changed();
            if now != seen {
                seen = now;
                self.reload();
            }
        }
    }
}

impl Present {
    /// What a client proves by the certificates that it showed, its own first.
    pub fn certificate(&self, chain: &[CertificateDer<'static>]) -> Certificate {
        if self.lenient && !self.verifies(chain) {
            return Certificate::refused("no verified cert in request");
        }
        Certificate::shown(chain, &self.revocation)
    }

    fn verifies(&self, chain: &[CertificateDer<'static>]) -> bool {
        let (Some(verifier), Some((own, between))) = (&self.verifier, chain.split_first()) else {
            return false;
        };
        verifier.verify_client_cert(own, between, UnixTime::now()).is_ok()
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

    fn read(&self, revocation: &Arc<Revocation>) -> Result<Present, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes(&self.key)?)
            .map_err(|error| no_pem(&self.key, "private key", &error))?;
        let authorities = self.authorities.as_ref().map(certificates).transpose()?;
        let authorities = authorities.unwrap_or_default();
        let lists = self.lists()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = self.verifier(&authorities, &provider)?;
        let lenient =
            matches!(self.clients, ClientVerification::Request | ClientVerification::RequireAny);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Rustls)?;
        let builder = match &verifier {
            _ if lenient => {
                let mandatory = self.clients == ClientVerification::RequireAny;
                builder.with_client_cert_verifier(Arc::new(Anybody { provider, mandatory }))
            }
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Rustls)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        revocation.renew(authorities, lists);
        let revocation = Arc::clone(revocation);
        Ok(Present { config: Arc::new(config), verifier, lenient, revocation })
    }

    fn lists(&self) -> Result<Lists, TlsError> {
        let Some(path) = &self.revoked else { return Ok(Lists::default()) };
        let bytes = bytes(path)?;
        let all = CertificateRevocationListDer::pem_slice_iter(&bytes);
        let all: Vec<_> = all
            .collect::<Result<_, _>>()
            .map_err(|error| no_pem(path, "revocation list", &error))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Lists::read(all, i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            .map_err(|reason| TlsError::Pem { path: path.clone(), what: "revocation list", reason })
    }

    /// Who verifies client certificates, `None` where nobody can have a valid one.
    fn verifier(
        &self,
        authorities: &[CertificateDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        if authorities.is_empty() || self.clients == ClientVerification::None {
            return match self.clients {
                ClientVerification::Required => Err(TlsError::NoAuthorities),
                _ => Ok(None),
            };
        }
        let mut roots = RootCertStore::empty();
        for certificate in authorities {
            roots.add(certificate.clone()).map_err(TlsError::Rustls)?;
        }
        let provider = Arc::clone(provider);
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match self.clients {
            ClientVerification::Required => builder,
            _ => builder.allow_unauthenticated(),
        };
        builder.build().map(Some).map_err(TlsError::Verifier)
    }
}

fn no_pem(path: &Path, what: &'static str, error: &dyn std::error::Error) -> TlsError {
    TlsError::Pem { path: path.to_owned(), what, reason: error.to_string() }
}

fn bytes(path: &PathBuf) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source })
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| no_pem(path, "certificate", &error))?;
    match all.is_empty() {
        true => Err(no_pem(path, "certificate", &rustls::pki_types::pem::Error::NoItemsFound)),
        false => Ok(all),
    }
}
