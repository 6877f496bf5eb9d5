//! TLS of a listener: client certificates, and certificates that change while it runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use connectors::endpoint::ClientTls;
use connectors::http::{Config, Format, Http};
use connectors::listener::{Listening, ServerTls};
use connectors::loki::{Poll, PollConfig};
use connectors::metric::Reason;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};

use crate::pipe::{Kept, Pipe, SOON};
use crate::ports::free_port;

/// An authority and what it has signed, in files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn write(&self, path: &Path) {
        fs::write(path, self.issuer.pem()).unwrap();
    }

    /// Writes a certificate for `localhost` and its key.
    fn sign(&self, certificate: &Path, key: &Path) {
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        fs::write(certificate, params.signed_by(&pair, &self.issuer).unwrap().pem()).unwrap();
        fs::write(key, pair.serialize_pem()).unwrap();
    }
}

fn client(ca: &Path, identity: Option<(&Path, &Path)>) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let ca = reqwest::Certificate::from_pem(&fs::read(ca).unwrap()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([ca]);
    if let Some((certificate, key)) = identity {
        let pem = [fs::read(certificate).unwrap(), fs::read(key).unwrap()].concat();
        builder = builder.identity(reqwest::Identity::from_pem(&pem).unwrap());
    }
    builder.build().unwrap()
}

/// Posts while the pipe keeps; the status, unless there was no connection.
fn post(pipe: &mut Pipe, client: &reqwest::Client, url: &str) -> Option<u16> {
    let request = client.post(url).body("{\"a\":1}");
    let sent = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = runtime.block_on(request.send());
        sent.ok().map(|response| response.status().as_u16())
    });
    pipe.until(SOON, |_| sent.is_finished());
    sent.join().unwrap()
}

#[test]
fn clients_show_certificates_and_changed_ones_are_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (ours, others) = (Authority::new(), Authority::new());
    ours.write(&path("ca.pem"));
    ours.sign(&path("server.pem"), &path("server.key"));
    ours.sign(&path("client.pem"), &path("client.key"));
    others.write(&path("other-ca.pem"));
    others.sign(&path("other.pem"), &path("other.key"));
    let port = free_port();
    let mut tls = ServerTls::new(path("server.pem"), path("server.key"));
    tls.client_ca = Some(path("ca.pem"));
    let address = Some(format!("127.0.0.1:{port}"));
    let listening = Listening { address, tls: Some(tls), ..Listening::default() };
    let mut pipe =
        Pipe::start(Http::new(Config { listening, format: Format::json() }), Kept::default());
    let url = format!("https://localhost:{port}/");
    let known = client(&path("ca.pem"), Some((&path("client.pem"), &path("client.key"))));
    pipe.until(SOON, |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert_eq!(post(&mut pipe, &known, &url), Some(200));
    assert_eq!(post(&mut pipe, &client(&path("ca.pem"), None), &url), None);
    let stranger = client(&path("ca.pem"), Some((&path("other.pem"), &path("other.key"))));
    assert_eq!(post(&mut pipe, &stranger, &url), None);
    pipe.until(SOON, |pipe| pipe.meter.rejected(Reason::Handshake) >= 2);
    // Rubbish changes nothing; new ones do.
    fs::write(path("server.pem"), "rubbish").unwrap();
    pipe.linger(Duration::from_millis(1100));
    assert_eq!(post(&mut pipe, &known, &url), Some(200));
    others.sign(&path("server.pem"), &path("server.key"));
    let trusting =
        || client(&path("other-ca.pem"), Some((&path("client.pem"), &path("client.key"))));
    let deadline = std::time::Instant::now() + SOON;
    while post(&mut pipe, &trusting(), &url) != Some(200) {
        assert!(std::time::Instant::now() < deadline);
    }
    let fresh = client(&path("ca.pem"), Some((&path("client.pem"), &path("client.key"))));
    assert_eq!(post(&mut pipe, &fresh, &url), None);
    assert_eq!(pipe.stop().lines.len(), 3);
}

/// Both ends ours: a poll with a certificate at a listener that asks for one.
#[test]
fn a_client_of_ours_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ours = Authority::new();
    ours.write(&path("ca.pem"));
    ours.sign(&path("server.pem"), &path("server.key"));
    ours.sign(&path("client.pem"), &path("client.key"));
    let port = free_port();
    let mut tls = ServerTls::new(path("server.pem"), path("server.key"));
    tls.client_ca = Some(path("ca.pem"));
    let address = Some(format!("127.0.0.1:{port}"));
    let listening = Listening { address, tls: Some(tls), ..Listening::default() };
    let mut server =
        Pipe::start(Http::new(Config { listening, format: Format::otlp() }), Kept::default());
    server.until(SOON, |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let said = |identity: Option<(std::path::PathBuf, std::path::PathBuf)>, answered: bool| {
        let mut config = PollConfig::new(&format!("https://localhost:{port}"), "{a=\"b\"}");
        config.endpoint.tls =
            ClientTls { ca: Some(path("ca.pem")), identity, insecure_skip_verify: false };
        let mut pipe = Pipe::start(Poll::new(config), Kept::default());
        pipe.until(SOON, |pipe| pipe.health.state().name() == "retrying");
        let said = pipe.health.state().to_string();
        assert_eq!(said.contains("404"), answered, "{said}");
        pipe.stop();
    };
    // It is no Loki, but it answers.
    said(Some((path("client.pem"), path("client.key"))), true);
    said(None, false);
    server.stop();
}
