//! Bodies of answers as the document describes them. Most are written by hand, piece by piece, where
//! they are made; `integration/tests/lapi/document.rs` holds what is sent against what stands here.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// A refusal.
#[derive(Clone, Debug, ToSchema)]
pub struct Refusal {
    /// What was wrong.
    pub message: String,
}

/// A refusal at the login, or of a token.
#[derive(Clone, Debug, ToSchema)]
pub struct TokenRefusal {
    /// The status once more.
    #[schema(minimum = 401, maximum = 401)]
    pub code: i32,
    /// What was wrong.
    pub message: String,
}

/// A mistake of the client that CrowdSec answers with 500, in its words. Nothing else has this status.
#[derive(Clone, Debug, ToSchema)]
pub struct Mistake {
    /// What was wrong.
    #[schema(
        pattern = "(invalid filter|unable to query|unable to parse type|unable to parse duration|\
                   invalid ip address / range|unable to delete|' not found)$\
                   |^(invalid ip (address|range) '|while parsing duration: |validation failure list:)\
                   |^ent: alert not found$"
    )]
    pub message: String,
}

/// The process lives.
#[derive(Clone, Debug, ToSchema)]
pub struct Health {
    /// `up`.
    #[schema(pattern = "^up$")]
    pub status: String,
}

/// A token.
#[derive(Clone, Debug, ToSchema)]
pub struct WatcherAuthResponse {
    /// The status once more.
    #[schema(minimum = 200, maximum = 200)]
    pub code: i32,
    /// Until when the token is taken.
    #[schema(format = DateTime)]
    pub expire: String,
    /// To be sent as `Authorization: Bearer`.
    pub token: String,
}

/// A decision as bouncers are told it.
#[derive(Clone, Debug, ToSchema)]
pub struct Decision {
    /// What is left of it, in whole seconds; negative where it is over.
    #[schema(pattern = "^-?([0-9]+h)?([0-9]+m)?[0-9]+s$")]
    pub duration: String,
    /// Its number.
    pub id: u64,
    /// Who decided: `crowdsec`, `cscli`, `CAPI`, `lists`.
    pub origin: String,
    /// Why.
    pub scenario: String,
    /// What kind of thing `value` is: `Ip`, `Range`, `Country`, `AS`, or another one.
    pub scope: String,
    /// What is to be done: `ban`, `captcha`, or another one.
    #[schema(rename = "type")]
    pub kind: String,
    /// Its name in every store; absent from answers to `GET /v1/decisions`.
    #[schema(nullable = false)]
    pub uuid: Option<String>,
    /// Whom it is about.
    pub value: String,
}

/// What a bouncer is to hold, or what changed since it asked last.
#[derive(Clone, Debug, ToSchema)]
pub struct DecisionsStream {
    /// Decisions to be carried out.
    pub new: Vec<Decision>,
    /// Decisions to be taken back.
    pub deleted: Vec<Decision>,
    /// Where the next answer begins, for those who asked with a cursor.
    #[schema(nullable = false)]
    pub cursor: Option<String>,
}

/// How many went.
#[derive(Clone, Debug, ToSchema)]
pub struct DeletedResponse {
    /// Their number, as text.
    #[schema(rename = "nbDeleted", pattern = "^[0-9]+$")]
    pub nb_deleted: String,
}

