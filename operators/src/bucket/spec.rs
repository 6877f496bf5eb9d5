//! Scenarios as written (crowdsec pkg/leakybucket/manager_load.go), strictly decoded and checked as
//! far as it goes without compiling their expressions.

use crate::parse::spec::{DataSpec, data_files};
use crate::time::GoDuration;
use crate::value::Value;
use crate::yaml::{Documents, Fields, Located, Node, Position, Reading, format, suggestion};

/// What a bucket overflows by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BucketKind {
    /// More than its capacity at once.
    #[default]
    Leaky,
    /// Any event.
    Trigger,
    /// A deadline after the first event.
    Counter,
    /// An expression over the bucket.
    Conditional,
    /// A probability.
    Bayesian,
}

/// How many events a bucket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many; 0 for a trigger.
    Bounded(u32),
    /// All (`-1`).
    Unbounded,
}

/// A scenario.
#[derive(Clone, Debug)]
pub struct ScenarioSpec {
    /// Where it starts.
    pub at: Position,
    /// Its name; never empty.
    pub name: Located<String>,
    /// What it is for.
    pub description: String,
    /// What makes its buckets overflow.
    pub kind: BucketKind,
    /// What its buckets hold.
    pub capacity: Capacity,
    /// How often a place becomes free; present wherever the kind needs it.
    pub leakspeed: Option<Located<GoDuration>>,
    /// `leakspeed` as written, "" where absent.
    pub leakspeed_text: String,
    /// Which events it takes.
    pub filter: Located<String>,
    /// Which bucket an event goes to.
    pub groupby: Option<Located<String>>,
    /// Of which events only the first counts.
    pub distinct: Option<Located<String>>,
    /// Whether its work is to be shown.
    pub debug: bool,
    /// What alerts carry.
    pub labels: Vec<(String, Value)>,
    /// How long a bucket key is silent after an overflow.
    pub blackhole: Option<Located<GoDuration>>,
    /// Who did it.
    pub scope: ScopeSpec,
    /// Whether its overflows are matched by scenarios again.
    pub reprocess: bool,
    /// Files that its expressions read.
    pub data: Vec<DataSpec>,
    /// Overflows when true.
    pub condition: Option<Located<String>>,
    /// How many events are kept, where that is less than the capacity.
    pub cache_size: Option<u32>,
    /// Empties a bucket silently when true.
    pub cancel_on: Option<Located<String>>,
    /// Present wherever `bayesian_threshold` is given.
    pub bayesian: Option<BayesianSpec>,
    /// Lets an overflow pass when true.
    pub overflow_filter: Option<Located<String>>,
    /// How long a bucket lives after its first event.
    pub duration: Option<Located<GoDuration>>,
}

/// Who is to blame.
#[derive(Clone, Debug)]
pub struct ScopeSpec {
    /// `Ip`, `Range` or any other.
    pub kind: String,
    /// Gives the value; always present but for `Ip` (never) and `Range` (optional).
    pub expression: Option<Located<String>>,
}

/// The numbers of a bayesian bucket.
#[derive(Clone, Debug)]
pub struct BayesianSpec {
    /// Probability of an attack before anything is seen.
    pub prior: f32,
    /// Overflows above this probability.
    pub threshold: f32,
    /// What changes the probability.
    pub conditions: Vec<BayesianCondition>,
}

/// One observation of a bayesian bucket.
#[derive(Clone, Debug)]
pub struct BayesianCondition {
    /// Whether it was seen.
    pub condition: Located<String>,
    /// How often attackers show it.
    pub prob_given_evil: f32,
    /// How often others show it.
    pub prob_given_benign: f32,
    /// Whether one sight is enough: it is not evaluated again.
    pub guillotine: bool,
}

const KEYS: [&str; 25] = [
    "format",
    "description",
    "references",
    "type",
    "name",
    "capacity",
    "leakspeed",
    "filter",
    "groupby",
    "distinct",
    "debug",
    "labels",
    "blackhole",
    "scope",
    "reprocess",
    "data",
    "condition",
    "cache_size",
    "cancel_on",
    "bayesian_prior",
    "bayesian_threshold",
    "bayesian_conditions",
    "overflow_filter",
    "duration",
    "version",
];
/// CrowdSec accepts the third by accident and ignores it.
const SCOPE_KEYS: [&str; 3] = ["type", "expression", "runtimefilter"];
const CONDITION_KEYS: [&str; 4] =
    ["condition", "prob_given_evil", "prob_given_benign", "guillotine"];
const KINDS: [&str; 5] = ["leaky", "trigger", "counter", "conditional", "bayesian"];

