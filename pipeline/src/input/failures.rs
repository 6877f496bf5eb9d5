//! What failed while rules ran, with the names of the rules: from the counts of a run to the rows
//! of a summary.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::bucket::Counters;
use operators::fault::{Fault, Faults};
use operators::place::Partition;
use serde::Serialize;

use crate::replay::Outcome;

/// Something that failed, once or often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// `parser`, `postoverflow`, `scenario`, `profile` or `input`.
    pub kind: &'static str,
    /// Name of the rule; of a transform the input.
    pub name: String,
    /// What of it: `filter`, `static`, `groupby`, …; `alert` where an overflow gave none; [`CONTEXT`].
    pub part: String,
    /// Why; where reasons differ, that of the first.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// The input with the first line at fault, where one line is.
    pub file: Option<String>,
    /// Where that line begins in it. Unit: bytes.
    pub offset: Option<u64>,
}

/// The part whose failures change nothing but what an alert shows: rules for one kind of event fail on
/// all others.
pub const CONTEXT: &str = "context";

/// What is said of scenarios that feed themselves.
const MANY: &str = "one overflow led to too many that are matched again: it may feed itself";

/// Names by number.
#[derive(Debug, Default)]
pub struct Names<'a> {
    /// Top-level nodes of parsers.
    pub parsers: &'a [&'static str],
    /// Top-level nodes of postoverflows.
    pub postoverflows: &'a [&'static str],
    /// Scenarios.
    pub scenarios: Vec<Arc<str>>,
    /// Profiles.
    pub profiles: Vec<Arc<str>>,
    /// Inputs.
    pub inputs: &'a [Arc<str>],
}

impl Names<'_> {
    /// All failures of a run, the most frequent first.
    pub fn failures(&self, outcome: &Outcome) -> Vec<Failure> {
        let tally = &outcome.tally;
        let mut all = Vec::new();
        self.add("input", self.inputs, &outcome.transform_faults, &mut all);
        self.add("parser", self.parsers, &tally.parser_faults, &mut all);
        self.add("scenario", &self.scenarios, &tally.scenario_faults, &mut all);
        self.add("scenario", &self.scenarios, &outcome.settled.scenario_faults, &mut all);
        self.add("postoverflow", self.postoverflows, &outcome.settled.faults, &mut all);
        self.add("profile", &self.profiles, &outcome.profile_faults, &mut all);
        for (name, counters) in self.scenarios.iter().zip(&outcome.counters) {
            all.extend(of_buckets(name, counters));
        }
        let mut joined: BTreeMap<_, Failure> = BTreeMap::new();
        for failure in all {
            let Failure { kind, name, part, .. } = &failure;
            let alert = (part == "alert").then(|| failure.reason.clone());
            let key = (*kind, name.clone(), part.clone(), alert);
            match joined.get_mut(&key) {
                Some(known) => known.count += failure.count,
                None => drop(joined.insert(key, failure)),
            }
        }
        let mut all: Vec<_> = joined.into_values().collect();
        all.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        all
    }

    fn add<N: AsRef<str>>(
        &self,
        kind: &'static str,
        names: &[N],
        faults: &Faults,
        to: &mut Vec<Failure>,
    ) {
        to.extend(faults.iter().map(|(number, part, fault)| {
            let Fault { count, first: (Partition(input), position), message } = fault;
            let file = self.inputs.get(*input as usize).map(ToString::to_string);
            Failure {
                kind,
                name: names.get(number).map_or("", AsRef::as_ref).to_owned(),
                part: part.to_string(),
                reason: message.clone(),
                count: *count,
                offset: file.as_ref().map(|_| *position),
                file,
            }
        }));
    }
}

/// What buckets of one scenario could not do.
fn of_buckets(name: &str, counters: &Counters) -> Vec<Failure> {
    let failure = |part: &str, reason: String, count| Failure {
        kind: "scenario",
        name: name.to_owned(),
        part: part.to_owned(),
        reason,
        count,
        ..Failure::default()
    };
    let mut all: Vec<_> = counters
        .failed
        .iter()
        .map(|(why, count)| failure("alert", why.to_string(), *count))
        .collect();
    for (part, reason, count) in [
        ("event", "evt.MarshaledTime is no date: it fills no bucket", counters.undated),
        ("reprocess", MANY, counters.left),
        ("condition", "it failed", counters.errors),
        ("overflow_filter or scope", "it failed", counters.alert_errors),
        (CONTEXT, "it failed", counters.context_errors),
    ] {
        if count > 0 {
            all.push(failure(part, reason.to_owned(), count));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use operators::bucket::Failure as NoAlert;
    use operators::fault::Part;

    use super::*;

    #[test]
    fn failures_of_all_places_are_joined_by_rule_and_reason() {
        let mut outcome = Outcome::default();
        let at = (Partition(0), 7);
        let scenario_faults = &mut outcome.tally.scenario_faults;
        scenario_faults.add(1, Part::Filter, at, &"nil has no name");
        outcome.settled.scenario_faults.add(1, Part::Filter, at, &"nil has no name");
        outcome.profile_faults.add(0, Part::Duration, at, &"no");
        let failed = [(NoAlert::NoSourceIp, 5), (NoAlert::BadRange, 1)].into_iter().collect();
        outcome.counters = vec![Counters { failed, ..Counters::default() }];
        let names = Names {
            scenarios: vec!["a/one".into(), "a/two".into()],
            profiles: vec!["p".into()],
            inputs: &["x.log".into()],
            ..Names::default()
        };
        let failures = names.failures(&outcome);
        let shown: Vec<_> = failures
            .iter()
            .map(|f| format!("{} {} {} {}: {}", f.count, f.kind, f.name, f.part, f.reason))
            .collect();
        assert_eq!(
            shown,
            [
                "5 scenario a/one alert: evt.Meta.source_ip is missing",
                "2 scenario a/two filter: nil has no name",
                "1 profile p duration_expr: no",
                "1 scenario a/one alert: evt.Meta.SourceRange is not a network",
            ]
        );
        assert_eq!((failures[1].file.as_deref(), failures[1].offset), (Some("x.log"), Some(7)));
    }
}
