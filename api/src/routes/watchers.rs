//! `/v1/watchers`: machines register, log in, renew their token, say that they live, leave.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

use super::body;
use crate::accounts::{AccountError, Machine, MachineEntry, Proof};
use crate::auth::guard::{token_of, user_agent};
use crate::auth::password::{self, Verified};
use crate::auth::{AsMachine, Caller, Certificate};
use crate::error::{ApiError, empty, json};
use crate::openapi::answer::{Refusal, WatcherAuthResponse};
use crate::openapi::refusal::{BadBody, NoMachine, NotReady};
use crate::openapi::request::{WatcherAuthRequest, WatcherRegistrationRequest};
use crate::service::Service;
use crate::wire::bind::Sent;
use crate::wire::shape;
use crate::wire::target::object;
use crate::wire::text::rfc3339;
use crate::wire::validation::Failures;

/// Characters of the names of all scenarios of a machine.
const MOST_SCENARIOS: usize = 100_000;
/// Bytes of the name of a machine.
const MOST_NAME: usize = 255;
const SECOND: i64 = 1_000_000_000;
const WRONG: &str = "incorrect Username or Password";

#[derive(Debug, Default)]
struct Registration {
    machine_id: Option<String>,
    password: Option<String>,
    registration_token: String,
}

object!('de, Registration { machine_id, password, registration_token });

#[derive(Debug, Default)]
struct Login {
    machine_id: Option<String>,
    password: Option<String>,
    scenarios: Option<Vec<String>>,
}

object!('de, Login { machine_id, password, scenarios });

/// Make a machine known.
#[utoipa::path(post, path = "/v1/watchers", tag = "watchers", operation_id = "register_machine",
    request_body = WatcherRegistrationRequest,
    responses((status = 201, description = "To be validated by an administrator"), (status = 202, description = "Validated by its token"),
        (status = 401, description = "The token is another one, or not for this address", body = Refusal),
        (status = 403, description = "The name is taken, or machines may not register", body = Refusal),
        (status = 422, description = "Something is missing", body = Refusal), BadBody, NotReady))]
pub(super) async fn register(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if service.policy.local_registration_only && !caller.is_trusted(&[]) {
        return Err(ApiError::forbidden());
    }
    let whole = body::read(&service, &headers, body, body::OPEN).await?;
    let asked: Registration =
        Sent::new(&whole.bytes).decode(shape::REGISTRATION).map_err(ApiError::bad)?;
    let (id, password) = complete(&asked)?;
    let validated = auto_registered(&service, &caller, &asked.registration_token)?;
    if service.accounts.machine(&id).is_some() {
        let error = AccountError::Exists(id);
        return Err(ApiError::new(StatusCode::FORBIDDEN, error.to_string()));
    }
    let password = hashed(&service, password).await?;
    let now = service.now();
    let row = Machine {
        id: id.clone(),
        password,
        ip: caller.ip.to_string(),
        validated,
        created: now,
        updated: now,
        ..Machine::default()
    };
    let accounts = Arc::clone(&service.accounts);
    let made = service.blocking(move || accounts.add_machine(row)).await?;
    made.map_err(|error| match error {
        AccountError::Exists(_) => ApiError::new(StatusCode::FORBIDDEN, error.to_string()),
        error => ApiError::unavailable(error.to_string()),
    })?;
    let outcome = if validated { "machine added and validated" } else { "machine added" };
    service.audit(&id, &caller, "POST /v1/watchers".to_owned(), outcome.to_owned());
    Ok(empty(if validated { StatusCode::ACCEPTED } else { StatusCode::CREATED }))
}

fn complete(asked: &Registration) -> Result<(String, String), ApiError> {
    let mut failures = Failures::default();
    failures.required("machine_id", asked.machine_id.as_ref());
    failures.required("password", asked.password.as_ref());
    let long = |name: &str| name.len() > MOST_NAME;
    if asked.machine_id.as_deref().is_some_and(long) {
        failures.note("machine_id", "in body should be at most 255 chars long");
    }
    if !asked.registration_token.is_empty() {
        match asked.registration_token.chars().count() {
            ..32 => {
                failures.note("registration_token", "in body should be at least 32 chars long");
            }
            256.. => {
                failures.note("registration_token", "in body should be at most 255 chars long");
            }
            _ => {}
        }
    }
    failures.check().map_err(ApiError::invalid)?;
    Ok((asked.machine_id.clone().unwrap_or_default(), asked.password.clone().unwrap_or_default()))
}

