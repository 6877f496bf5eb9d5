//! What bouncers say of their work, added up (crowdsec cmd/crowdsec-cli/climetrics/statbouncer.go): posts
//! come in, the newest first; a number for each origin, name and unit goes out.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::archive::Usage;
use crate::wire::text::rfc3339;
use crate::wire::usage::{self, Item};

/// Values that are added up at most: memory is bounded, whatever bouncers post.
pub const MOST_VALUES: usize = 1_000_000;
/// Series that are told apart at most.
pub const MOST_SERIES: usize = 20_000;

/// What bouncers say of their work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BouncerMetrics {
    /// Whether all that is kept is in it; else only the newest.
    pub complete: bool,
    /// By the name of the bouncer.
    pub bouncers: BTreeMap<String, OneBouncer>,
}

/// What one bouncer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OneBouncer {
    /// When the oldest of it was measured. RFC 3339.
    pub since: String,
    /// Numbers by origin ("" where none is said), name and unit.
    pub metrics: BTreeMap<String, BTreeMap<String, BTreeMap<String, i64>>>,
}

/// Numbers by origin, name and unit.
pub type ByOrigin = BTreeMap<String, BTreeMap<String, BTreeMap<String, i64>>>;

/// Adds posts up. A bouncer may send the same again: what is equal in time, labels and value counts once.
#[derive(Debug)]
pub struct Sums {
    bouncers: BTreeMap<String, OneSum>,
    /// How many more values and series there is room for.
    room: (usize, usize),
}

/// The seconds of the oldest, and the series.
#[derive(Debug)]
struct OneSum {
    since: i64,
    series: BTreeMap<Labels, Series>,
}

/// What series of a bouncer are told apart by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    origin: String,
    name: String,
    unit: String,
    ip_type: String,
}

/// Values of a series. Unit of times: seconds.
#[derive(Debug, Default)]
struct Series {
    /// Times and bits of the values that count.
    seen: HashSet<(i64, u64)>,
    sum: i64,
    last: Option<(i64, i64)>,
}

impl Default for Sums {
    fn default() -> Self {
        Self::with_room(MOST_VALUES, MOST_SERIES)
    }
}

impl Sums {
    /// With room for so many values and series.
    pub fn with_room(values: usize, series: usize) -> Self {
        Self { bouncers: BTreeMap::new(), room: (values, series) }
    }

    /// Adds a post; the newest come first. Whether there was room for all of it.
    pub fn add(&mut self, usage: &Usage) -> bool {
        if !usage.bouncer {
            return true;
        }
        for metrics in usage::kept(&usage.payload) {
            let Some(at) = metrics.at() else { continue };
            let new = || OneSum { since: at, series: BTreeMap::new() };
            let bouncer = self.bouncers.entry(usage.by.clone()).or_insert_with(new);
            bouncer.since = bouncer.since.min(at);
            for item in metrics.items() {
                let Some((labels, value)) = labelled(item) else { continue };
                if !bouncer.add(labels, (at, value), &mut self.room) {
                    return false;
                }
            }
        }
        true
    }

    /// What came out; `complete` if nothing was left out.
    pub fn finish(self, complete: bool) -> BouncerMetrics {
        let said = self.bouncers.into_iter().filter(|(_, bouncer)| !bouncer.series.is_empty());
        BouncerMetrics {
            complete,
            bouncers: said.map(|(name, sum)| (name, sum.finish())).collect(),
        }
    }
}

impl OneSum {
    fn add(
        &mut self,
        labels: Labels,
        (at, value): (i64, f64),
        (values, series): &mut (usize, usize),
    ) -> bool {
        let is_new = !self.series.contains_key(&labels);
        if *values == 0 || (is_new && *series == 0) {
            return false;
        }
        *series -= usize::from(is_new);
        if self.series.entry(labels).or_default().add(at, value) {
            *values -= 1;
        }
        true
    }

    fn finish(self) -> OneBouncer {
        let mut metrics = ByOrigin::new();
        for (labels, series) in self.series {
            let value = match is_gauge(&labels.name) {
                true => series.last.map_or(0, |(_, value)| value),
                false => series.sum,
            };
            let units = metrics.entry(labels.origin).or_default().entry(labels.name).or_default();
            let sum: &mut i64 = units.entry(labels.unit).or_default();
            *sum = sum.saturating_add(value);
        }
        OneBouncer { since: rfc3339(self.since.saturating_mul(1_000_000_000)), metrics }
    }
}

impl Series {
    /// Whether it counts: its equal is not there yet.
    fn add(&mut self, at: i64, value: f64) -> bool {
        if !self.seen.insert((at, value.to_bits())) {
            return false;
        }
        // Whole numbers are what is added up, as cscli does.
        let value = value as i64;
        self.sum = self.sum.saturating_add(value);
        // Of one time the one that arrived last is there already.
        if self.last.is_none_or(|(last, _)| at > last) {
            self.last = Some((at, value));
        }
        true
    }
}

