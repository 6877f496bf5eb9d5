//! Who asks: addresses behind proxies, keys, tokens, passwords.

pub mod caller;
pub mod guard;
pub mod password;
pub mod token;

pub use caller::{Caller, Certificate, Peer, Proxies};
pub use guard::{AsBouncer, AsMachine};
pub use token::Tokens;
