//! Revocation lists (CRLs): numbers of certificates that an authority takes back.

use std::collections::HashSet;

use rustls::pki_types::CertificateRevocationListDer;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::chain::Link;

/// Lists of one file.
#[derive(Debug, Default)]
pub struct Lists(Vec<List>);

#[derive(Debug)]
struct List {
    der: CertificateRevocationListDer<'static>,
    /// Octets of the numbers.
    revoked: HashSet<Vec<u8>>,
}

impl Lists {
    /// Reads lists. One whose time is over still counts, as by CrowdSec: better an old list than none.
    ///
    /// # Errors
    /// One is none.
    pub fn read(all: Vec<CertificateRevocationListDer<'static>>, now: i64) -> Result<Self, String> {
        all.into_iter().map(|der| List::read(der, now)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of whom signed a certificate names it.
    pub(super) fn name(&self, link: &Link) -> bool {
        let Ok((_, issuer)) = X509Certificate::from_der(&link.issuer) else { return false };
        let naming = self.0.iter().filter(|list| list.revoked.contains(&link.serial));
        naming.filter_map(|list| CertificateRevocationList::from_der(&list.der).ok()).any(
            |(_, list)| {
                list.issuer().as_raw() == issuer.subject().as_raw()
                    && list.verify_signature(issuer.public_key()).is_ok()
            },
        )
    }
}

impl List {
    fn read(der: CertificateRevocationListDer<'static>, now: i64) -> Result<Self, String> {
        let (_, list) =
            CertificateRevocationList::from_der(&der).map_err(|error| error.to_string())?;
        let issuer = list.issuer();
        if list.next_update().is_some_and(|next| next.timestamp() < now) {
            tracing::warn!(%issuer, "a revocation list is out of date; it is used still");
        }
        if list.last_update().timestamp() > now {
            tracing::warn!(%issuer, "a revocation list is of the future; it is used already");
        }
        let all = list.iter_revoked_certificates();
        let revoked = all.map(|revoked| revoked.raw_serial().to_vec()).collect();
        Ok(Self { der, revoked })
    }
}
