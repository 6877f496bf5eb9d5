//! The API by https: certificates of machines, revoked ones, and certificates that change.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{
    CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::column;
use crate::served::{Served, spillway};

/// How long changed files may take to be taken up.
const PATIENCE: Duration = Duration::from_secs(30);

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(folder: &Path, file: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, file);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join(file), issuer.pem()).unwrap();
        Self(issuer)
    }

    /// Writes `{name}.pem` and `{name}.key`, of this unit and serial number.
    fn sign(&self, folder: &Path, name: &str, unit: &str, serial: u64) {
        let pair = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        let signed = params.signed_by(&pair, &self.0).unwrap();
        fs::write(folder.join(format!("{name}.pem")), signed.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), pair.serialize_pem()).unwrap();
    }

    fn revoke(&self, folder: &Path, serial: u64) {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2025, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.0).unwrap();
        fs::write(folder.join("revoked.pem"), list.pem().unwrap()).unwrap();
    }
}

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

fn start(folder: tempfile::TempDir) -> Served {
    let api = ", tls: {cert_file: server.pem, key_file: server.key, ca_cert_path: ca.pem, \
               crl_path: revoked.pem, agents_allowed_ou: [agent-ou], \
               bouncers_allowed_ou: [bouncer-ou]}";
    Served::start_in(folder, api)
}

#[test]
fn certificates_let_machines_in_by_unit_until_they_are_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca.pem");
    let stranger = Authority::new(folder.path(), "other-ca.pem");
    authority.sign(folder.path(), "server", "server-ou", 1);
    authority.sign(folder.path(), "agent", "agent-ou", 2);
    authority.sign(folder.path(), "revoked-agent", "agent-ou", 3);
    authority.sign(folder.path(), "guest", "guest-ou", 4);
    stranger.sign(folder.path(), "forged", "agent-ou", 5);
    authority.revoke(folder.path(), 3);
    let served = start(folder);
    let ca = served.path("ca.pem").display().to_string();
    served.run(&["machines", "add", "web1", "-p", "a-password", "-f", "-"]);
    assert_eq!(status(&served, &ca, None), Ok(()));
    assert_eq!(status(&served, &ca, Some("agent")), Ok(()));
    let raw = served.run(&["machines", "list", "-o", "raw"]);
    assert_eq!(column(&raw, 1, "machine_id"), "agent@127.0.0.1");
    assert_eq!(column(&raw, 1, "auth_type"), "tls");
    for name in ["revoked-agent", "guest", "forged"] {
        assert!(status(&served, &ca, Some(name)).is_err(), "{name}");
    }
    let raw = served.run(&["machines", "list", "-o", "raw"]);
    assert_eq!(raw.lines().count(), 3, "{raw}");
}

#[test]
fn changed_certificates_are_taken_up_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca.pem");
    let next = Authority::new(folder.path(), "next-ca.pem");
    authority.sign(folder.path(), "server", "server-ou", 1);
    authority.revoke(folder.path(), 99);
    let served = start(folder);
    let (ca, next_ca) = (served.path("ca.pem"), served.path("next-ca.pem"));
    served.run(&["machines", "add", "web1", "-p", "a-password", "-f", "-"]);
    fs::write(served.path("server.pem"), "rubbish").unwrap();
    assert_eq!(status(&served, &ca.display().to_string(), None), Ok(()));
    next.sign(served.folder.path(), "server", "server-ou", 2);
    let deadline = Instant::now() + PATIENCE;
    while let Err(why) = status(&served, &next_ca.display().to_string(), None) {
        assert!(Instant::now() < deadline, "{why}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(status(&served, &ca.display().to_string(), None).is_err());
}