fn auto_registered(service: &Service, caller: &Caller, token: &str) -> Result<bool, ApiError> {
    let Some(auto) = service.policy.auto_registration.as_ref().filter(|_| !token.is_empty()) else {
        return Ok(false);
    };
    let refused = |text: &str| Err(ApiError::new(StatusCode::UNAUTHORIZED, text));
    if !bool::from(token.as_bytes().ct_eq(auto.token.as_bytes())) {
        return refused("invalid token for auto registration");
    }
    let ip = crate::filter::Net::of(caller.ip);
    match auto.networks.iter().any(|net| net.contains(ip)) {
        true => Ok(true),
        false => refused("IP not in allowed range for auto registration"),
    }
}

pub(super) async fn hashed(service: &Arc<Service>, password: String) -> Result<String, ApiError> {
    let _room = service.passwords.acquire().await;
    let hash = service.blocking(move || password::hash(&password)).await?;
    hash.map_err(|error| ApiError::bad(format!("{error}: unable to hash")))
}

/// Get a token. The user agent must be a name and a version.
#[utoipa::path(post, path = "/v1/watchers/login", tag = "watchers", operation_id = "log_in",
    request_body = WatcherAuthRequest,
    responses((status = 200, description = "A token", body = WatcherAuthResponse), NoMachine,
        (status = 408, description = "The body takes too long", body = Refusal)))]
pub(super) async fn login(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let whole = body::read(&service, &headers, body, body::OPEN).await;
    let whole = whole.map_err(|error| match error.status() {
        StatusCode::BAD_REQUEST => ApiError::token(format!("missing: {}", error.message())),
        _ => error,
    })?;
    let asked: Result<Login, String> = Sent::new(&whole.bytes).decode(shape::LOGIN);
    let (entry, scenarios) = match &caller.certificate {
        Some(certificate) => by_certificate(&service, (&caller, certificate), asked).await?,
        None => by_password(&service, asked).await?,
    };
    let agent = user_agent(&headers);
    let version = agent.split_once('/').map(|(_, version)| version);
    let Some(version) = version.filter(|version| !version.contains('/')) else {
        tracing::warn!(agent, ip = %caller.ip, "a login has a bad user agent");
        return Err(ApiError::token(WRONG));
    };
    let row = entry.row();
    let ip = caller.ip.to_string();
    if !row.ip.is_empty() && row.ip != ip {
        tracing::warn!(machine = row.id, new = ip, old = row.ip, "a machine has a new address");
    }
    let changed = row.ip != ip || row.version != version || scenarios != row.scenarios;
    if changed {
        entry.change_later(|row| {
            (row.ip, row.version, row.updated) = (ip, version.to_owned(), service.now());
            if !scenarios.is_empty() && scenarios.len() <= MOST_SCENARIOS {
                row.scenarios = scenarios;
            }
        });
    }
    Ok(token(&service, &row.id))
}

async fn by_password(
    service: &Arc<Service>,
    asked: Result<Login, String>,
) -> Result<(Arc<MachineEntry>, String), ApiError> {
    let asked = asked.map_err(|error| ApiError::token(format!("missing: {error}")))?;
    let mut failures = Failures::default();
    failures.required("machine_id", asked.machine_id.as_ref());
    failures.required("password", asked.password.as_ref());
    failures.check().map_err(ApiError::token)?;
    let id = asked.machine_id.unwrap_or_default();
    let entry = service.accounts.machine(&id);
    let entry = entry.ok_or_else(|| ApiError::token("ent: machine not found"))?;
    let row = entry.row();
    if row.proof != Proof::Secret {
        let text = "attempted to auth with password but it is configured to use tls";
        return Err(ApiError::token(format!("machine {id} {text}")));
    }
    if !row.validated {
        return Err(ApiError::token(format!("machine {id} not validated")));
    }
    let password = asked.password.unwrap_or_default();
    let (given, hash) = (password.clone(), row.password.clone());
    let verified = {
        let _room = service.passwords.acquire().await;
        service.blocking(move || password::verify(&given, &hash)).await?
    };
    match verified {
        Verified::Wrong => return Err(ApiError::token(WRONG)),
        Verified::Right => {}
        Verified::Outdated => {
            let hash = hashed(service, password).await?;
            let accounts = Arc::clone(&service.accounts);
            let change = move || accounts.change_machine(&id, |row| row.password = hash);
            if let Err(error) = service.blocking(change).await? {
                tracing::warn!(%error, "the hash of a password is not renewed");
            }
        }
    }
    Ok((entry, asked.scenarios.unwrap_or_default().join(",")))
}

