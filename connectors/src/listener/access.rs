//! Who may send: what a request must show.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use subtle::ConstantTimeEq;

/// What a request must show. A client certificate is asked for by TLS itself
/// ([`super::ServerTls::client_ca`]).
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    #[default]
    Open,
    /// Name and password, by `Authorization: Basic`.
    Basic {
        /// Name.
        username: String,
        /// Password.
        password: String,
    },
    /// A token, by `Authorization: Bearer`.
    Bearer(String),
    /// All of these headers, exactly.
    Headers(BTreeMap<String, String>),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Headers(_) => "Headers",
        })
    }
}

impl Access {
    /// Whether a request with these headers may send.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Open => true,
            Self::Basic { username, password } => {
                let shown = scheme(headers, "basic").and_then(|text| BASE64.decode(text).ok());
                let wanted = format!("{username}:{password}");
                shown.is_some_and(|shown| same(&shown, wanted.as_bytes()))
            }
            Self::Bearer(token) => scheme(headers, "bearer")
                .is_some_and(|shown| same(shown.as_bytes(), token.as_bytes())),
            Self::Headers(wanted) => wanted.iter().all(|(name, value)| {
                let shown = headers.get(name).map(HeaderValue::as_bytes);
                same(shown.unwrap_or_default(), value.as_bytes())
            }),
        }
    }

    /// What a 401 asks for.
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Basic { .. } => Some("Basic realm=\"spillway\""),
            Self::Bearer(_) => Some("Bearer"),
            Self::Open | Self::Headers(_) => None,
        }
    }
}

/// What follows the scheme in `Authorization`.
fn scheme<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (shown, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    shown.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Compares in a time that does not tell where they differ.
fn same(shown: &[u8], wanted: &[u8]) -> bool {
    shown.ct_eq(wanted).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(access: &Access, header: Option<(&'static str, &'static str)>, allowed: bool) {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(access.allows(&headers), allowed, "{access:?} {header:?}");
    }

    #[test]
    fn what_is_asked_for_must_be_shown() {
        let basic = Access::Basic { username: "a".into(), password: "b:c".into() };
        check(&basic, Some(("authorization", "Basic YTpiOmM=")), true);
        check(&basic, Some(("authorization", "basic YTpiOmM=")), true);
        check(&basic, Some(("authorization", "Basic YTpi")), false);
        check(&basic, Some(("authorization", "Bearer YTpiOmM=")), false);
        check(&basic, None, false);
        let bearer = Access::Bearer("t".into());
        check(&bearer, Some(("authorization", "Bearer t")), true);
        check(&bearer, Some(("authorization", "Bearer tt")), false);
        let headers = Access::Headers([("X-Key".to_owned(), "k".to_owned())].into());
        check(&headers, Some(("x-key", "k")), true);
        check(&headers, Some(("x-key", "K")), false);
        check(&headers, None, false);
        check(&Access::Open, None, true);
    }
}
