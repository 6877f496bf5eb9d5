//! Tokens of machines: JSON Web Tokens signed with HMAC-SHA-256 (RFC 7519), as CrowdSec's. No other
//! algorithm is known here, so none can be asked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
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

#[derive(Deserialize)]
struct Header {
    alg: String,
}

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

    fn check_signature(&self, token: &str) -> Result<Claims, TokenError> {
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts.as_slice() else { return Err(TokenError::Parts) };
        let read: Header = json(header)?;
        let said: Claims = json(claims)?;
        if read.alg != "HS256" {
            return Err(TokenError::Algorithm);
        }
        let signature = decoded(signature)?;
        let mac = self.key.clone().chain_update(header.as_bytes()).chain_update(b".");
        let mac = mac.chain_update(claims.as_bytes());
        // Compares in constant time.
        mac.verify_slice(&signature).map_err(|_| TokenError::Signature)?;
        Ok(said)
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| match error {
        base64::DecodeError::InvalidByte(at, _) => TokenError::Base64(at),
        base64::DecodeError::InvalidLastSymbol { .. } => TokenError::Base64(text.len()),
        _ => TokenError::Base64(text.len()),
    })
}

fn json<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    // Bits that the last character has too many are ignored, as by Go.
    let lenient = base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, lenient);
    let bytes = engine.decode(part).map_err(|_| TokenError::Base64(part.len()))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // Go shows a byte that is no UTF-8 as the character of its number.
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = match operators::json::decode(&text) {
            Err(wrong) => wrong.to_string(),
            Ok(_) => error.to_string(),
        };
        TokenError::Json(text)
    })
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
}
