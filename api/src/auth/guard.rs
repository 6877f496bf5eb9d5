//! Guards of routes: a handler that takes one of these is only reached by whom it names.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use sha2::{Digest, Sha512};

use super::caller::{Caller, Peer};
use crate::accounts::{Bouncer, BouncerEntry, MachineEntry, Proof};
use crate::error::ApiError;
use crate::filter::Query;
use crate::service::Service;

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        let Some(peer) = parts.extensions.get::<Peer>() else {
            return Err(ApiError::internal("the listener does not tell who asks"));
        };
        Ok(Self::new(peer, &parts.headers, &service.policy.proxies))
    }
}

impl FromRequestParts<Arc<Service>> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, ApiError> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// A bouncer (crowdsec middlewares/v1/api_key.go).
#[derive(Clone, Debug)]
pub struct AsBouncer {
    /// Which one.
    pub entry: Arc<BouncerEntry>,
    /// From where.
    pub caller: Caller,
}

impl FromRequestParts<Arc<Service>> for AsBouncer {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, service).await?;
        if let Some(certificate) = &caller.certificate {
            let units = &service.policy.bouncer_units;
            let name = certificate.proves(units, service.now() / 1_000_000_000).await;
            let name = name.map_err(|why| refused(&caller, &why))?;
            let entry = by_certificate(service, &caller, &format!("{name}@{}", caller.ip)).await?;
            return Ok(seen(entry, caller, parts));
        }
        let Some(key) = parts.headers.get("x-api-key") else {
            return Err(refused(&caller, "no API key"));
        };
        let hash = hash_of(key.as_bytes());
        if parts.method == Method::HEAD {
            let entry = service.accounts.knows_key(&hash);
            let entry = entry.ok_or_else(|| refused(&caller, "unknown API key"))?;
            return Ok(Self { entry, caller });
        }
        let ip = caller.ip.to_string();
        let entry = match service.accounts.known_bouncer(&hash, &ip) {
            Some(entry) if entry.row().is_usable(Proof::Secret) => entry,
            _ => by_key(service, &caller, hash, ip).await?,
        };
        Ok(seen(entry, caller, parts))
    }
}

impl AsBouncer {
    /// Whether it may go on listening: nobody has removed it, and its certificate still counts.
    pub async fn may_go_on(&self, service: &Service) -> bool {
        let row = self.entry.row();
        let entry = service.accounts.bouncer(&row.name);
        let known = entry.is_some_and(|entry| Arc::ptr_eq(&entry, &self.entry));
        let Some(certificate) = &self.caller.certificate else { return known && !row.revoked };
        let (units, now) = (&service.policy.bouncer_units, service.now() / 1_000_000_000);
        known && !row.revoked && certificate.proves(units, now).await.is_ok()
    }
}

/// A bouncer whose key may also be the password of HTTP Basic (RFC 7617), whatever the name.
#[derive(Clone, Debug)]
pub struct ByKey(pub AsBouncer);

impl FromRequestParts<Arc<Service>> for ByKey {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        if let Some(key) = basic_password(&parts.headers) {
            parts.headers.insert("x-api-key", key);
        } else if !parts.headers.contains_key("x-api-key") {
            return Err(ApiError::ask_password());
        }
        AsBouncer::from_request_parts(parts, service).await.map(Self)
    }
}

fn basic_password(headers: &HeaderMap) -> Option<http::HeaderValue> {
    use base64::Engine;
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    http::HeaderValue::from_bytes(pair.get(colon + 1..)?).ok()
}

/// SHA-512 of a key, in lower-case hexadecimal. A key is looked up by it: whoever measures how long
/// that takes learns about the hash, not about the key.
pub fn hash_of(key: &[u8]) -> String {
    operators::alert::identity::hex(&Sha512::digest(key))
}

fn refused(caller: &Caller, why: &str) -> ApiError {
    tracing::debug!(ip = %caller.ip, why, "a bouncer is refused");
    ApiError::forbidden()
}

async fn by_key(
    service: &Arc<Service>,
    caller: &Caller,
    hash: String,
    ip: String,
) -> Result<Arc<BouncerEntry>, ApiError> {
    if service.accounts.knows_key(&hash).is_none() {
        return Err(refused(caller, "unknown API key"));
    }
    let (accounts, now) = (Arc::clone(&service.accounts), service.now());
    let found = service.blocking(move || accounts.bouncer_of_key(&hash, &ip, now)).await?;
    match found {
        Ok(Some(entry)) => Ok(entry),
        Ok(None) => Err(refused(caller, "no row for this key and address")),
        Err(error) => Err(refused(caller, &error.to_string())),
    }
}

