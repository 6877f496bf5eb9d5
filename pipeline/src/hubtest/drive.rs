//! Runs lines through rules in one thread, and records everything on the way.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use operators::bucket::Buckets;
use operators::bucket::blackhole::Manner;
use operators::bucket::detect::{Detect, Outcome, Round};
use operators::detector::{Detector, Verdict};
use operators::lookup::Lookups;
use operators::order::batch::{Batch, Via};
use operators::origin::Origin;
use operators::parse::lines::Tally;
use operators::parse::stash::Stashes;
use operators::place::{OrderKey, Partition, Place};
use operators::rules::Rules;
use operators::text::RawLine;
use operators::time::EventTime;

use super::dump::Dump;

/// The only partition.
const LOG: Partition = Partition(0);

/// The clock that orders lines stands still: they come in the order of the log, and only their own
/// dates end buckets and blackholes, however far back they jump. Logs of tests are often put
/// together from several.
pub const STILL: EventTime = EventTime(0);

/// A log and what is known of its lines.
#[derive(Clone, Debug)]
pub struct Log {
    /// Its path, as `evt.Line.Src` shows it.
    pub path: Arc<str>,
    /// Labels of the acquisition.
    pub labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// Its text.
    pub text: Arc<str>,
}

impl Log {
    /// The lines that are not empty, without their ends: position and place in the text.
    fn lines(&self) -> impl Iterator<Item = (u64, RawLine)> {
        let mut start = 0;
        self.text.split_inclusive('\n').filter_map(move |whole| {
            let from = start;
            start += whole.len();
            let line = whole.strip_suffix('\n').unwrap_or(whole);
            let line = line.strip_suffix('\r').unwrap_or(line);
            let bound = |at: usize| u32::try_from(at).ok();
            let (first, last) = (bound(from)?, bound(from + line.len())?);
            let raw = RawLine::new(Arc::clone(&self.text), first, last);
            (!line.is_empty()).then_some((from as u64, raw))
        })
    }
}

/// Runs a log to its end; buckets that are open then are discarded.
pub fn drive(rules: &Arc<Rules>, lookups: &Arc<dyn Lookups>, log: &Log) -> Dump {
    let mut dump = Dump::default();
    let pours = parse(rules, lookups, log, &mut dump);
    let again = rules.matcher.takes_overflows().then_some(Round::Overflows);
    let mut batches = match pours.last() {
        Some((_, last)) => {
            vec![Batch { worker: 0, clock: last.order.clock, seal: false, pours }]
        }
        None => return dump,
    };
    for round in std::iter::once(Round::Lines).chain(again) {
        let program = Arc::clone(&rules.program);
        let catalogue = Arc::clone(&rules.catalogue);
        let buckets = Buckets::in_manner(catalogue, program, Manner::Reference);
        let buckets = Rc::new(RefCell::new(buckets));
        let (own, answers) = (Arc::clone(rules), Arc::clone(lookups));
        // The reference matches overflows again by the wall clock: to it those of a whole log are one
        // burst.
        let detect = Detect::new(own, answers, buckets, 1, round);
        let mut detect = detect.in_a_burst(lookups.now());
        let mut overflows = Vec::new();
        let outcomes = detect.epoch_watched(batches, &mut dump, &mut |event| overflows.push(event));
        overflows.into_iter().for_each(|event| dump.overflow(event));
        let again = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Again(batch) => Some(batch),
            Outcome::Alert(_) | Outcome::Changes(_) => None,
        });
        batches = again.collect();
    }
    dump
}

