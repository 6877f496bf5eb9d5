//! Who vouches for a certificate: the chain that a client showed, with the authorities that are
//! known here. That a valid chain exists was seen when the connection began; here every pair counts.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// Certificates of a chain that are looked at.
const DEEPEST: usize = 8;
/// `id-ad-ocsp` (RFC 5280, 4.2.2.1).
const OCSP: &str = "1.3.6.1.5.5.7.48.1";

/// A certificate and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number, the octets of a DER integer.
    pub(super) serial: Vec<u8>,
    /// The certificate of who signed it.
    pub(super) issuer: CertificateDer<'static>,
    /// Addresses of those who can be asked about it.
    pub(super) responders: Vec<String>,
}

/// The certificates of a chain, up to an authority, each with everybody who signed it. Authorities
/// are trusted as they are: nobody is asked about them.
pub(super) fn links(
    chain: &[CertificateDer<'static>],
    authorities: &[CertificateDer<'static>],
) -> Vec<Link> {
    let mut links = Vec::new();
    let mut next: Vec<&CertificateDer<'static>> = chain.first().into_iter().collect();
    let mut seen = 0;
    while let Some(der) = next.pop() {
        seen += 1;
        if seen > DEEPEST {
            break;
        }
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { continue };
        for issuer in authorities.iter().filter(|issuer| signed(&certificate, issuer)) {
            links.push(link(&certificate, issuer));
        }
        let between = chain.iter().skip(1).filter(|issuer| !authorities.contains(issuer));
        for issuer in between.filter(|issuer| *issuer != der && signed(&certificate, issuer)) {
            links.push(link(&certificate, issuer));
            next.push(issuer);
        }
    }
    links
}

fn signed(certificate: &X509Certificate<'_>, issuer: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(issuer).is_ok_and(|(_, issuer)| {
        issuer.subject().as_raw() == certificate.issuer().as_raw()
            && certificate.verify_signature(Some(issuer.public_key())).is_ok()
    })
}

fn link(certificate: &X509Certificate<'_>, issuer: &CertificateDer<'static>) -> Link {
    let mut responders = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            continue;
        };
        for described in access.iter().filter(|one| one.access_method.to_id_string() == OCSP) {
            if let GeneralName::URI(url) = &described.access_location {
                responders.push((*url).to_owned());
            }
        }
    }
    Link { serial: certificate.raw_serial().to_vec(), issuer: issuer.clone(), responders }
}