fn labelled(item: &Item) -> Option<(Labels, f64)> {
    let label = |name: &str| item.label(name).unwrap_or_default().to_owned();
    let (name, unit, value) = (item.name.clone()?, item.unit.clone()?, item.value?);
    Some((Labels { origin: label("origin"), name, unit, ip_type: label("ip_type") }, value))
}

/// Whether the last value counts, rather than the sum.
fn is_gauge(name: &str) -> bool {
    name == "active_decisions" || name.ends_with("_gauge")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn item(name: &str, unit: &str, value: f64, labels: (&str, &str)) -> Value {
        let labels = json!({ "origin": labels.0, "ip_type": labels.1 });
        json!({ "name": name, "unit": unit, "value": value, "labels": labels })
    }

    fn post(by: &str, at: i64, items: Vec<Value>) -> Usage {
        let meta = json!({ "utc_now_timestamp": at, "window_size_seconds": 1800 });
        let items = Value::Array(items);
        let payload = json!({ "metrics": [{ "items": items, "meta": meta }, null], "type": "b" });
        Usage { bouncer: true, by: by.to_owned(), at, payload }
    }

    /// The metrics of the bouncer `fw`, from posts with the newest first.
    fn told(posts: &[Usage]) -> Value {
        let mut sums = Sums::default();
        assert!(posts.iter().all(|post| sums.add(post)));
        serde_json::to_value(&sums.finish(true).bouncers["fw"].metrics).unwrap()
    }

    #[test]
    fn values_are_added_up_over_time_and_ip_types() {
        let posts = [
            post("fw", 20, vec![item("dropped", "byte", 5.9, ("CAPI", "ipv4"))]),
            post(
                "fw",
                10,
                vec![
                    item("dropped", "byte", 100.0, ("CAPI", "ipv4")),
                    item("dropped", "byte", 30.0, ("CAPI", "ipv6")),
                    item("dropped", "packet", 2.0, ("cscli", "ipv4")),
                    json!({ "name": "processed", "unit": "byte", "value": 1000 }),
                ],
            ),
        ];
        let expected = json!({
            "": { "processed": { "byte": 1000 } },
            "CAPI": { "dropped": { "byte": 135 } },
            "cscli": { "dropped": { "packet": 2 } },
        });
        assert_eq!(told(&posts), expected);
    }

    #[test]
    fn the_last_value_of_a_gauge_counts() {
        let posts = [
            // What was measured last need not arrive last.
            post("fw", 10, vec![item("active_decisions", "ip", 7.0, ("CAPI", "ipv4"))]),
            post("fw", 30, vec![item("active_decisions", "ip", 4.0, ("CAPI", "ipv4"))]),
            post("fw", 20, vec![item("active_decisions", "ip", 9.0, ("CAPI", "ipv4"))]),
            post("fw", 5, vec![item("active_decisions", "ip", 3.0, ("CAPI", "ipv6"))]),
            post("fw", 5, vec![item("load_gauge", "ip", 6.0, ("CAPI", ""))]),
            post("fw", 4, vec![item("load_gauge", "ip", 8.0, ("CAPI", ""))]),
        ];
        let expected =
            json!({ "CAPI": { "active_decisions": { "ip": 7 }, "load_gauge": { "ip": 6 } } });
        assert_eq!(told(&posts), expected);
    }

    #[test]
    fn what_is_sent_twice_counts_once() {
        let dropped = |value| vec![item("dropped", "byte", value, ("CAPI", "ipv4"))];
        let posts = [
            post("fw", 10, dropped(3.0)),
            post("fw", 10, dropped(3.0)),
            post("fw", 10, dropped(4.0)),
            post("fw", 11, dropped(3.0)),
            post("other", 10, dropped(3.0)),
        ];
        assert_eq!(told(&posts), json!({ "CAPI": { "dropped": { "byte": 10 } } }));
    }

    #[test]
    fn only_bouncers_that_say_something_are_told() {
        let mut sums = Sums::default();
        let mut agent = post("agent", 9, vec![item("dropped", "byte", 3.0, ("", ""))]);
        agent.bouncer = false;
        sums.add(&agent);
        sums.add(&post("silent", 9, Vec::new()));
        sums.add(&post("fw", 9, vec![json!({ "name": "a", "unit": "byte", "value": 1 })]));
        // Without an item, but it is of that time.
        sums.add(&post("fw", 7, Vec::new()));
        let told = sums.finish(true).bouncers;
        assert_eq!(told.keys().collect::<Vec<_>>(), ["fw"]);
        assert_eq!(told["fw"].since, "1970-01-01T00:00:07Z");
    }

    #[test]
    fn no_more_is_held_than_there_is_room_for() {
        let dropped = |name: &str, at| post("fw", at, vec![item(name, "byte", 1.0, ("", ""))]);
        let mut values = Sums::with_room(2, 10);
        assert!(values.add(&dropped("a", 3)) && values.add(&dropped("a", 3)));
        assert!(values.add(&dropped("a", 2)) && !values.add(&dropped("a", 1)));
        assert_eq!(values.finish(false).bouncers["fw"].metrics[""]["a"]["byte"], 2);
        let mut series = Sums::with_room(10, 1);
        assert!(series.add(&dropped("a", 3)) && !series.add(&dropped("b", 2)));
    }
}
