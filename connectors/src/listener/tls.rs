//! TLS of a listener: certificates from files, taken up again when the files change, and client
//! certificates where they are asked for.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::config::ServerTls;
use crate::source::SourceError;
use crate::stop::Stop;

/// Files are looked at so often.
const EVERY: Duration = Duration::from_secs(10);

/// Certificates in use.
pub(crate) struct Certificates {
    files: ServerTls,
    current: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// A file is missing or not what it should be, or the key is another certificate's.
    pub(crate) fn load(files: &ServerTls) -> Result<Arc<Self>, SourceError> {
        let current = RwLock::new(Arc::new(configuration(files)?));
        Ok(Arc::new(Self { files: files.clone(), current }))
    }

    /// What greets a connection now.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current).into()
    }

    /// Takes up changed files until `stop`. Where they are no good, the old ones stay.
    pub(crate) async fn watch(self: Arc<Self>, stop: Stop) {
        let mut known = self.stamps();
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.wait() => return,
            }
            let stamps = self.stamps();
            if stamps != known {
                self.reload();
                known = stamps;
            }
        }
    }

    /// Takes up the files as they are now.
    pub(crate) fn reload(&self) {
        match configuration(&self.files) {
            Ok(new) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(new);
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "changed certificates are no good, the old ones stay"
            ),
        }
    }

    fn stamps(&self) -> Vec<Option<SystemTime>> {
        let files =
            [Some(&self.files.certificate), Some(&self.files.key), self.files.client_ca.as_ref()];
        let stamp = |path: &std::path::PathBuf| fs::metadata(path).ok()?.modified().ok();
        files.into_iter().map(|path| path.and_then(stamp)).collect()
    }
}

fn configuration(files: &ServerTls) -> Result<ServerConfig, SourceError> {
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
            let verifier = verifier.build().map_err(|error| wrong(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut configuration =
        builder.with_single_cert(chain, key).map_err(|error| wrong(&files.certificate, &error))?;
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
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
