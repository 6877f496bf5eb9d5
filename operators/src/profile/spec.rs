//! Profiles as written (crowdsec pkg/csconfig/profiles.go): which alerts become which decisions.

use crate::time::GoDuration;
use crate::yaml::{Documents, Fields, Located, Node, Position, Reading, suggestion};

/// What to do after a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// The next profile has its turn.
    #[default]
    Continue,
    /// No further profile is looked at.
    Break,
}

/// What to do when a filter of a profile fails on an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The error is reported with the alert.
    #[default]
    Report,
    /// The next profile has its turn (`continue`, `ignore`).
    Continue,
    /// No further profile is looked at.
    Break,
    /// The profile counts as matched.
    Apply,
}

/// A profile.
#[derive(Clone, Debug)]
pub struct ProfileSpec {
    /// Where it starts.
    pub at: Position,
    /// Its name, for people.
    pub name: Located<String>,
    /// Whether its work is to be shown.
    pub debug: bool,
    /// Expressions over `Alert`; one that is true is enough. Never empty.
    pub filters: Vec<Located<String>>,
    /// What is decided.
    pub decisions: Vec<DecisionSpec>,
    /// Gives the duration of all decisions.
    pub duration_expr: Option<Located<String>>,
    /// After a match.
    pub on_success: After,
    /// After no match.
    pub on_failure: After,
    /// After a filter that failed.
    pub on_error: OnError,
    /// Names of notifications.
    pub notifications: Vec<Located<String>>,
}

/// A decision as written: what is absent comes from the alert.
#[derive(Clone, Debug)]
pub struct DecisionSpec {
    /// `ban`, `captcha` or any other.
    pub kind: Located<String>,
    /// Duration in Go's notation, days (`d`) allowed; 4h where absent.
    pub duration: Located<String>,
    /// Scope, that of the alert's source where absent.
    pub scope: Option<Located<String>>,
    /// Becomes `crowdsec/<origin>`.
    pub origin: Option<Located<String>>,
    /// Whether it must not be enforced.
    pub simulated: bool,
}

const KEYS: [&str; 9] = [
    "name",
    "debug",
    "filters",
    "decisions",
    "duration_expr",
    "on_success",
    "on_failure",
    "on_error",
    "notifications",
];
const DECISION_KEYS: [&str; 10] = [
    "type",
    "duration",
    "scope",
    "origin",
    "simulated",
    "value",
    "scenario",
    "id",
    "until",
    "uuid",
];
/// What CrowdSec takes where a decision has no duration.
const DEFAULT_DURATION: &str = "4h";

/// The profiles of a file, in order.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Vec<ProfileSpec> {
    documents.nodes.iter().filter_map(|document| profile(document, reading)).collect()
}

fn profile(document: &Node, reading: &mut Reading<'_>) -> Option<ProfileSpec> {
    let fields = Fields::open(document, "profile", &KEYS, reading)?;
    let mut filters = fields.texts("filters", reading);
    filters.retain(|filter| !filter.value.is_empty());
    if filters.is_empty() {
        let help = "a list of expressions, such as `- Alert.Remediation == true`";
        reading.refuse_with(fields.place("filters"), "a profile needs `filters`", help);
    }
    let decisions = fields.items("decisions", reading).iter();
    let decisions = decisions.filter_map(|item| decision(item, reading)).collect();
    let errors = [
        ("apply", OnError::Apply),
        ("continue", OnError::Continue),
        ("ignore", OnError::Continue),
        ("break", OnError::Break),
    ];
    let plain = [("continue", After::Continue), ("break", After::Break)];
    // CrowdSec accepts `apply` after a failure, and does nothing.
    let failure = [plain[0], plain[1], ("apply", After::Continue)];
    Some(ProfileSpec {
        at: fields.at,
        name: fields.text("name", reading).unwrap_or_default(),
        debug: fields.flag("debug", reading),
        filters,
        decisions,
        duration_expr: fields.text("duration_expr", reading),
        on_success: choice(&fields, "on_success", &plain, reading),
        on_failure: choice(&fields, "on_failure", &failure, reading),
        on_error: choice(&fields, "on_error", &errors, reading),
        notifications: fields.texts("notifications", reading),
    })
}

fn choice<T: Copy + Default>(
    fields: &Fields<'_>,
    key: &str,
    choices: &[(&str, T)],
    reading: &mut Reading<'_>,
) -> T {
    let Some(word) = fields.text(key, reading) else { return T::default() };
    if let Some((_, chosen)) = choices.iter().find(|(name, _)| *name == word.value) {
        return *chosen;
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let error = reading.source.error(word.at, format!("unknown `{key}`: {:?}", word.value));
    reading.errors.push(error.with_suggestion(suggestion(&word.value, &names)));
    T::default()
}

fn decision(item: &Node, reading: &mut Reading<'_>) -> Option<DecisionSpec> {
    let fields = Fields::open(item, "decision", &DECISION_KEYS, reading)?;
    for key in ["value", "scenario", "id", "until", "uuid"] {
        if let Some(node) = fields.node(key) {
            reading.warn(node.at, format!("`{key}` has no effect: it comes from the alert"));
        }
    }
    let kind = fields.required("type", "a decision", reading);
    let duration = fields.text("duration", reading);
    if let Some(duration) = &duration
        && let Err(error) = GoDuration::parse_with_days(&duration.value)
    {
        let message = format!("`duration`: {error}");
        reading.refuse_with(duration.at, message, "such as 30m, 4h or 7d");
    }
    Some(DecisionSpec {
        kind,
        duration: duration.unwrap_or_else(|| Located::new(DEFAULT_DURATION.to_owned(), fields.at)),
        scope: fields.text("scope", reading),
        origin: fields.text("origin", reading),
        simulated: fields.flag("simulated", reading),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    fn decode(text: &str) -> (Vec<ProfileSpec>, Vec<String>) {
        let source = Source::new("p.yaml", text);
        let mut reading = Reading::new(&source);
        let profiles = read(&parse(&source), &mut reading);
        (profiles, reading.errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_directive_is_read() {
        let (profiles, errors) = decode(
            "name: a\ndebug: false\nfilters: ['Alert.Remediation == true']\ndecisions:\n\
             - {type: ban, duration: 7d, scope: Range, origin: me, simulated: true}\n- type: captcha\n\
             duration_expr: x\non_success: break\non_failure: apply\non_error: ignore\n\
             notifications: [slack]\n---\nname: b\nfilters: [y]\n",
        );
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(profiles.len(), 2);
        let first = &profiles[0];
        assert_eq!((first.on_success, first.on_failure), (After::Break, After::Continue));
        assert_eq!(first.on_error, OnError::Continue);
        assert_eq!(first.decisions[0].duration.value, "7d");
        assert_eq!(first.decisions[1].duration.value, DEFAULT_DURATION);
        assert!(profiles[1].decisions.is_empty());
    }

    #[test]
    fn mistakes_are_refused() {
        let (_, errors) =
            decode("name: a\non_success: brake\ndecisions:\n- {duration: 7x}\n- {kind: ban}\n");
        assert_eq!(
            errors,
            [
                "p.yaml:1:1: a profile needs `filters`",
                "p.yaml:4:3: a decision needs `type`",
                "p.yaml:4:14: `duration`: unknown unit \"x\" in duration \"7x\"",
                "p.yaml:5:4: unknown key `kind` in decision",
                "p.yaml:5:3: a decision needs `type`",
                "p.yaml:2:13: unknown `on_success`: \"brake\"",
            ]
        );
    }
}