/// An alert.
#[derive(Clone, Debug, ToSchema)]
pub struct Alert {
    /// How many events the bucket holds.
    pub capacity: i32,
    /// When it was kept.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The decisions that it led to.
    #[schema(required)]
    pub decisions: Option<Vec<AlertDecision>>,
    /// The events that filled the bucket.
    #[schema(required)]
    pub events: Option<Vec<Event>>,
    /// How many they were; those that are listed may be fewer.
    pub events_count: i32,
    /// Its number.
    pub id: u64,
    /// Who made it: `crowdsec`, `cscli`, or another one.
    #[schema(nullable = false)]
    pub kind: Option<String>,
    /// Never given.
    #[schema(required)]
    pub labels: Option<Vec<String>>,
    /// How fast the bucket leaks.
    pub leakspeed: String,
    /// Which machine found it.
    #[schema(nullable = false)]
    pub machine_id: Option<String>,
    /// What happened, for people.
    pub message: String,
    /// What its scenario says about it.
    #[schema(nullable = false)]
    pub meta: Option<Vec<Meta>>,
    /// Whether it asks for decisions; absent for no.
    #[schema(nullable = false)]
    pub remediation: Option<bool>,
    /// Its scenario.
    pub scenario: String,
    /// A hash of the scenario.
    pub scenario_hash: String,
    /// The version of the scenario.
    pub scenario_version: String,
    /// Whether its decisions are only pretended.
    pub simulated: bool,
    /// Who attacked.
    pub source: Source,
    /// Time of the first event.
    #[schema(format = DateTime)]
    pub start_at: String,
    /// Time of the last event.
    #[schema(format = DateTime)]
    pub stop_at: String,
    /// Its name in every store.
    pub uuid: String,
}

/// A decision within its alert.
#[derive(Clone, Debug, ToSchema)]
pub struct AlertDecision {
    /// What is left of it, in whole seconds; negative where it is over.
    #[schema(pattern = "^-?([0-9]+h)?([0-9]+m)?[0-9]+s$")]
    pub duration: String,
    /// Its number.
    pub id: u64,
    /// Who decided.
    pub origin: String,
    /// Why.
    pub scenario: String,
    /// What kind of thing `value` is.
    pub scope: String,
    /// Whether it is only pretended.
    pub simulated: bool,
    /// What is to be done.
    #[schema(rename = "type")]
    pub kind: String,
    /// Whom it is about.
    pub value: String,
}

/// An event of an alert.
#[derive(Clone, Debug, ToSchema)]
pub struct Event {
    /// What was read from it.
    pub meta: Vec<Meta>,
    /// When it happened, as Go prints times: `2026-11-21 03:18:04.5 +0000 UTC`.
    pub timestamp: String,
}

/// A name and its value; absent where they are empty.
#[derive(Clone, Debug, ToSchema)]
pub struct Meta {
    /// The name.
    #[schema(nullable = false)]
    pub key: Option<String>,
    /// The value.
    #[schema(nullable = false)]
    pub value: Option<String>,
}

/// Who attacked. What is not known is absent.
#[derive(Clone, Debug, ToSchema)]
pub struct Source {
    /// Name of its network's operator.
    #[schema(nullable = false)]
    pub as_name: Option<String>,
    /// Number of its network's operator.
    #[schema(nullable = false)]
    pub as_number: Option<String>,
    /// Its country (ISO 3166-1).
    #[schema(nullable = false)]
    pub cn: Option<String>,
    /// Its address.
    #[schema(nullable = false)]
    pub ip: Option<String>,
    /// Where it is. Unit: degrees.
    #[schema(nullable = false)]
    pub latitude: Option<f32>,
    /// Where it is. Unit: degrees.
    #[schema(nullable = false)]
    pub longitude: Option<f32>,
    /// Its network.
    #[schema(nullable = false)]
    pub range: Option<String>,
    /// What kind of thing `value` is.
    pub scope: String,
    /// The source as scenarios group by it.
    pub value: String,
}

