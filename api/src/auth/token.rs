//! Tokens of machines: JSON Web Tokens signed with HMAC-SHA-256 (RFC 7519), as CrowdSec's. No other
//! algorithm is known here, so none can be asked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

/// How long a token is valid, and how long it can be renewed. Unit: seconds.
pub const LIFETIME: i64 = 3_600;
/// The shortest secret that is accepted. Unit: bytes.
pub const SHORTEST_SECRET: usize = 64;

const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Makes tokens and checks them.
#[derive(Clone)]
pub struct Tokens {
    key: Hmac<Sha256>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// When it ends. Unit: seconds since the Unix epoch.
    pub exp: i64,
    /// The machine.
    pub id: String,
    /// When the machine logged in. Unit: seconds since the Unix epoch.
    pub orig_iat: i64,
}

/// Algorithms that Go's library knows, and we do not.
const GO_KNOWS: [&str; 13] = [
    "none", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512", "EdDSA",
];

/// Why a token is none, in the words of CrowdSec's library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has not three parts.
    #[error("token contains an invalid number of segments")]
    Parts,
    /// A part is no base64.
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    /// A part is no JSON, or not the right one.
    #[error("{0}")]
    Json(String),
    /// Another algorithm.
    #[error("invalid signing algorithm")]
    Algorithm,
    /// An algorithm that nobody knows.
    #[error("signing method (alg) is unavailable.")]
    UnknownAlgorithm,
    /// No algorithm.
    #[error("signing method (alg) is unspecified.")]
    NoAlgorithm,
    /// Another key.
    #[error("signature is invalid")]
    Signature,
    /// It ended.
    #[error("token is expired")]
    Expired,
}

impl Tokens {
    /// Tokens of a secret.
    ///
    /// # Errors
    /// The secret is shorter than [`SHORTEST_SECRET`].
    pub fn new(secret: &[u8]) -> Result<Self, String> {
        if secret.len() < SHORTEST_SECRET {
            return Err(format!("the secret has less than {SHORTEST_SECRET} bytes"));
        }
        let key = Hmac::new_from_slice(secret).map_err(|error| error.to_string())?;
        Ok(Self { key })
    }

    /// A token for a machine, from `now` on. Unit: seconds since the Unix epoch.
    pub fn issue(&self, machine: &str, now: i64) -> (String, i64) {
        let exp = now.saturating_add(LIFETIME);
        let claims = Claims { exp, id: machine.to_owned(), orig_iat: now };
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.clone().chain_update(signed.as_bytes()).finalize().into_bytes();
        (format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), exp)
    }

    /// What a token says, if it is ours and has not ended.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let claims = self.check_signature(token)?;
        if claims.exp <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// What a token says, if it is ours and can be renewed still.
    ///
    /// # Errors
    /// It is not.
    pub fn check_renewable(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let claims = self.check_signature(token)?;
        let age = now.saturating_sub(claims.orig_iat);
        if age > LIFETIME { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// In the order of Go's library: parts, algorithm, signature; what it claims is looked at last.
    fn check_signature(&self, token: &str) -> Result<Claims, TokenError> {
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts.as_slice() else { return Err(TokenError::Parts) };
        let head = json(header, "map[string]interface {}")?;
        let said = json(claims, "jwt.MapClaims")?;
        match head.get("alg").and_then(Value::as_str) {
            Some("HS256") => {}
            Some(other) if GO_KNOWS.contains(&other) => return Err(TokenError::Algorithm),
            Some(_) => return Err(TokenError::UnknownAlgorithm),
            None => return Err(TokenError::NoAlgorithm),
        }
        illegal_byte(signature)?;
        // Bits that the last character has too many must be nought: of a token there is one text.
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Signature)?;
        let mac = self.key.clone().chain_update(header.as_bytes()).chain_update(b".");
        let mac = mac.chain_update(claims.as_bytes());
        // Compares in constant time.
        mac.verify_slice(&signature).map_err(|_| TokenError::Signature)?;
        serde_json::from_value(said).map_err(|error| TokenError::Json(error.to_string()))
    }
}

/// What is no base64 of URLs without padding, where Go finds it.
fn illegal_byte(text: &str) -> Result<(), TokenError> {
    let foreign = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_';
    let alone = (text.len() % 4 == 1).then(|| text.len() - 1);
    text.bytes().position(foreign).or(alone).map_or(Ok(()), |at| Err(TokenError::Base64(at)))
}

