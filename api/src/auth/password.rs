//! Passwords of machines: argon2 for new ones; what CrowdSec hashed with bcrypt is verified and
//! hashed anew at its login.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// What a password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Another one.
    Wrong,
    /// The right one.
    Right,
    /// The right one, with a hash that is to be replaced.
    Outdated,
}

/// The hash of a password, to be kept. Takes tens of milliseconds.
///
/// # Errors
/// The system has no random bytes.
pub fn hash(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Compares a password with a hash. Takes tens of milliseconds.
pub fn verify(password: &str, hash: &str) -> Verified {
    if hash.starts_with("$2") {
        // Go's bcrypt refuses what is longer than 72 bytes instead of cutting it.
        let right = password.len() <= 72 && bcrypt::verify(password, hash).unwrap_or(false);
        return if right { Verified::Outdated } else { Verified::Wrong };
    }
    let right = PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    if right { Verified::Right } else { Verified::Wrong }
}

/// A password or key that nobody guesses: 32 random bytes, as CrowdSec writes them.
///
/// # Errors
/// The system has no random bytes.
pub fn generate() -> Result<String, String> {
    use base64::Engine;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_hashes_are_verified() {
        let own = hash("secret").unwrap();
        assert!(own.starts_with("$argon2id$"));
        assert_eq!(verify("secret", &own), Verified::Right);
        assert_eq!(verify("Secret", &own), Verified::Wrong);
        let old = bcrypt::hash("secret", 4).unwrap();
        assert_eq!(verify("secret", &old), Verified::Outdated);
        assert_eq!(verify("other", &old), Verified::Wrong);
        assert_eq!(verify("secret", "rubbish"), Verified::Wrong);
        assert_eq!(generate().unwrap().len(), 43);
    }
}
