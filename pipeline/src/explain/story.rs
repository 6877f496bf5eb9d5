//! What is told of a line. As JSON (`-o json`, one object per line of input) these names are a
//! promise to whoever reads them; fields that say nothing are left out.

use serde::Serialize;
use serde_json::Value;

fn is_false(value: &bool) -> bool {
    !value
}

/// A line and what became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LineStory {
    /// Its number among the lines of the input, from 1.
    pub line: u64,
    /// Name of the input.
    pub file: String,
    /// Where it begins. Unit: bytes of the unpacked input.
    pub offset: u64,
    /// The text.
    pub text: String,
    /// The label `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Parser stages that it came to, in order.
    pub stages: Vec<StageStory>,
    /// Whether it came through all of them.
    pub parsed: bool,
    /// Why not: the stage without success, or the static that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unparsed: Option<String>,
    /// Reason of the whitelist that took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitelisted: Option<String>,
    /// Its date in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Scenarios that wanted it, by name.
    pub scenarios: Vec<PourStory>,
    /// Scenarios that did not, and why; where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unwanted: Vec<Unwanted>,
    /// Buckets that overflowed at this line, in order.
    pub overflows: Vec<OverflowStory>,
    /// Answer to `--why-not`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<WhyNot>,
}

/// What happened in a stage.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageStory {
    /// Name, such as `s01-parse`.
    pub stage: String,
    /// Whether a node succeeded.
    pub success: bool,
    /// Its nodes, in order.
    pub nodes: Vec<NodeStory>,
}

/// What happened in a node.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NodeStory {
    /// Name.
    pub name: String,
    /// Whether it succeeded.
    pub success: bool,
    /// The filter, where it was not true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<ConditionStory>,
    /// The grok, where there is one that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grok: Option<GrokStory>,
    /// Whether its whitelist took the event, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitelist: Option<bool>,
    /// What it wrote, in order; not what its children wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What went wrong in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Nodes below it that were tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeStory>,
}

/// A condition that was not true.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConditionStory {
    /// As written.
    pub expression: String,
    /// The first part (of those that `&&` joins) that was not true, where it is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What that part met.
    pub values: Vec<Operand>,
    /// Why it gave nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A part of an expression and its value.
#[derive(Clone, Debug, Serialize)]
pub struct Operand {
    /// As written.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// How a grok went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GrokStory {
    /// Whether it matched.
    pub matched: bool,
    /// What it reads: `Line.Raw`, a name of `evt.Parsed`, or an expression.
    pub reads: String,
    /// The pattern as written, where it did not match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What stands before it matches. Unit: bytes of the pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_offset: Option<usize>,
    /// The text, where there is one that it did not match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where that match ends. Unit: bytes of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_offset: Option<usize>,
}

/// Something of the event that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What, as expressions name it: `evt.Parsed.message`.
    pub name: String,
    /// What was there; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What is there now; absent where it was taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// What became of an event that a scenario wanted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PourStory {
    /// The scenario.
    pub scenario: String,
    /// Which bucket: what `groupby` gave.
    pub key: String,
    /// What `distinct` gave, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<String>,
    /// `poured`, `overflowed`, `repeated` (distinct), `cancelled` (cancel_on), `undated`,
    /// `filtered` (overflow_filter), `blackholed` or `failed`.
    pub outcome: &'static str,
    /// Why there is no alert, where it `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The bucket as it stands then, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketStory>,
}

/// A bucket that is open.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BucketStory {
    /// Events that have not leaked.
    pub level: f64,
    /// How many it takes; the next one overflows it. -1: any number.
    pub capacity: i64,
    /// Events poured in all.
    pub poured: u32,
    /// Time of the first event.
    pub first: String,
    /// Time of the last event.
    pub last: String,
}

/// A scenario that did not want an event.
#[derive(Clone, Debug, Serialize)]
pub struct Unwanted {
    /// The scenario.
    pub scenario: String,
    /// Its filter.
    pub filter: ConditionStory,
}

/// A bucket that overflowed, and what became of that.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OverflowStory {
    /// The scenario.
    pub scenario: String,
    /// What `groupby` gave.
    pub key: String,
    /// When.
    pub at: String,
    /// Whether its time was over, so that no line of its own made it overflow.
    #[serde(skip_serializing_if = "is_false")]
    pub deadline: bool,
    /// Postoverflow stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageStory>,
    /// Reason of the postoverflow whitelist that took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitelisted: Option<String>,
    /// The alerts, one per source.
    pub alerts: Vec<AlertStory>,
    /// Scenarios that look at overflows and wanted this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<PourStory>,
    /// What overflowed of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overflows: Vec<Self>,
}

/// An alert and what it leads to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AlertStory {
    /// In one sentence.
    pub message: String,
    /// Reason of the allowlist that has its source: then there is no decision and no alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowlisted: Option<String>,
    /// Profiles that took it.
    pub profiles: Vec<String>,
    /// Decisions for people, such as `ban Ip 192.0.2.1 for 4h`.
    pub decisions: Vec<String>,
    /// The alert under the names of CrowdSec's API.
    pub alert: Value,
}

/// Why a scenario gave no alert for a line.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WhyNot {
    /// The scenario.
    pub scenario: String,
    /// Which condition failed first: `parsed`, `whitelisted`, `overflow` (it looks at overflows and
    /// there is none), `filter`, `groupby`, `date`, `distinct`, `cancel_on`, `capacity`,
    /// `condition`, `deadline`, `overflow_filter`, `blackhole`, `source`, `postoverflow`,
    /// `allowlist`; `none` where there is an alert.
    pub failed: &'static str,
    /// The same for people.
    pub reason: String,
    /// The filter, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionStory>,
}
