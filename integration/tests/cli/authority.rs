//! Authorities of certificates, for one test: they sign, revoke, and answer questions (OCSP).

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use rcgen::{
    CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

/// An authority with its files in a directory.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// What is special about a certificate.
#[derive(Clone, Default)]
pub(crate) struct Special<'a> {
    /// Ports on this host of those who are asked about it.
    pub(crate) responders: Vec<u16>,
    /// What it may be used for, besides.
    pub(crate) usage: Option<ExtendedKeyUsagePurpose>,
    /// Who else signs it, instead of the authority.
    pub(crate) issuer: Option<&'a Authority>,
}

impl Authority {
    /// Writes `{name}.pem` and `{name}.key`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let pair = KeyPair::generate().unwrap();
        fs::write(folder.join(format!("{name}.key")), pair.serialize_pem()).unwrap();
        let issuer = CertifiedIssuer::self_signed(authority(name), pair).unwrap();
        fs::write(folder.join(format!("{name}.pem")), issuer.pem()).unwrap();
        Self { issuer, folder: folder.to_owned() }
    }

    /// An authority below this one.
    pub(crate) fn below(&self, name: &str, serial: u64) -> Self {
        let mut params = authority(name);
        params.serial_number = Some(SerialNumber::from(serial));
        let pair = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(params, pair, &self.issuer).unwrap();
        Self { issuer, folder: self.folder.clone() }
    }

    /// Writes `{name}.pem` and `{name}.key`, of this unit and serial number.
    pub(crate) fn sign(&self, name: &str, unit: &str, serial: u64, special: Special<'_>) {
        let pair = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        params.extended_key_usages.extend(special.usage);
        if !special.responders.is_empty() {
            params.custom_extensions.push(responders_at(&special.responders));
        }
        let signed = match special.issuer {
            None => params.signed_by(&pair, &self.issuer).unwrap().pem(),
            Some(below) => {
                let own = params.signed_by(&pair, &below.issuer).unwrap().pem();
                own + &below.issuer.pem()
            }
        };
        fs::write(self.folder.join(format!("{name}.pem")), signed).unwrap();
        fs::write(self.folder.join(format!("{name}.key")), pair.serialize_pem()).unwrap();
    }

    /// Writes `revoked.pem`.
    pub(crate) fn revoke(&self, serials: &[u64]) {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2025, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap();
        fs::write(self.folder.join("revoked.pem"), list.pem().unwrap()).unwrap();
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The extension that says who is asked about a certificate (RFC 5280, 4.2.2.1).
fn responders_at(ports: &[u16]) -> CustomExtension {
    let sequence =
        |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let ocsp = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    let access = |port: &u16| {
        let url = sequence(0x86, format!("http://127.0.0.1:{port}/").as_bytes());
        sequence(0x30, &[&ocsp[..], &url].concat())
    };
    let all = ports.iter().flat_map(access).collect::<Vec<_>>();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], sequence(0x30, &all))
}

/// `openssl ocsp`, which answers questions about certificates of `ca.pem`.
pub(crate) struct Responder {
    child: Child,
    _told: BufReader<ChildStderr>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a responder says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Says<'a> {
    /// Who signs it; a name of files.
    pub(crate) signer: &'a str,
    /// Certificates that stand, by their numbers.
    pub(crate) stand: &'a [u64],
    /// Certificates that are revoked.
    pub(crate) revoked: &'a [u64],
    /// What its clock is off by; empty for nothing.
    pub(crate) clock: &'a str,
}

impl Responder {
    /// Answers at `port`. `None` where there is no openssl, or no other clock.
    pub(crate) fn start(folder: &Path, port: u16, says: Says<'_>) -> Option<Self> {
        let Says { signer, stand, revoked, clock } = says;
        let mut index = String::new();
        for serial in stand {
            index.push_str(&format!("V\t490101000000Z\t\t{serial:02X}\tunknown\t/CN=x{serial}\n"));
        }
        for serial in revoked {
            let line =
                format!("R\t490101000000Z\t250101000000Z\t{serial:02X}\tunknown\t/CN=x{serial}\n");
            index.push_str(&line);
        }
        let path = |name: &str| folder.join(name);
        let place = path(&format!("index-{port}.txt"));
        fs::write(&place, index).unwrap();
        let mut command = Command::new("openssl");
        command.args(["ocsp", "-port", &port.to_string(), "-nmin", "5", "-index"]).arg(place);
        command.arg("-CA").arg(path("ca.pem")).arg("-rsigner").arg(path(&format!("{signer}.pem")));
        command.arg("-rkey").arg(path(&format!("{signer}.key")));
        if !clock.is_empty() && !integration::clock::set(&mut command, clock) {
            return None;
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        // A connection that says nothing would keep it busy for ever: what it says is waited for.
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("waiting for OCSP") {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "openssl ocsp ends");
        }
        Some(Self { child, _told: told })
    }
}
