//! The client certificate of a connection: what it says, and whether it still counts.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::revocation::{Revocation, Verdict};

/// A client certificate of a connection.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// Common name of the subject.
    pub name: String,
    /// Organisational units of the subject.
    pub units: Vec<String>,
    /// First and last second of its validity. Unit: seconds since the Unix epoch.
    pub validity: (i64, i64),
    /// Why it is refused whoever asks, if it is: for the log.
    pub refused: Option<String>,
    /// Who knows whether it was revoked, and the chain that was shown.
    shown: Option<(Arc<Revocation>, Vec<CertificateDer<'static>>)>,
}

impl Certificate {
    /// What a certificate says that was shown with its chain, the certificate first.
    pub fn shown(chain: &[CertificateDer<'static>], revocation: &Arc<Revocation>) -> Self {
        let Some(der) = chain.first() else { return Self::refused("no certificate is shown") };
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return Self::refused("the certificate cannot be read");
        };
        let subject = certificate.subject();
        let name = subject.iter_common_name().filter_map(|name| name.as_str().ok()).next();
        // CrowdSec takes an empty name: all such certificates of an address would be one machine.
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Self::refused("the certificate has no common name");
        };
        let units = subject.iter_organizational_unit().filter_map(|unit| unit.as_str().ok());
        let validity = certificate.validity();
        Self {
            name: name.to_owned(),
            units: units.map(str::to_owned).collect(),
            validity: (validity.not_before.timestamp(), validity.not_after.timestamp()),
            refused: None,
            shown: Some((Arc::clone(revocation), chain.to_vec())),
        }
    }

    /// One that proves nothing.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { refused: Some(why.into()), ..Self::default() }
    }

    /// The name that it proves at `now`, if one of its units is among `units`. Unit: seconds since the
    /// Unix epoch.
    ///
    /// # Errors
    /// Why it proves nothing, for the log.
    pub async fn proves(&self, units: &[String], now: i64) -> Result<&str, String> {
        if let Some(why) = &self.refused {
            return Err(why.clone());
        }
        if !self.units.iter().any(|unit| units.contains(unit)) {
            return Err(format!(
                "client certificate OU {:?} doesn't match expected OU {units:?}",
                self.units
            ));
        }
        // A connection may live longer than its certificate.
        if now < self.validity.0 || now > self.validity.1 {
            return Err("client certificate is expired".to_owned());
        }
        let verdict = match &self.shown {
            Some((revocation, chain)) => revocation.verdict(chain, now).await,
            None => Verdict::Stands,
        };
        match verdict {
            Verdict::Stands => Ok(&self.name),
            Verdict::Revoked(by) => Err(format!("certificate revoked by {by}")),
        }
    }
}
