//! HTTP clients that trust and show the certificates that they are told to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, Identity};

/// How to talk TLS to a server.
#[derive(Clone, Debug)]
pub struct Https {
    /// Certificates that sign the server's, PEM; without it those of the system.
    pub ca: Option<PathBuf>,
    /// Our certificate with its key, PEM, where the server asks for one.
    pub identity: Option<PathBuf>,
    /// Whether to check the server's certificate and name. Default: yes.
    pub verify: bool,
}

impl Default for Https {
    fn default() -> Self {
        Self { ca: None, identity: None, verify: true }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpsError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is no PEM file of certificates")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: reqwest::Error,
    },
}

impl Https {
    /// A client that gives up a request after `timeout`.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub(crate) fn client(&self, timeout: Duration) -> Result<ClientBuilder, HttpsError> {
        // Whoever was first has installed the same one.
        rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
        let mut client = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .tls_danger_accept_invalid_certs(!self.verify);
        if let Some(path) = &self.ca {
            let certificates = Certificate::from_pem_bundle(&read(path)?);
            client = client.tls_certs_only(certificates.map_err(|source| pem(path, source))?);
        }
        if let Some(path) = &self.identity {
            let identity = Identity::from_pem(&read(path)?);
            client = client.identity(identity.map_err(|source| pem(path, source))?);
        }
        Ok(client)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, HttpsError> {
    std::fs::read(path).map_err(|source| HttpsError::Read { path: path.to_owned(), source })
}

fn pem(path: &Path, source: reqwest::Error) -> HttpsError {
    HttpsError::Pem { path: path.to_owned(), source }
}