async fn by_certificate(
    service: &Arc<Service>,
    (caller, certificate): (&Caller, &Certificate),
    asked: Result<Login, String>,
) -> Result<(Arc<MachineEntry>, String), ApiError> {
    let units = &service.policy.agent_units;
    let name = certificate.proves(units, service.now() / SECOND).await;
    let id = format!("{}@{}", name.map_err(ApiError::token)?, caller.ip);
    let entry = match service.accounts.machine(&id) {
        Some(entry) if entry.row().proof == Proof::Tls => entry,
        Some(_) => {
            let text = "attempted to auth with TLS cert but it is configured to use password";
            return Err(ApiError::token(format!("machine {id} {text}")));
        }
        None => {
            let now = service.now();
            let row = Machine {
                id: id.clone(),
                ip: caller.ip.to_string(),
                validated: true,
                proof: Proof::Tls,
                created: now,
                updated: now,
                ..Machine::default()
            };
            let accounts = Arc::clone(&service.accounts);
            let made = service.blocking(move || accounts.add_machine(row)).await?;
            made.map_err(|error| {
                ApiError::token(format!("while creating machine entry for {id}: {error}"))
            })?
        }
    };
    let asked = asked.map_err(|error| {
        ApiError::token(format!("missing scenarios list in login request for TLS auth: {error}"))
    })?;
    Ok((entry, asked.scenarios.unwrap_or_default().join(",")))
}

fn token(service: &Service, id: &str) -> Response {
    let (token, expires) = service.tokens.issue(id, service.now() / SECOND);
    let expires = rfc3339(expires.saturating_mul(SECOND));
    let body = format!("{{\"code\":200,\"expire\":\"{expires}\",\"token\":\"{token}\"}}");
    json(StatusCode::OK, body.into_bytes())
}

/// Renew a token.
#[utoipa::path(get, path = "/v1/refresh_token", tag = "watchers", operation_id = "refresh_token",
    security(("machine_token" = [])),
    responses((status = 200, description = "A token", body = WatcherAuthResponse), NoMachine))]
pub(super) async fn refresh(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    Caller::from_request_parts(&mut parts, &service).await?;
    let given = token_of(&parts).ok_or_else(|| ApiError::token("cookie token is empty"))?;
    let claims = service.tokens.check_renewable(&given, service.now() / SECOND);
    let claims = claims.map_err(|error| ApiError::token(error.to_string()))?;
    let known = service.accounts.machine(&claims.id).is_some_and(|entry| entry.row().validated);
    if !known {
        return Err(ApiError::token("ent: machine not found"));
    }
    Ok(token(&service, &claims.id))
}

/// Say that a machine lives.
#[utoipa::path(get, path = "/v1/heartbeat", tag = "watchers", operation_id = "send_heartbeat",
    security(("machine_token" = [])),
    responses((status = 200, description = "Noted"), NoMachine))]
pub(super) async fn heartbeat(State(service): State<Arc<Service>>, machine: AsMachine) -> Response {
    machine.entry.lives(service.now());
    empty(StatusCode::OK)
}

/// Make the calling machine unknown.
#[utoipa::path(delete, path = "/v1/watchers/self", tag = "watchers", operation_id = "unregister_machine",
    security(("machine_token" = [])),
    responses((status = 204, description = "It is gone"), NoMachine))]
pub(super) async fn leave(
    State(service): State<Arc<Service>>,
    machine: AsMachine,
) -> Result<Response, ApiError> {
    let (accounts, id) = (Arc::clone(&service.accounts), machine.id.to_string());
    let gone = service.blocking(move || accounts.remove_machine(&id)).await?;
    gone.map_err(|error| ApiError::internal(error.to_string()))?;
    let what = "DELETE /v1/watchers/self".to_owned();
    service.audit(&machine.id, &machine.caller, what, "machine removed".to_owned());
    Ok(empty(StatusCode::NO_CONTENT))
}