/// The scenarios of a file, in order. Documents of a foreign format are left out.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Vec<ScenarioSpec> {
    let nodes = documents.nodes.iter();
    nodes.filter_map(|document| scenario(document, reading)).collect()
}

fn scenario(document: &Node, reading: &mut Reading<'_>) -> Option<ScenarioSpec> {
    let fields = Fields::open(document, "scenario", &KEYS, reading)?;
    if !format::is_supported(&fields, "scenario", reading) {
        return None;
    }
    let before = reading.errors.len();
    let name = fields.required("name", "a scenario", reading);
    let description = fields.required("description", "a scenario", reading).value;
    let kind = kind(&fields, reading);
    let spec = ScenarioSpec {
        at: fields.at,
        name,
        description,
        kind,
        capacity: capacity(&fields, reading),
        leakspeed: fields.duration("leakspeed", reading),
        leakspeed_text: leakspeed_text(&fields),
        filter: fields.required("filter", "a scenario", reading),
        groupby: fields.text("groupby", reading),
        distinct: fields.text("distinct", reading),
        debug: fields.flag("debug", reading),
        labels: labels(&fields, reading),
        blackhole: fields.duration("blackhole", reading),
        scope: scope(&fields, reading),
        reprocess: fields.flag("reprocess", reading),
        data: data_files(&fields, reading),
        condition: fields.text("condition", reading),
        cache_size: cache_size(&fields, reading),
        cancel_on: fields.text("cancel_on", reading),
        bayesian: bayesian(&fields, kind, reading),
        overflow_filter: fields.text("overflow_filter", reading),
        duration: fields.duration("duration", reading),
    };
    fields.texts("references", reading);
    fields.text("version", reading);
    if reading.errors.len() == before {
        check_kind(&spec, &fields, reading);
    }
    Some(spec)
}

fn kind(fields: &Fields<'_>, reading: &mut Reading<'_>) -> BucketKind {
    let word = fields.required("type", "a scenario", reading);
    match word.value.as_str() {
        "leaky" | "" => BucketKind::Leaky,
        "trigger" => BucketKind::Trigger,
        "counter" => BucketKind::Counter,
        "conditional" => BucketKind::Conditional,
        "bayesian" => BucketKind::Bayesian,
        other => {
            let help = suggestion(other, &KINDS).unwrap_or_default();
            reading.refuse_with(word.at, format!("unknown type of scenario: {other:?}"), help);
            BucketKind::Leaky
        }
    }
}

