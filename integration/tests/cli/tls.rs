//! The API by https: certificates of machines and bouncers, revoked ones, and certificates that
//! change.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::ExtendedKeyUsagePurpose;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use integration::ports::free_port;

use crate::authority::{Authority, Responder, Says, Special};
use crate::column;
use crate::served::{Served, spillway};

/// How long changed files may take to be taken up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `lapi status` says to whom these credentials are of.
fn status(served: &Served, authority: &str, name: Option<&str>) -> Result<(), String> {
    let mut text = format!("url: https://{}\nca_cert_path: {authority}\n", served.address);
    if let Some(name) = name {
        let path = |end: &str| served.path(&format!("{name}.{end}")).display().to_string();
        text.push_str(&format!("cert_path: {}\nkey_path: {}\n", path("pem"), path("key")));
    } else {
        text.push_str("login: web1\npassword: a-password\n");
    }
    let file = served.file("credentials.yaml", &text);
    let done = spillway().args(["lapi", "status", "--credentials", &file]).output().unwrap();
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8(done.stderr).unwrap()),
    }
}

/// A connection of a bouncer that goes on.
struct Bouncer(StreamOwned<ClientConnection, TcpStream>);

impl Bouncer {
    /// Connects, with this certificate or none.
    fn connect(served: &Served, name: Option<&str>) -> Self {
        let pem = |file: &str| fs::read(served.path(file)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = pem(&format!("{name}.pem"));
                let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>();
                let key = PrivateKeyDer::from_pem_slice(&pem(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(chain.unwrap(), key).unwrap()
            }
        };
        let host = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::new(config), host).unwrap();
        let stream = TcpStream::connect(&served.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(StreamOwned::new(connection, stream))
    }

    /// The status of the answer; an error where the connection ends.
    fn ask(&mut self, key: &str) -> std::io::Result<u16> {
        let request = format!("GET /v1/decisions HTTP/1.1\r\nHost: t\r\nX-Api-Key: {key}\r\n\r\n");
        self.0.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut piece = [0; 4_096];
        loop {
            let read = self.0.read(&mut piece)?;
            answer.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                });
                if read == 0 || length.is_none_or(|length: usize| body.len() >= length) {
                    return Ok(head.split(' ').nth(1).unwrap().parse().unwrap());
                }
            } else if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// What a bouncer with this certificate is answered.
fn asked(served: &Served, name: &str) -> Option<u16> {
    Bouncer::connect(served, Some(name)).ask("").ok()
}

fn start(folder: tempfile::TempDir, more: &str) -> Served {
    let api = format!(
        ", tls: {{cert_file: server.pem, key_file: server.key, ca_cert_path: ca.pem, \
         crl_path: revoked.pem, agents_allowed_ou: [agent-ou], \
         bouncers_allowed_ou: [bouncer-ou]{more}}}"
    );
    Served::start_in(folder, &api)
}

/// An authority that signed the server's certificate and revoked nobody.
fn authority(folder: &Path) -> Authority {
    let authority = Authority::new(folder, "ca");
    authority.sign("server", "server-ou", 1, Special::default());
    authority.revoke(&[]);
    authority
}

#[test]
fn certificates_let_machines_in_by_unit_until_they_are_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let stranger = Authority::new(folder.path(), "other-ca");
    authority.sign("agent", "agent-ou", 2, Special::default());
    authority.sign("revoked-agent", "agent-ou", 3, Special::default());
    authority.sign("guest", "guest-ou", 4, Special::default());
    stranger.sign("forged", "agent-ou", 5, Special::default());
    authority.revoke(&[3]);
    let served = start(folder, "");
    let ca = served.path("ca.pem").display().to_string();
    served.run(&["machines", "add", "web1", "-p", "a-password", "-f", "-"]);
    assert_eq!(status(&served, &ca, None), Ok(()));
    assert_eq!(status(&served, &ca, Some("agent")), Ok(()));
    let registered = served.path("late.yaml").display().to_string();
    let url = format!("https://{}", served.address);
    let mut command = spillway();
    command.args(["lapi", "register", "-u", &url, "--machine", "late", "-f", &registered]);
    assert!(!command.output().unwrap().status.success(), "nobody knows the authority");
    assert!(command.args(["--ca-cert", &ca]).output().unwrap().status.success());
    served.run(&["machines", "validate", "late"]);
    let done = spillway().args(["lapi", "status", "--credentials", &registered]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    served.run(&["machines", "delete", "late"]);
    let added = served.run(&["machines", "add", "web2", "--auto", "-f", "-"]);
    assert!(added.contains(&url), "{added}");
    served.run(&["machines", "delete", "web2"]);
    let raw = served.run(&["machines", "list", "-o", "raw"]);
    assert_eq!(column(&raw, 1, "machine_id"), "agent@127.0.0.1");
    assert_eq!(column(&raw, 1, "auth_type"), "tls");
    let refused = |name| status(&served, &ca, Some(name)).unwrap_err();
    assert!(refused("revoked-agent").contains("certificate revoked by CRL"));
    assert!(refused("guest").contains("doesn't match expected OU"));
    // The server hangs up: how far the client is by then differs.
    for _ in 0..20 {
        refused("forged");
    }
    let raw = served.run(&["machines", "list", "-o", "raw"]);
    assert_eq!(raw.lines().count(), 3, "{raw}");
}

#[test]
fn a_bouncer_is_cut_off_when_it_is_revoked_even_on_a_connection_that_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    authority.sign("gate", "bouncer-ou", 2, Special::default());
    authority.sign("agent", "agent-ou", 3, Special::default());
    let below = authority.below("below", 8);
    let by_it = Special { issuer: Some(&below), ..Special::default() };
    authority.sign("far-gate", "bouncer-ou", 4, by_it);
    let served = start(folder, "");
    let key = served.run(&["bouncers", "add", "by-key", "-o", "raw"]);
    let mut by_key = Bouncer::connect(&served, None);
    let mut gate = Bouncer::connect(&served, Some("gate"));
    let mut far = Bouncer::connect(&served, Some("far-gate"));
    assert_eq!(by_key.ask(key.trim()).unwrap(), 200);
    assert_eq!(by_key.ask("wrong").unwrap(), 403);
    assert_eq!(gate.ask("").unwrap(), 200);
    assert_eq!(far.ask("").unwrap(), 200);
    // A certificate counts instead of a key.
    assert_eq!(Bouncer::connect(&served, Some("agent")).ask(key.trim()).unwrap(), 403);
    let list = served.run(&["bouncers", "list", "-o", "raw"]);
    assert!(list.contains("gate@127.0.0.1") && list.contains("far-gate@127.0.0.1"), "{list}");
    // The second one is of the authority below, which is revoked itself.
    authority.revoke(&[2, 8]);
    served.signal("-HUP");
    let deadline = Instant::now() + PATIENCE;
    while gate.ask("").unwrap() != 403 {
        assert!(Instant::now() < deadline, "the revoked bouncer is served");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(far.ask("").unwrap(), 403);
    assert_eq!(asked(&served, "gate"), Some(403));
    assert_eq!(by_key.ask(key.trim()).unwrap(), 200);
}

#[test]
fn who_can_be_asked_about_a_certificate_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let signing =
        Special { usage: Some(ExtendedKeyUsagePurpose::OcspSigning), ..Special::default() };
    authority.sign("delegate", "", 10, signing);
    authority.sign("rogue", "", 11, Special::default());
    let at = |port| Special { responders: vec![port], ..Special::default() };
    let (own, delegated, rogue, nobody) = (free_port(), free_port(), free_port(), free_port());
    authority.sign("good", "bouncer-ou", 20, at(own));
    authority.sign("revoked", "bouncer-ou", 21, at(own));
    authority.sign("good-by-delegate", "bouncer-ou", 22, at(delegated));
    authority.sign("revoked-by-delegate", "bouncer-ou", 23, at(delegated));
    authority.sign("slandered", "bouncer-ou", 24, at(rogue));
    authority.sign("unanswered", "bouncer-ou", 25, at(nobody));
    let start_one = |port, signer| {
        let (stand, revoked): (&[u64], &[u64]) = (&[20, 22], &[21, 23, 24]);
        let says = Says { signer, stand, revoked, ..Says::default() };
        Responder::start(folder.path(), port, says)
    };
    let started =
        [start_one(own, "ca"), start_one(delegated, "delegate"), start_one(rogue, "rogue")];
    let Some(_responders) = started.into_iter().collect::<Option<Vec<_>>>() else {
        eprintln!("skipped: openssl is not here to answer OCSP");
        return;
    };
    let served = start(folder, "");
    let wanted = [
        ("good", 200),
        ("revoked", 403),
        ("good-by-delegate", 200),
        ("revoked-by-delegate", 403),
        ("slandered", 200),
        ("unanswered", 200),
    ];
    for (name, status) in wanted {
        assert_eq!(asked(&served, name), Some(status), "{name}");
    }
}

