//! Who asks: addresses behind proxies, keys, tokens, passwords.

pub mod caller;
pub mod certificate;
pub mod guard;
pub mod password;
pub mod revocation;
pub mod token;

pub use caller::{Caller, Peer, Proxies};
pub use certificate::Certificate;
pub use guard::{AsBouncer, AsMachine};
pub use token::Tokens;