async fn by_certificate(
    service: &Arc<Service>,
    caller: &Caller,
    name: &str,
) -> Result<Arc<BouncerEntry>, ApiError> {
    if let Some(entry) = service.accounts.bouncer(name) {
        return match entry.row().is_usable(Proof::Tls) {
            true => Ok(entry),
            false => Err(refused(caller, "this bouncer may not use a certificate")),
        };
    }
    let now = service.now();
    let row = Bouncer {
        name: name.to_owned(),
        ip: caller.ip.to_string(),
        // Nobody has a key that hashes to this.
        key: format!("tls:{name}"),
        proof: Proof::Tls,
        auto_created: true,
        created: now,
        updated: now,
        ..Bouncer::default()
    };
    let accounts = Arc::clone(&service.accounts);
    let made = service.blocking(move || accounts.add_bouncer(row)).await?;
    made.map_err(|error| refused(caller, &error.to_string()))
}

fn seen(entry: Arc<BouncerEntry>, caller: Caller, parts: &Parts) -> AsBouncer {
    if parts.method != Method::HEAD {
        let agent = user_agent(&parts.headers);
        let split = agent.split_once('/').filter(|(_, version)| !version.contains('/'));
        let (kind, version) = split.unwrap_or((agent, "N/A"));
        entry.is_of(kind, version);
    }
    AsBouncer { entry, caller }
}

/// What the client says it is.
pub fn user_agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A machine with a token (crowdsec middlewares/v1/jwt.go); at the Unix socket, without one, the
/// server itself.
#[derive(Clone, Debug)]
pub struct AsMachine {
    /// Its name.
    pub id: Arc<str>,
    /// Which one.
    pub entry: Arc<MachineEntry>,
    /// From where.
    pub caller: Caller,
}

impl FromRequestParts<Arc<Service>> for AsMachine {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, service).await?;
        let Some(token) = token_of(parts) else {
            if !caller.unix {
                return Err(ApiError::token("cookie token is empty"));
            }
            let entry = Arc::clone(&service.own);
            return Ok(Self { id: entry.row().id.as_str().into(), entry, caller });
        };
        let claims = service.tokens.check(&token, service.now() / 1_000_000_000);
        let claims = claims.map_err(|error| ApiError::token(error.to_string()))?;
        let entry = service.accounts.machine(&claims.id).filter(|entry| entry.row().validated);
        let entry = entry.ok_or_else(|| ApiError::token("ent: machine not found"))?;
        Ok(Self { id: claims.id.into(), entry, caller })
    }
}

/// The token of a request: `Authorization: Bearer`, `?token=`, cookie `jwt`.
pub fn token_of(parts: &Parts) -> Option<String> {
    let text =
        |name| parts.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
    if let Some(token) = bearer.filter(|token| !token.is_empty()) {
        return Some(token.to_owned());
    }
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    if let Some(token) = query.first("token").filter(|token| !token.is_empty()) {
        return Some(token.to_owned());
    }
    let cookies = text(header::COOKIE)?.split(';').map(str::trim);
    let mut tokens = cookies.filter_map(|cookie| cookie.strip_prefix("jwt="));
    tokens.next().filter(|token| !token.is_empty()).map(str::to_owned)
}

/// Who may administer: a process of this machine on the Unix socket, or a machine that is an
/// administrator.
#[derive(Clone, Debug)]
pub struct AsAdmin {
    /// The machine; "" on the Unix socket.
    pub id: Arc<str>,
    /// From where.
    pub caller: Caller,
}

impl FromRequestParts<Arc<Service>> for AsAdmin {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, service).await?;
        // These routes have no parameters: who writes one, to a deletion above all, means less than
        // would be done. A token may stand there.
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let plain = || query.whole()?.only(&[&["token"]]).map(drop);
        if caller.unix {
            plain()?;
            return Ok(Self { id: "".into(), caller });
        }
        let machine = AsMachine::from_request_parts(parts, service).await?;
        match machine.entry.row().admin {
            true => plain().map(|()| Self { id: machine.id, caller }),
            false => Err(ApiError::forbidden()),
        }
    }
}

impl AsAdmin {
    /// Writes a line of the audit log.
    pub fn audit(&self, service: &Service, what: String, outcome: &str) {
        service.audit(&self.id, &self.caller, what, outcome.to_owned());
    }
}