fn capacity(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Capacity {
    let Some(number) = fields.integer("capacity", reading) else { return Capacity::Bounded(0) };
    if number.value == -1 {
        return Capacity::Unbounded;
    }
    match u32::try_from(number.value) {
        Ok(count) if count <= i32::MAX as u32 => Capacity::Bounded(count),
        _ => {
            let message = format!("`capacity` is out of range: {}", number.value);
            reading.refuse_with(number.at, message, "-1 means without bound");
            Capacity::Bounded(0)
        }
    }
}

fn leakspeed_text(fields: &Fields<'_>) -> String {
    let text = fields.node("leakspeed").and_then(Node::located_text);
    text.unwrap_or_default().value
}

fn cache_size(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<u32> {
    let number = fields.integer("cache_size", reading)?;
    // Below 1 means "not given" to CrowdSec.
    u32::try_from(number.value).ok().filter(|size| *size > 0)
}

fn labels(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<(String, Value)> {
    let entries = fields.entries("labels", reading).iter();
    entries.map(|(key, node)| (key.value.clone(), node.to_value())).collect()
}

fn scope(fields: &Fields<'_>, reading: &mut Reading<'_>) -> ScopeSpec {
    let absent = ScopeSpec { kind: "Ip".to_owned(), expression: None };
    let Some(node) = fields.node("scope") else { return absent };
    let Some(scope) = Fields::open(node, "scope", &SCOPE_KEYS, reading) else { return absent };
    let kind = scope.text("type", reading).map_or("Ip".to_owned(), |kind| kind.value);
    let expression = scope.text("expression", reading);
    match (kind.as_str(), &expression) {
        ("Ip", Some(expression)) => reading.refuse_with(
            expression.at,
            "scope Ip takes no `expression`: its value is evt.Meta.source_ip",
            "leave it out, or give the scope another type",
        ),
        ("Ip" | "Range", _) | (_, Some(_)) => {}
        (_, None) => reading.refuse_with(
            scope.at,
            format!("scope {kind} needs an `expression`"),
            "only Ip and Range know their value by themselves",
        ),
    }
    ScopeSpec { kind, expression }
}

#[expect(clippy::cast_possible_truncation, reason = "CrowdSec computes with 32 bits")]
fn bayesian(
    fields: &Fields<'_>,
    kind: BucketKind,
    reading: &mut Reading<'_>,
) -> Option<BayesianSpec> {
    let prior = fields.number("bayesian_prior", reading);
    let threshold = fields.number("bayesian_threshold", reading);
    let conditions = fields.items("bayesian_conditions", reading).iter();
    let conditions: Vec<_> = conditions.filter_map(|item| condition(item, reading)).collect();
    if kind == BucketKind::Bayesian {
        let bounds = |key: &str, value: Option<&Located<f64>>, reading: &mut Reading<'_>| {
            if !value.is_some_and(|number| number.value > 0.0 && number.value <= 1.0) {
                let message = format!("a bayesian scenario needs `{key}` above 0 and at most 1");
                reading.refuse(fields.place(key), message);
            }
        };
        bounds("bayesian_prior", prior.as_ref(), reading);
        bounds("bayesian_threshold", threshold.as_ref(), reading);
        if conditions.is_empty() {
            reading.refuse(
                fields.place("bayesian_conditions"),
                "a bayesian scenario needs `bayesian_conditions`",
            );
        }
    }
    let threshold = threshold.filter(|number| number.value != 0.0)?.value as f32;
    let prior = prior.map_or(0.0, |number| number.value as f32);
    Some(BayesianSpec { prior, threshold, conditions })
}

#[expect(clippy::cast_possible_truncation, reason = "CrowdSec computes with 32 bits")]
fn condition(item: &Node, reading: &mut Reading<'_>) -> Option<BayesianCondition> {
    let fields = Fields::open(item, "bayesian condition", &CONDITION_KEYS, reading)?;
    Some(BayesianCondition {
        condition: fields.required("condition", "a bayesian condition", reading),
        prob_given_evil: fields.number("prob_given_evil", reading).map_or(0.0, |n| n.value as f32),
        prob_given_benign: fields
            .number("prob_given_benign", reading)
            .map_or(0.0, |n| n.value as f32),
        guillotine: fields.flag("guillotine", reading),
    })
}

/// What each type needs (crowdsec pkg/leakybucket/buckettype.go).
fn check_kind(spec: &ScenarioSpec, fields: &Fields<'_>, reading: &mut Reading<'_>) {
    let place = |key: &str| fields.place(key);
    let leak = |name: &str, reading: &mut Reading<'_>| {
        if spec.leakspeed.as_ref().is_none_or(|leak| leak.value.0 <= 0) {
            let message = format!("a {name} scenario needs a `leakspeed` above 0");
            reading.refuse_with(place("leakspeed"), message, "such as `leakspeed: 10s`");
        }
    };
    let unbounded = |name: &str, reading: &mut Reading<'_>| {
        if spec.capacity != Capacity::Unbounded {
            let message = format!("a {name} scenario needs `capacity: -1`");
            reading.refuse(place("capacity"), message);
        }
    };
    match spec.kind {
        BucketKind::Leaky => {
            if !matches!(spec.capacity, Capacity::Bounded(1..)) {
                let message = "a leaky scenario needs a `capacity` of at least 1";
                reading.refuse_with(
                    place("capacity"),
                    message,
                    "to overflow on every event, write `type: trigger`",
                );
            }
            leak("leaky", reading);
        }
        BucketKind::Trigger => {
            if spec.capacity != Capacity::Bounded(0) {
                reading.refuse(place("capacity"), "a trigger has no `capacity`: leave it out");
            }
        }
        BucketKind::Counter => {
            unbounded("counter", reading);
            if spec.duration.as_ref().is_none_or(|duration| duration.value.0 <= 0) {
                let message = "a counter scenario needs a `duration` above 0";
                reading.refuse_with(place("duration"), message, "such as `duration: 10m`");
            }
        }
        BucketKind::Conditional => {
            if spec.condition.is_none() {
                reading.refuse(spec.at, "a conditional scenario needs `condition`");
            }
            leak("conditional", reading);
            if spec.capacity != Capacity::Unbounded {
                reading.warn(
                    place("capacity"),
                    "a conditional scenario is meant to have `capacity: -1`",
                );
            }
        }
        BucketKind::Bayesian => {
            unbounded("bayesian", reading);
            // CrowdSec starts without one and panics on the first event.
            leak("bayesian", reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    fn decode(text: &str) -> (Vec<ScenarioSpec>, Vec<String>) {
        let source = Source::new("s.yaml", text);
        let documents = parse(&source);
        assert!(documents.errors.is_empty(), "{:?}", documents.errors);
        let mut reading = Reading::new(&source);
        let specs = read(&documents, &mut reading);
        (specs, reading.errors.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn refused(kind: &str, rest: &str, expected: &[&str]) {
        let (_, errors) =
            decode(&format!("name: n\ndescription: d\nfilter: f\ntype: {kind}\n{rest}"));
        assert_eq!(errors, expected);
    }

    #[test]
    fn every_directive_is_read() {
        let (specs, errors) = decode(
            "format: 2.0\nversion: 1\nreferences: [u]\nname: me/x\ndescription: d\ntype: leaky\n\
             capacity: 5\nleakspeed: 10s\nfilter: a\ngroupby: b\ndistinct: c\ndebug: on\n\
             labels: {remediation: true, spoofable: 0, classification: [attack.T1110]}\n\
             blackhole: 5m\nscope: {type: user, expression: e}\nreprocess: true\ncondition: x\n\
             cache_size: 3\ncancel_on: y\nbayesian_prior: 0.5\nbayesian_threshold: 0.8\n\
             bayesian_conditions: [{condition: z, prob_given_evil: 0.8, prob_given_benign: 0.2, \
             guillotine: true}]\noverflow_filter: w\nduration: 1h\ndata: [{dest_file: f, type: string}]\n",
        );
        assert_eq!(errors, Vec::<String>::new());
        let spec = &specs[0];
        assert_eq!((spec.capacity, spec.cache_size), (Capacity::Bounded(5), Some(3)));
        assert_eq!(spec.leakspeed_text, "10s");
        assert_eq!(spec.blackhole.as_ref().unwrap().value.0, 300_000_000_000);
        assert!(matches!(spec.labels[0], (_, Value::Bool(true))));
        assert!(matches!(spec.labels[1], (_, Value::Int(0))));
        assert_eq!(spec.scope.kind, "user");
        let bayesian = spec.bayesian.as_ref().unwrap();
        assert!(bayesian.conditions[0].guillotine && spec.reprocess && spec.debug);
    }

    #[test]
    fn each_type_asks_for_what_it_needs() {
        refused(
            "leaky",
            "",
            &[
                "s.yaml:1:1: a leaky scenario needs a `capacity` of at least 1",
                "s.yaml:1:1: a leaky scenario needs a `leakspeed` above 0",
            ],
        );
        refused(
            "trigger",
            "capacity: 1\n",
            &["s.yaml:5:11: a trigger has no `capacity`: leave it out"],
        );
        refused(
            "counter",
            "capacity: -1\n",
            &["s.yaml:1:1: a counter scenario needs a `duration` above 0"],
        );
        refused(
            "conditional",
            "capacity: -1\nleakspeed: 0s\n",
            &[
                "s.yaml:1:1: a conditional scenario needs `condition`",
                "s.yaml:6:12: a conditional scenario needs a `leakspeed` above 0",
            ],
        );
        refused("trigger", "", &[]);
    }

    #[test]
    fn a_bayesian_scenario_without_leakspeed_is_refused_at_load() {
        let conditions = "bayesian_conditions: [{condition: a}]\n";
        refused(
            "bayesian",
            &format!("capacity: -1\nbayesian_prior: 0.5\nbayesian_threshold: 0.9\n{conditions}"),
            &["s.yaml:1:1: a bayesian scenario needs a `leakspeed` above 0"],
        );
        refused(
            "bayesian",
            &format!("capacity: -1\nleakspeed: 1s\nbayesian_prior: 2\n{conditions}"),
            &[
                "s.yaml:7:17: a bayesian scenario needs `bayesian_prior` above 0 and at most 1",
                "s.yaml:1:1: a bayesian scenario needs `bayesian_threshold` above 0 and at most 1",
            ],
        );
    }

    #[test]
    fn a_scope_knows_whether_it_needs_an_expression() {
        refused("trigger", "scope: {type: Range}\n", &[]);
        refused("trigger", "scope: {}\n", &[]);
        refused(
            "trigger",
            "scope: {type: user}\n",
            &["s.yaml:5:8: scope user needs an `expression`"],
        );
        let (_, errors) = decode(
            "name: n\ndescription: d\nfilter: f\ntype: trigger\nscope: {type: Ip, expression: a}\n",
        );
        assert_eq!(
            errors,
            ["s.yaml:5:31: scope Ip takes no `expression`: its value is evt.Meta.source_ip"]
        );
    }

    #[test]
    fn a_scenario_without_its_four_words_is_refused() {
        let (_, errors) = decode("debug: false\nauthor: me\n");
        assert_eq!(
            errors,
            [
                "s.yaml:2:1: unknown key `author` in scenario",
                "s.yaml:1:1: a scenario needs `name`",
                "s.yaml:1:1: a scenario needs `description`",
                "s.yaml:1:1: a scenario needs `type`",
                "s.yaml:1:1: a scenario needs `filter`",
            ]
        );
    }
}