/// An allowlist.
#[derive(Clone, Debug, ToSchema)]
pub struct AllowlistResponse {
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// What it is for.
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// What is on it; empty unless asked for.
    pub items: Vec<AllowlistItem>,
    /// Its name.
    pub name: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// What an allowlist names.
#[derive(Clone, Debug, ToSchema)]
pub struct AllowlistItem {
    /// When it was added.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Why.
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Until when it counts; the year 1 for ever.
    #[schema(format = DateTime)]
    pub expiration: String,
    /// An address or a network.
    pub value: String,
}

/// Whether an address is on an allowlist; an empty object if not.
#[derive(Clone, Debug, ToSchema)]
pub struct CheckAllowlistResponse {
    /// `true`, or absent.
    #[schema(nullable = false)]
    pub allowlisted: Option<bool>,
    /// By which items of which lists.
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// Which of many are on allowlists.
#[derive(Clone, Debug, ToSchema)]
pub struct BulkCheckAllowlistResponse {
    /// Those that are.
    pub results: Vec<BulkCheckAllowlistResult>,
}

/// One that is on an allowlist.
#[derive(Clone, Debug, ToSchema)]
pub struct BulkCheckAllowlistResult {
    /// By which items of which lists.
    pub allowlists: Vec<String>,
    /// As it was asked for.
    pub target: String,
}

/// Why a decision was made.
#[derive(Clone, Debug, ToSchema)]
pub struct Explanation {
    /// Its alert; null where it is gone, and with it what follows from it.
    #[schema(required)]
    pub alert: Option<Alert>,
    /// The key of the bucket.
    #[schema(nullable = false)]
    pub bucket: Option<String>,
    /// Where in its source each line stands that filled the bucket.
    #[schema(nullable = false)]
    pub coordinates: Option<Vec<Coordinate>>,
    /// The decision.
    pub decision: ExplainedDecision,
    /// The scenario that the bucket is of.
    #[schema(nullable = false)]
    pub rule: Option<Rule>,
}

/// The place of a line.
#[derive(Clone, Debug, ToSchema)]
pub struct Coordinate {
    /// The file, partition or connection that it came by; "" where that is not known any more.
    pub lane: String,
    /// Its text; null where no file has it any more, or it came from elsewhere.
    #[schema(required)]
    pub line: Option<String>,
    /// Number of its source's partition.
    pub partition: u32,
    /// Place within.
    pub position: u64,
    /// The source that it came from; "" where that is not known any more.
    pub source: String,
}

/// A decision with all that is known of it.
#[derive(Clone, Debug, ToSchema)]
pub struct ExplainedDecision {
    /// What is left of it, in whole seconds; negative where it is over.
    #[schema(pattern = "^-?([0-9]+h)?([0-9]+m)?[0-9]+s$")]
    pub duration: String,
    /// A hash of what caused it: its id outside of this store.
    pub hash: u64,
    /// Its number.
    pub id: u64,
    /// Who decided.
    pub origin: String,
    /// Why.
    pub scenario: String,
    /// What kind of thing `value` is.
    pub scope: String,
    /// Whether it only pretends.
    pub simulated: bool,
    /// What is to be done.
    #[schema(rename = "type")]
    pub kind: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub until: String,
    /// Its name in every store.
    pub uuid: String,
    /// Whom it is about.
    pub value: String,
}

/// A scenario.
#[derive(Clone, Debug, ToSchema)]
pub struct Rule {
    /// A hash of it.
    pub hash: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A new bouncer with its key, which is shown once.
#[derive(Clone, Debug, ToSchema)]
pub struct AddedBouncer {
    /// Its name.
    pub name: String,
    /// Its key.
    pub api_key: String,
}

/// A new machine with its password, which is shown once.
#[derive(Clone, Debug, ToSchema)]
pub struct AddedMachine {
    /// Its name.
    pub machine_id: String,
    /// Its password.
    pub password: String,
}

/// An allowlist was changed.
#[derive(Clone, Debug, ToSchema)]
pub struct AllowlistChanged {
    /// How many decisions ended by it.
    #[schema(rename = "expiredDecisions")]
    pub expired_decisions: u64,
}

/// Old alerts were removed.
#[derive(Clone, Debug, ToSchema)]
pub struct Flushed {
    /// How many.
    #[schema(rename = "nbDeleted")]
    pub nb_deleted: u64,
}

/// A document of OpenAPI 3.1.
#[derive(Clone, Debug, ToSchema)]
pub struct Document {
    /// Which version of OpenAPI it follows.
    pub openapi: String,
    /// What the API is.
    pub info: BTreeMap<String, serde_json::Value>,
    /// The routes.
    pub paths: BTreeMap<String, serde_json::Value>,
}
