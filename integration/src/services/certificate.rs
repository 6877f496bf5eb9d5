//! Certificates for one test: an authority, a server on this host, a client.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Files in PEM.
#[derive(Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// Key and certificate of a server called `localhost` and `127.0.0.1`.
    pub server: PathBuf,
    /// Certificate of a client.
    pub client: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
}

impl Certificates {
    /// Makes them in a directory.
    pub fn make(directory: &Path) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "spillway test authority");
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let signed = |name: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut subject = CertificateParams::new(names).unwrap();
            subject.distinguished_name.push(rcgen::DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let certificate = subject.signed_by(&key, &authority).unwrap();
            (key.serialize_pem(), certificate.pem())
        };
        let (server_key, server) = signed("server", &["localhost", "127.0.0.1"]);
        let (client_key, client) = signed("client", &["client"]);
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        Self {
            ca: write("ca.pem", &authority.pem()),
            server: write("server.pem", &format!("{server_key}{server}{}", authority.pem())),
            client: write("client.pem", &client),
            client_key: write("client.key", &client_key),
        }
    }
}