/// A part that is an object, or null; `wanted` is what Go calls that.
fn json(part: &str, wanted: &str) -> Result<Value, TokenError> {
    illegal_byte(part)?;
    // Bits that the last character has too many are ignored, as by Go.
    let lenient = base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, lenient);
    let bytes = engine.decode(part).map_err(|_| TokenError::Base64(part.len()))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        // Go shows a byte that is no UTF-8 as the character of its number.
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = match operators::json::decode(&text) {
            Err(wrong) => wrong.to_string(),
            Ok(_) => error.to_string(),
        };
        TokenError::Json(text)
    })?;
    let kind = match &value {
        Value::Object(_) | Value::Null => return Ok(value),
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
    };
    Err(TokenError::Json(format!("json: cannot unmarshal {kind} into Go value of type {wanted}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(byte: u8) -> Tokens {
        Tokens::new(&[byte; 64]).unwrap()
    }

    #[test]
    fn a_token_is_valid_for_an_hour() {
        let (token, exp) = tokens(1).issue("m", 1_000);
        assert_eq!(exp, 4_600);
        assert_eq!(tokens(1).check(&token, 4_599).unwrap().id, "m");
        assert_eq!(tokens(1).check(&token, 4_600), Err(TokenError::Expired));
        assert!(tokens(1).check_renewable(&token, 4_600).is_ok());
        assert_eq!(tokens(1).check_renewable(&token, 4_601), Err(TokenError::Expired));
    }

    #[test]
    fn forged_tokens_are_refused() {
        let (token, _) = tokens(1).issue("m", 1_000);
        assert_eq!(tokens(2).check(&token, 1_000), Err(TokenError::Signature));
        let claims = token.split('.').nth(1).unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert_eq!(
            tokens(1).check(&format!("{none}.{claims}."), 1_000),
            Err(TokenError::Algorithm)
        );
        assert_eq!(tokens(1).check("a.b", 1_000), Err(TokenError::Parts));
        let told = tokens(1).check("xx.yy.zz", 1_000).unwrap_err().to_string();
        assert_eq!(told, "invalid character 'Ç' looking for beginning of value");
        assert!(Tokens::new(&[0; 63]).is_err());
    }

    #[test]
    fn what_is_no_token_is_told_in_gos_words() {
        let (token, _) = tokens(1).issue("m", 1_000);
        let told = |token: &str| tokens(1).check(token, 1_000).unwrap_err().to_string();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"HS256","typ":"JWT"}"#);
        assert_eq!(told("a.b.c"), "illegal base64 data at input byte 0");
        assert_eq!(told(&format!(" {token}")), "illegal base64 data at input byte 0");
        assert_eq!(told(&format!("{header}=.e30.x")), "illegal base64 data at input byte 36");
        assert_eq!(told(&format!("{token} x")), "illegal base64 data at input byte 43");
        // Nobody who does not know the secret is told what claims must be.
        assert_eq!(told(&format!("{header}.{}.AAAA", part("{}"))), "signature is invalid");
        let with = |header: &str| told(&format!("{}.{}.AAAA", part(header), part("{}")));
        assert_eq!(with(r#"{"alg":"none"}"#), "invalid signing algorithm");
        assert_eq!(with(r#"{"alg":"RS256"}"#), "invalid signing algorithm");
        assert_eq!(with(r#"{"alg":"hs256"}"#), "signing method (alg) is unavailable.");
        assert_eq!(with(r#"{"alg":5}"#), "signing method (alg) is unspecified.");
        assert_eq!(with("null"), "signing method (alg) is unspecified.");
        let wanted = "json: cannot unmarshal string into Go value of type map[string]interface {}";
        assert_eq!(with("\"x\""), wanted);
    }

    #[test]
    fn of_a_token_there_is_one_text() {
        let (token, _) = tokens(1).issue("m", 1_000);
        let (rest, last) = token.split_at(token.len() - 1);
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".split("") {
            let checked = tokens(1).check(&format!("{rest}{other}"), 1_000);
            assert_eq!(checked.is_ok(), other == last, "{last} as {other:?}: {checked:?}");
        }
    }
}
