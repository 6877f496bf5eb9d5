//! Why a scenario gave no alert for a line: the first condition that failed, in the order in which
//! they are asked.

use operators::bucket::scenario::{Kind, Scenario, Takes};
use operators::bucket::{ScenarioId, WishError, wish};
use operators::expr::{Cx, Known};
use operators::rules::Rules;

use super::condition::{aside, untrue};
use super::story::{LineStory, OverflowStory, PourStory, WhyNot};

const NO_OVERFLOW: &str =
    "it looks at overflows of scenarios with `reprocess`, and this line made none";

/// Why a scenario does not want the event of `cx`; `None` where it wants it or looks at events of
/// the other kind.
pub(super) fn of_event(
    rules: &Rules,
    id: ScenarioId,
    cx: &mut Cx<'_>,
    takes: fn(Takes) -> bool,
) -> Option<WhyNot> {
    let scenario = rules.catalogue.scenario(id).filter(|scenario| takes(scenario.takes))?;
    let failed = |failed, reason| WhyNot {
        scenario: scenario.name.to_string(),
        failed,
        reason,
        condition: None,
    };
    let wished =
        aside(cx, |cx| wish(scenario, Known::NOTHING, &rules.program, cx, &mut |_, _, _| {}));
    match wished {
        Ok(Some(_)) => None,
        Ok(None) | Err(WishError::Filter(_)) => Some(WhyNot {
            condition: untrue(&rules.program, scenario.filter, cx),
            ..failed("filter", "its filter is not true".to_owned())
        }),
        Err(error) => Some(failed("groupby", error.to_string())),
    }
}

/// A scenario that is asked about.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) rules: &'a Rules,
    pub(super) id: ScenarioId,
    /// What [`of_event`] said.
    pub(super) from_filter: Option<WhyNot>,
}

impl Question<'_> {
    /// The answer for a line, given everything else that is told of it.
    pub(super) fn answer(self, story: &LineStory) -> Option<WhyNot> {
        let scenario = self.rules.catalogue.scenario(self.id)?;
        let overflows = all_overflows(&story.overflows);
        let own = overflows.iter().find(|overflow| *overflow.scenario == *scenario.name);
        let (failed, reason) = if let Some(overflow) = own {
            of_overflow(overflow)
        } else if let Some(unparsed) = &story.unparsed {
            ("parsed", format!("the line was not parsed: {unparsed}"))
        } else if let Some(reason) = &story.whitelisted {
            ("whitelisted", format!("the line is whitelisted: {reason}"))
        } else {
            let own = |pour: &&PourStory| *pour.scenario == *scenario.name;
            let again = overflows.iter().flat_map(|overflow| &overflow.scenarios);
            match (story.scenarios.iter().chain(again).find(own), self.from_filter) {
                (Some(pour), _) => of_pour(scenario, pour),
                (None, Some(answer)) => return Some(answer),
                (None, None) => ("overflow", NO_OVERFLOW.to_owned()),
            }
        };
        Some(WhyNot { scenario: scenario.name.to_string(), failed, reason, condition: None })
    }
}

fn all_overflows(overflows: &[OverflowStory]) -> Vec<&OverflowStory> {
    let mut all = Vec::new();
    for overflow in overflows {
        all.push(overflow);
        all.extend(all_overflows(&overflow.overflows));
    }
    all
}

fn of_overflow(overflow: &OverflowStory) -> (&'static str, String) {
    if let Some(reason) = &overflow.whitelisted {
        return ("postoverflow", format!("it overflowed, but is whitelisted: {reason}"));
    }
    match overflow.alerts.first() {
        None => ("postoverflow", "it overflowed, but a postoverflow took the alert".to_owned()),
        Some(alert) => match &alert.allowlisted {
            Some(reason) => ("allowlist", format!("its source is on an allowlist: {reason}")),
            None => ("none", format!("it did: {}", alert.message)),
        },
    }
}

fn of_pour(scenario: &Scenario, pour: &PourStory) -> (&'static str, String) {
    let key = if pour.key.is_empty() { "".to_owned() } else { format!(" {:?}", pour.key) };
    match pour.outcome {
        "undated" => {
            ("date", "evt.MarshaledTime is no date, so no bucket takes the line".to_owned())
        }
        "repeated" => {
            let value = pour.distinct.as_deref().unwrap_or("");
            ("distinct", format!("bucket{key} has seen {value:?} already"))
        }
        "cancelled" => ("cancel_on", format!("`cancel_on` is true: bucket{key} is gone")),
        "filtered" => {
            ("overflow_filter", format!("bucket{key} is full, but `overflow_filter` is not true"))
        }
        "blackholed" => ("blackhole", format!("bucket{key} is full, but it was so just before")),
        "failed" => {
            let reason = pour.reason.as_deref().unwrap_or("");
            ("source", format!("bucket{key} is full, but it gives no alert: {reason}"))
        }
        _ => not_full(scenario, pour, &key),
    }
}

fn not_full(scenario: &Scenario, pour: &PourStory, key: &str) -> (&'static str, String) {
    let Some(bucket) = &pour.bucket else {
        return ("capacity", format!("bucket{key} is gone"));
    };
    let held = format!("{:.1}", bucket.level);
    let held = held.strip_suffix(".0").unwrap_or(&held);
    match scenario.kind {
        _ if scenario.timed => {
            ("deadline", format!("bucket{key} overflows when its `duration` is over"))
        }
        Kind::Conditional => {
            let reason =
                format!("the `condition` of bucket{key} is not true with {} events", bucket.poured);
            ("condition", reason)
        }
        Kind::Bayesian(_) => {
            let reason =
                format!("the evidence in bucket{key} is not enough with {} events", bucket.poured);
            ("condition", reason)
        }
        _ if bucket.capacity < 0 => {
            ("capacity", format!("bucket{key} takes any number of events: it holds {held}"))
        }
        _ => {
            let capacity = bucket.capacity;
            let reason =
                format!("bucket{key} is not full: {held} of {capacity} (more than that overflows)");
            ("capacity", reason)
        }
    }
}