/// Parses all lines; what they pour, in order.
fn parse(
    rules: &Arc<Rules>,
    lookups: &Arc<dyn Lookups>,
    log: &Log,
    dump: &mut Dump,
) -> Vec<(Via, operators::bucket::Pour)> {
    let (source, labels) = (Arc::clone(&log.path), Arc::clone(&log.labels));
    let origins = Arc::from([Origin { source, labels, module: "file", zone: None }]);
    let mut detector = Detector::new(Arc::clone(rules), Arc::clone(lookups), origins);
    // The reference keeps stashed values by the wall clock, of which a test takes no time worth
    // mentioning: without a clock nothing is forgotten.
    let mut stash = Stashes::new(&rules.caches);
    let mut tally = Tally::default();
    let mut ordered = Vec::new();
    for (position, raw) in log.lines() {
        let place = Place { partition: LOG, position };
        let verdict = detector.line_watched(raw, place, Some(&mut stash), (&mut tally, dump));
        // With the stash at hand no line waits for it.
        let Verdict::Done { pours, .. } = verdict else { continue };
        let order = OrderKey { clock: STILL, ..OrderKey::at(place) };
        ordered.extend(pours.into_iter().map(|mut pour| {
            pour.order = order;
            (Via::default(), pour)
        }));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::super::{Places, Runner, Test};
    use operators::bucket::reprocess::{MOST_AGAIN, MOST_DEEP};
    use std::fs;

    const PARSER: &str = "name: a/p\nfilter: \"true\"\nonsuccess: next_stage\ngrok:\n  \
        pattern: '^%{NOTSPACE:at} %{NOTSPACE:ip}$'\n  apply_on: Line.Raw\nstatics:\n  \
        - meta: source_ip\n    expression: evt.Parsed.ip\n  \
        - method: ParseDate\n    expression: evt.Parsed.at\n  \
        - target: evt.MarshaledTime\n    expression: evt.Enriched.MarshaledTime\n";
    const SCENARIO: &str = "type: leaky\nfilter: \"true\"\n\
        groupby: evt.Meta.source_ip\ncapacity: 1\nleakspeed: 10s\n";
    const TRIGGER: &str =
        "type: trigger\nfilter: \"true\"\ngroupby: evt.Meta.source_ip\nblackhole: 1h\n";
    const LOG: &str = "2024-01-01T10:00:00Z 1.1.1.1\n2024-03-01T10:00:00Z 2.2.2.2\n\
        2024-03-01T10:00:01Z 2.2.2.2\n2024-01-01T10:00:01Z 1.1.1.1\n";

    /// Sources of the overflows of a log, or the scenarios of those without.
    fn overflows(scenarios: &[&str], log: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let write = |path: &str, text: &str| {
            let path = root.join("hub").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("parsers/s00-raw/a/p.yaml", PARSER);
        let mut names = Vec::new();
        for (number, scenario) in scenarios.iter().enumerate() {
            let name = format!("a/s{number}");
            let text = format!("name: {name}\ndescription: d\nlabels: {{}}\n{scenario}");
            write(&format!("scenarios/{name}.yaml"), &text);
            names.push(name);
        }
        write(".tests/t/t.log", log);
        let config =
            format!("parsers: [a/p]\nscenarios: [{}]\nlog_file: t.log\n", names.join(", "));
        write(".tests/t/config.yaml", &config);
        let places = Places::of_hub(&root.join("hub"), Default::default()).unwrap();
        let runner = Runner { places, now: operators::time::Stamp::from_unix(2_000_000_000) };
        let test = Test { name: "t".into(), path: root.join("hub/.tests/t") };
        let config = test.config().unwrap();
        let outcome = runner.outcome(&test, config).unwrap();
        let overflows = outcome.dump.overflows.iter().map(|recorded| {
            let overflow = recorded.event().overflow.clone().unwrap();
            let source = overflow.sources.keys().next();
            source.map_or_else(|| overflow.alert.scenario.to_string(), ToString::to_string)
        });
        overflows.collect()
    }

    #[test]
    fn a_bucket_outlives_a_later_part_of_the_log() {
        assert_eq!(overflows(&[SCENARIO], LOG), ["2.2.2.2", "1.1.1.1"]);
    }

    #[test]
    fn an_overflow_dated_ahead_opens_the_blackholes_of_others() {
        let log = "2024-05-01T10:00:00Z 1.1.1.1\nnodate 2.2.2.2\n2024-05-01T10:00:05Z 1.1.1.1\n\
            2024-05-01T10:00:06Z 1.1.1.1\n";
        assert_eq!(overflows(&[TRIGGER], log), ["1.1.1.1", "2.2.2.2", "1.1.1.1"]);
    }

    #[test]
    fn an_alert_that_cannot_be_built_arms_a_blackhole() {
        let nobody = TRIGGER.replace("groupby: evt.Meta.source_ip\n", "");
        let log = "2024-05-01T10:00:00Z nobody\n2024-05-01T10:00:05Z 1.1.1.1\n";
        assert_eq!(overflows(&[&nobody], log), [""; 0]);
        assert_eq!(overflows(&[&nobody], "2024-05-01T10:00:05Z 1.1.1.1\n"), ["1.1.1.1"]);
    }

    #[test]
    fn overflows_that_are_matched_again_are_one_burst() {
        let first = format!("{TRIGGER}reprocess: true\n").replace("\"true\"", "evt.Type == 0");
        let second = "type: leaky\nfilter: evt.GetType() == 'overflow'\ngroupby: \"'all'\"\n\
            capacity: 1\nleakspeed: 10s\n";
        let log = "2024-05-01T10:00:00Z 1.1.1.1\n2024-05-01T11:00:00Z 2.2.2.2\n";
        assert_eq!(overflows(&[&first, second], log), ["1.1.1.1", "2.2.2.2", "1.1.1.1"]);
    }

    /// A trigger whose overflows are matched again.
    fn again(filter: &str) -> String {
        format!("type: trigger\nfilter: {filter}\ngroupby: \"'all'\"\nreprocess: true\n")
    }

    #[test]
    fn overflows_of_overflows_are_matched_again() {
        let of = |name| again(&format!("evt.Overflow.Alert.Scenario == '{name}'"));
        let (first, log) = (again("evt.GetType() == 'log'"), "2024-05-01T10:00:00Z 1.1.1.1\n");
        // The last but one looks at lines too.
        let both = again("evt.Type == 0 || evt.Overflow.Alert.Scenario == 'a/s2'");
        let all = [&*first, &of("a/s0"), &of("a/s1"), &both, &of("a/s3")];
        for depth in 1..=3 {
            assert_eq!(overflows(&all[..depth], log).len(), depth);
        }
        // Of the line: 0 and 3, 1 and 4, 2, 3 again, 4 again.
        assert_eq!(overflows(&all, log).len(), 7);
    }

    #[test]
    fn a_scenario_that_feeds_itself_is_stopped() {
        let first = format!("{TRIGGER}reprocess: true\n").replace("\"true\"", "evt.Type == 0");
        let log = "2024-05-01T10:00:00Z 1.1.1.1\n";
        let endless = again("evt.GetType() == 'overflow'");
        // One is not matched again.
        assert_eq!(overflows(&[&first, &endless], log).len(), MOST_DEEP as usize + 1);
        // Two double each time: those of the line's overflow, and those of so many more.
        assert_eq!(overflows(&[&first, &endless, &endless], log).len(), 3 + 2 * MOST_AGAIN);
    }
}