#[test]
fn an_answer_about_a_certificate_counts_in_its_time_alone() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let (old, early, now) = (free_port(), free_port(), free_port());
    let at = |ports: &[u16]| Special { responders: ports.to_vec(), ..Special::default() };
    authority.sign("once-good", "bouncer-ou", 20, at(&[old, now]));
    authority.sign("good-later", "bouncer-ou", 21, at(&[early, now]));
    authority.sign("good", "bouncer-ou", 22, at(&[now, old]));
    let start_one = |port, clock, stand, revoked| {
        let says = Says { signer: "ca", stand, revoked, clock };
        Responder::start(folder.path(), port, says)
    };
    let started = [
        start_one(old, "-1d", &[20], &[22]),
        start_one(early, "+1d", &[21], &[]),
        start_one(now, "", &[22], &[20, 21]),
    ];
    let Some(_responders) = started.into_iter().collect::<Option<Vec<_>>>() else {
        eprintln!("skipped: openssl or faketime is not here to answer OCSP at another time");
        return;
    };
    let served = start(folder, "");
    for (name, status) in [("once-good", 403), ("good-later", 403), ("good", 200)] {
        assert_eq!(asked(&served, name), Some(status), "{name}");
    }
}

#[test]
fn what_is_asked_of_clients_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    authority.sign("gate", "bouncer-ou", 2, Special::default());
    Authority::new(folder.path(), "other-ca").sign("forged", "bouncer-ou", 3, Special::default());
    let served = start(folder, ", client_verification: RequireAnyClientCert");
    assert_eq!(asked(&served, "gate"), Some(200));
    // Taken by the handshake, as CrowdSec does; it proves nothing.
    assert_eq!(asked(&served, "forged"), Some(403));
    assert!(Bouncer::connect(&served, None).ask("").is_err());
}

#[test]
fn changed_certificates_are_taken_up_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path());
    let next = Authority::new(folder.path(), "next-ca");
    let served = start(folder, "");
    let (ca, next_ca) = (served.path("ca.pem"), served.path("next-ca.pem"));
    served.run(&["machines", "add", "web1", "-p", "a-password", "-f", "-"]);
    fs::write(served.path("server.pem"), "rubbish").unwrap();
    served.signal("-HUP");
    assert_eq!(status(&served, &ca.display().to_string(), None), Ok(()));
    next.sign("server", "server-ou", 2, Special::default());
    let deadline = Instant::now() + PATIENCE;
    while let Err(why) = status(&served, &next_ca.display().to_string(), None) {
        assert!(Instant::now() < deadline, "{why}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(status(&served, &ca.display().to_string(), None).is_err());
}
