//! Questions about certificates and their answers as bytes (OCSP, RFC 6960).

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_cert::der::asn1::{Null, ObjectIdentifier, OctetString};
use x509_cert::der::{self, Decode, Encode};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request,
    TbsRequest,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::verify::verify_signature;
use x509_parser::x509::AlgorithmIdentifier;

use super::chain::Link;

const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// `id-pkix-ocsp-basic`.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// By how much clocks may differ. Unit: seconds.
const SKEW: i64 = 300;

/// What is said about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It stands.
    Good,
    /// It does not.
    Revoked,
    /// It is not known there.
    Unknown,
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// It is not as it should be.
    #[error("the answer cannot be read")]
    Der(#[from] der::Error),
    /// It is a refusal.
    #[error("the responder refuses: {0:?}")]
    Refused(OcspResponseStatus),
    /// It holds something else.
    #[error("the answer is of another kind")]
    Kind,
    /// Who signed it may not speak for the authority.
    #[error("the answer is not signed by whom it should be")]
    Signer,
    /// It is about another certificate.
    #[error("the answer is about another certificate")]
    Subject,
    /// It was right once.
    #[error("the answer is out of date")]
    Old,
}

/// The question about a certificate.
///
/// # Errors
/// Its issuer cannot be read.
pub(super) fn question(link: &Link) -> Result<Vec<u8>, AnswerError> {
    let (_, issuer) = X509Certificate::from_der(&link.issuer).map_err(|_| AnswerError::Kind)?;
    let hash = |bytes: &[u8]| OctetString::new(Sha256::digest(bytes).to_vec());
    let parameters = Some(Null.into());
    let req_cert = CertId {
        hash_algorithm: AlgorithmIdentifierOwned { oid: SHA_256, parameters },
        issuer_name_hash: hash(issuer.subject().as_raw())?,
        issuer_key_hash: hash(&issuer.public_key().subject_public_key.data)?,
        serial_number: serial(link)?,
    };
    let tbs_request = TbsRequest {
        request_list: vec![Request { req_cert, single_request_extensions: None }],
        ..TbsRequest::default()
    };
    Ok(OcspRequest { tbs_request, optional_signature: None }.to_der()?)
}

fn serial(link: &Link) -> Result<SerialNumber, der::Error> {
    let length = der::Length::try_from(link.serial.len())?;
    let mut bytes = der::Tag::Integer.to_der()?;
    length.encode_to_vec(&mut bytes)?;
    bytes.extend_from_slice(&link.serial);
    SerialNumber::from_der(&bytes)
}

/// What an answer says about a certificate. Unit of `now`: seconds since the Unix epoch.
///
/// # Errors
/// It says nothing that counts.
pub(super) fn answer(bytes: &[u8], link: &Link, now: i64) -> Result<Status, AnswerError> {
    let whole = OcspResponse::from_der(bytes)?;
    if whole.response_status != OcspResponseStatus::Successful {
        return Err(AnswerError::Refused(whole.response_status));
    }
    let held = whole.response_bytes.filter(|held| held.response_type == BASIC);
    let basic = BasicOcspResponse::from_der(held.ok_or(AnswerError::Kind)?.response.as_bytes())?;
    check_signature(&basic, link, now)?;
    let serial = serial(link)?;
    let mut all = basic.tbs_response_data.responses.iter();
    let one = all.find(|one| one.cert_id.serial_number == serial).ok_or(AnswerError::Subject)?;
    let at = |time: &x509_ocsp::OcspGeneralizedTime| {
        i64::try_from(time.0.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
    };
    let over = one.next_update.as_ref().is_some_and(|next| at(next) < now - SKEW);
    if over || at(&one.this_update) > now + SKEW {
        return Err(AnswerError::Old);
    }
    Ok(match one.cert_status {
        CertStatus::Good(_) => Status::Good,
        CertStatus::Revoked(_) => Status::Revoked,
        CertStatus::Unknown(_) => Status::Unknown,
    })
}

/// The authority itself signs, or somebody whom it lets sign answers (RFC 6960, 4.2.2.2).
fn check_signature(basic: &BasicOcspResponse, link: &Link, now: i64) -> Result<(), AnswerError> {
    let signed = basic.tbs_response_data.to_der()?;
    let algorithm = basic.signature_algorithm.to_der()?;
    let (_, algorithm) =
        AlgorithmIdentifier::from_der(&algorithm).map_err(|_| AnswerError::Signer)?;
    let value = basic.signature.raw_bytes();
    let value = x509_parser::asn1_rs::BitString::new(0, value);
    let by = |signer: &X509Certificate<'_>| {
        verify_signature(signer.public_key(), &algorithm, &value, &signed).is_ok()
    };
    let read = |der: &[u8], may: &dyn Fn(&X509Certificate<'_>) -> bool| {
        X509Certificate::from_der(der).is_ok_and(|(_, signer)| may(&signer) && by(&signer))
    };
    if read(&link.issuer, &|_| true) {
        return Ok(());
    }
    for delegate in basic.certs.iter().flatten() {
        let delegate = CertificateDer::from(delegate.to_der()?);
        if read(&delegate, &|signer| may_sign(signer, link, now)) {
            return Ok(());
        }
    }
    Err(AnswerError::Signer)
}

fn may_sign(signer: &X509Certificate<'_>, link: &Link, now: i64) -> bool {
    let Ok((_, issuer)) = X509Certificate::from_der(&link.issuer) else { return false };
    let usage = signer.extended_key_usage().ok().flatten();
    let validity = signer.validity();
    usage.is_some_and(|usage| usage.value.ocsp_signing)
        && (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
        && signer.verify_signature(Some(issuer.public_key())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl ocsp` says that certificate 20 stands, from 2026-11-27T03:29:53Z on, for five minutes.
    const ANSWER: &[u8] = include_bytes!("../../../tests/fixtures/ocsp/answer.der");
    const AUTHORITY: &[u8] = include_bytes!("../../../tests/fixtures/ocsp/authority.der");
    const THIS_UPDATE: i64 = 1_795_750_193;
    const NEXT_UPDATE: i64 = THIS_UPDATE + 300;

    fn said(serial: u8, now: i64) -> Result<Status, String> {
        let issuer = CertificateDer::from(AUTHORITY);
        let link = Link { serial: vec![serial], issuer, responders: Vec::new() };
        answer(ANSWER, &link, now).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_counts_in_its_time_alone() {
        for now in [THIS_UPDATE - SKEW, THIS_UPDATE, NEXT_UPDATE, NEXT_UPDATE + SKEW] {
            assert_eq!(said(20, now), Ok(Status::Good), "{now}");
        }
        for now in [THIS_UPDATE - SKEW - 1, NEXT_UPDATE + SKEW + 1, 0, i64::MAX] {
            assert_eq!(said(20, now), Err("the answer is out of date".to_owned()), "{now}");
        }
        assert_eq!(said(21, NEXT_UPDATE), Err("the answer is about another certificate".into()));
    }
}
