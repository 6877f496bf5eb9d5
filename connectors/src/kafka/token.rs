//! Bearer tokens for SASL/OAUTHBEARER: known ones, or fetched by OAuth's client credentials.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::client::OAuthToken;
use serde::Deserialize;
use tokio::runtime::Handle;

use super::security::Token;
use crate::endpoint::{self, ClientTls};
use crate::source::SourceError;
use crate::stop::Stop;

/// How long an endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a known token is taken for valid before it is handed over anew.
const KNOWN_LIFETIME: Duration = Duration::from_secs(3600);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token endpoint {url} cannot be asked: {reason}")]
    Request { url: String, reason: String },
    #[error("the token endpoint {url} refused with status {status}: check client id and secret")]
    Refused { url: String, status: u16 },
    #[error("the token endpoint {url} cannot be trusted")]
    Trust { url: String, source: SourceError },
    #[error("stopped")]
    Stopped,
}

/// A source of tokens.
pub(crate) struct Tokens {
    token: Token,
    runtime: Handle,
    stop: Stop,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

impl Tokens {
    pub(crate) fn new(token: &Token, runtime: &Handle, stop: &Stop) -> Self {
        Self { token: token.clone(), runtime: runtime.clone(), stop: stop.clone() }
    }

    /// A token that is valid now. Waits for the endpoint, on a thread that is no task.
    pub(crate) fn next(&self) -> Result<OAuthToken, TokenError> {
        match &self.token {
            Token::Static(token) => Ok(bearer(token.reveal().to_owned(), KNOWN_LIFETIME)),
            Token::Endpoint { .. } => self.runtime.block_on(async {
                tokio::select! {
                    answer = self.fetch() => answer,
                    () = self.stop.wait() => Err(TokenError::Stopped),
                }
            }),
        }
    }

    async fn fetch(&self) -> Result<OAuthToken, TokenError> {
        let Token::Endpoint { url, client_id, client_secret, scope, ca } = &self.token else {
            return Err(TokenError::Stopped);
        };
        let request = |error: reqwest::Error| TokenError::Request {
            url: url.clone(),
            reason: endpoint::causes(&error.without_url()),
        };
        let mut form = "grant_type=client_credentials".to_owned();
        if !scope.is_empty() {
            form.push_str("&scope=");
            form.push_str(&endpoint::percent(scope));
        }
        let tls = ClientTls { ca: ca.clone(), ..ClientTls::default() };
        let client = endpoint::builder(&tls);
        let client = client.map_err(|source| TokenError::Trust { url: url.clone(), source })?;
        let asked = client.timeout(TIMEOUT).build().map_err(request)?.post(url);
        let asked = asked.basic_auth(client_id, Some(client_secret.reveal()));
        let asked = asked.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = asked.send().await.map_err(request)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(TokenError::Refused { url: url.clone(), status: status.as_u16() });
        }
        let answer: Answer = answer.json().await.map_err(request)?;
        let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(300).max(1));
        Ok(bearer(answer.access_token, lifetime))
    }
}

/// The client asks for the next one after four fifths of the lifetime.
fn bearer(token: String, lifetime: Duration) -> OAuthToken {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let lifetime_ms = i64::try_from((now + lifetime).as_millis()).unwrap_or(i64::MAX);
    OAuthToken { token, principal_name: "spillway".to_owned(), lifetime_ms }
}
