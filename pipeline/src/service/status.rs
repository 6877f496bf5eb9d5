//! What a running service says of itself at its socket: a promise to those who read it.

use serde::{Deserialize, Serialize};

/// The whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// `all`, `detect` or `serve`.
    pub role: String,
    /// Who detects.
    pub machine: String,
    /// Directory of the store.
    pub data: String,
    /// Where clients of this host reach the API; "" where it is not served.
    pub api: String,
    /// Since the start. Unit: seconds.
    pub uptime: f64,
    /// Whether everything works; if not, why.
    pub trouble: Vec<String>,
    /// The rules.
    pub rules: RulesStatus,
    /// The sources.
    pub sources: Vec<SourceStatus>,
    /// The outputs.
    pub outputs: Vec<OutputStatus>,
    /// Messages that wait for the output that is the furthest behind.
    pub waiting: u64,
    /// Lines since the start.
    pub lines: LinesStatus,
    /// Scenarios that did something, the most alerts first.
    pub scenarios: Vec<ScenarioStatus>,
    /// Source values with the most alerts, and how many.
    pub values: Vec<(String, u64)>,
    /// The last decisions, newest first.
    pub decisions: Vec<DecisionStatus>,
    /// Alerts since the start.
    pub alerts: u64,
    /// Decisions that are active.
    pub active_decisions: u64,
    /// Buckets in memory.
    pub buckets: u64,
    /// Commits.
    pub commits: CommitStatus,
    /// The store on disk. Unit: bytes.
    pub store_bytes: u64,
}

/// The rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RulesStatus {
    /// Parser nodes.
    pub parsers: u64,
    /// Scenarios.
    pub scenarios: u64,
    /// When they were taken, RFC 3339.
    pub loaded: String,
    /// How often others were taken since the start.
    pub reloads: u64,
    /// Why the last ones were not taken.
    pub refused: Option<String>,
    /// Keys of the configuration that changed and wait for a restart.
    pub waiting: Vec<String>,
}

/// A source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Its module.
    pub module: String,
    /// One word.
    pub state: String,
    /// The state with since when and why.
    pub detail: String,
    /// Lines handed over.
    pub lines: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Records that were not read, by reason.
    pub rejected: Vec<(String, u64)>,
    /// Lines that no parser took.
    pub unparsed: u64,
    /// How far its newest line is behind the present. Unit: seconds.
    pub behind: Option<f64>,
    /// From the last overflow to its decision. Unit: seconds.
    pub decision_lag: Option<f64>,
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputStatus {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub module: String,
    /// One word.
    pub state: String,
    /// The state with since when and why.
    pub detail: String,
    /// Messages delivered since the start.
    pub messages: u64,
    /// Messages that will never be taken.
    pub refused: u64,
}

/// Lines since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinesStatus {
    /// All.
    pub read: u64,
    /// Parsed.
    pub parsed: u64,
    /// Not parsed.
    pub unparsed: u64,
    /// Dropped by a whitelist.
    pub whitelisted: u64,
    /// Poured somewhere.
    pub poured: u64,
    /// With pours, after their time.
    pub late: u64,
}

/// A scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScenarioStatus {
    /// Its name.
    pub name: String,
    /// Events poured.
    pub poured: u64,
    /// Buckets that overflowed.
    pub overflowed: u64,
    /// Alerts that came of them.
    pub alerts: u64,
}

/// A decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionStatus {
    /// When the event happened that led to it, RFC 3339.
    pub at: String,
    /// Scope of the value.
    pub scope: String,
    /// What it applies to.
    pub value: String,
    /// `ban`, `captcha` or a custom type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How long.
    pub duration: String,
    /// Name of the scenario.
    pub scenario: String,
}

/// Commits since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommitStatus {
    /// How many.
    pub count: u64,
    /// Seals that are ordered and not kept yet.
    pub under_way: u64,
    /// How long one takes. Unit: milliseconds.
    pub mean_ms: f64,
    /// How long the longest took. Unit: milliseconds.
    pub longest_ms: f64,
}

/// A line that no parser took, or what was not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnparsedLine {
    /// Why: `unparsed` where no parser took it, else why it was not read.
    pub reason: String,
    /// Name of the source.
    pub source: String,
    /// File, container, topic: what the source calls the lane.
    pub lane: String,
    /// Position there.
    pub offset: u64,
    /// When it was seen, RFC 3339.
    pub seen: String,
    /// Its first characters.
    pub line: String,
}
