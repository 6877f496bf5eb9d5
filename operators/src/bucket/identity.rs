//! What of a scenario its buckets depend on, as a number that stands on disk beside each of them. A
//! promise: buckets of a scenario whose number changes are dropped. Comments, layout and other
//! documents of its file are none of it, nor is what alerts say alone (description, labels).

use super::bytes::Writer;
use super::spec::{BayesianSpec, BucketKind, Capacity, ScenarioSpec, ScopeSpec};
use crate::hash::fnv1a;
use crate::time::GoDuration;
use crate::yaml::Located;

/// The number of all that buckets of this scenario depend on besides its name and its filter, which
/// their keys are made of.
pub(super) fn content(spec: &ScenarioSpec) -> u64 {
    // Named one by one: whoever adds a directive decides here whether buckets depend on it.
    let ScenarioSpec {
        at: _,
        name: _,
        description: _,
        kind,
        capacity,
        leakspeed,
        leakspeed_text: _,
        filter: _,
        groupby,
        distinct,
        debug: _,
        labels: _,
        blackhole,
        scope,
        reprocess,
        data,
        condition,
        cache_size,
        cancel_on,
        bayesian,
        overflow_filter,
        duration,
    } = spec;
    // Only what is given is written, so that a new directive changes no scenario without it.
    let mut written = Written::default();
    written.text("type", kind_name(*kind));
    written.signed("capacity", capacity_number(*capacity));
    written.duration("leakspeed", leakspeed.as_ref());
    written.located("groupby", groupby.as_ref());
    written.located("distinct", distinct.as_ref());
    written.duration("blackhole", blackhole.as_ref());
    written.scope(scope);
    if *reprocess {
        written.text("reprocess", "");
    }
    for file in data {
        written.text("dest_file", &file.dest_file.value);
        written.text("type", &file.kind.value);
    }
    written.located("condition", condition.as_ref());
    if let Some(size) = cache_size {
        written.signed("cache_size", i64::from(*size));
    }
    written.located("cancel_on", cancel_on.as_ref());
    if let Some(bayesian) = bayesian {
        written.bayesian(bayesian);
    }
    written.located("overflow_filter", overflow_filter.as_ref());
    written.duration("duration", duration.as_ref());
    fnv1a(&written.0.0)
}

/// Keys and values; a text follows its length, so that no two scenarios are written alike.
#[derive(Default)]
struct Written(Writer);

impl Written {
    fn text(&mut self, key: &str, value: &str) {
        self.0.text(key);
        self.0.text(value);
    }

    fn signed(&mut self, key: &str, value: i64) {
        self.0.text(key);
        self.0.signed(value);
    }

    fn float(&mut self, key: &str, value: f32) {
        self.0.text(key);
        self.0.number(value.to_bits().into());
    }

    fn located(&mut self, key: &str, value: Option<&Located<String>>) {
        if let Some(value) = value {
            self.text(key, &value.value);
        }
    }

    fn duration(&mut self, key: &str, value: Option<&Located<GoDuration>>) {
        if let Some(value) = value {
            self.signed(key, value.value.0);
        }
    }

    fn scope(&mut self, scope: &ScopeSpec) {
        self.text("scope", &scope.kind);
        self.located("expression", scope.expression.as_ref());
    }

    fn bayesian(&mut self, bayesian: &BayesianSpec) {
        self.float("bayesian_prior", bayesian.prior);
        self.float("bayesian_threshold", bayesian.threshold);
        for one in &bayesian.conditions {
            self.text("condition", &one.condition.value);
            self.float("prob_given_evil", one.prob_given_evil);
            self.float("prob_given_benign", one.prob_given_benign);
            if one.guillotine {
                self.text("guillotine", "");
            }
        }
    }
}

fn kind_name(kind: BucketKind) -> &'static str {
    match kind {
        BucketKind::Leaky => "leaky",
        BucketKind::Trigger => "trigger",
        BucketKind::Counter => "counter",
        BucketKind::Conditional => "conditional",
        BucketKind::Bayesian => "bayesian",
    }
}

fn capacity_number(capacity: Capacity) -> i64 {
    match capacity {
        Capacity::Bounded(count) => count.into(),
        Capacity::Unbounded => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::spec;
    use crate::yaml::{Reading, Source, parse};

    const FULL: &str = "name: t/x\ndescription: d\ntype: bayesian\ncapacity: -1\n\
        leakspeed: 10s\nfilter: a\ngroupby: b\ndistinct: c\nblackhole: 5m\n\
        scope: {type: user, expression: e}\nreprocess: true\ncondition: x\ncache_size: 3\n\
        cancel_on: y\nbayesian_prior: 0.5\nbayesian_threshold: 0.8\nbayesian_conditions:\n\
        \x20 - {condition: z, prob_given_evil: 0.75, prob_given_benign: 0.25, guillotine: true}\n\
        overflow_filter: w\nduration: 1h\ndata: [{dest_file: f, type: string}]\n";

    fn number(text: &str) -> u64 {
        let source = Source::new("s.yaml", text);
        let mut reading = Reading::new(&source);
        let specs = spec::read(&parse(&source), &mut reading);
        assert!(reading.errors.is_empty(), "{:?}", reading.errors);
        content(&specs[0])
    }

    #[test]
    fn numbers_are_kept_for_ever() {
        assert_eq!(number(FULL), 3646057995756962600);
        let plain = "name: t/x\ndescription: d\ntype: trigger\nfilter: a\n";
        assert_eq!(number(plain), 15325156708107098752);
    }

    #[test]
    fn what_people_read_alone_decides_nothing() {
        for (from, to) in [
            ("name: t/x", "# on top\nname: \"t/x\" # behind"),
            ("description: d", "description: another"),
            ("leakspeed: 10s", "leakspeed: 10000ms"),
            ("filter: a", "labels: {remediation: true}\ndebug: true\nfilter: a"),
            ("filter: a", "version: 2\nreferences: [u]\nfilter: a"),
            ("duration: 1h", "duration: 60m"),
            ("groupby: b\ndistinct: c", "distinct: c\ngroupby: |-\n  b"),
            ("type: string}]", "type: string, source_url: 'https://u'}]\n---\n"),
        ] {
            assert!(FULL.contains(from), "{from}");
            assert_eq!(number(FULL), number(&FULL.replace(from, to)), "{to}");
        }
    }

    #[test]
    fn all_that_buckets_depend_on_decides() {
        for (from, to) in [
            ("leakspeed: 10s", "leakspeed: 11s"),
            ("groupby: b", "groupby: bb"),
            ("groupby: b\n", ""),
            ("distinct: c", "distinct: cc"),
            ("groupby: b\ndistinct: c", "groupby: c\ndistinct: b"),
            ("blackhole: 5m", "blackhole: 6m"),
            ("type: user", "type: users"),
            ("expression: e", "expression: ee"),
            ("reprocess: true", "reprocess: false"),
            ("\ncondition: x", "\ncondition: xx"),
            ("cache_size: 3", "cache_size: 4"),
            ("cancel_on: y", "cancel_on: yy"),
            ("prior: 0.5", "prior: 0.25"),
            ("threshold: 0.8", "threshold: 0.9"),
            ("condition: z", "condition: zz"),
            ("evil: 0.75", "evil: 0.5"),
            ("benign: 0.25", "benign: 0.5"),
            ("guillotine: true", "guillotine: false"),
            ("overflow_filter: w", "overflow_filter: ww"),
            ("duration: 1h", "duration: 2h"),
            ("dest_file: f", "dest_file: ff"),
            ("type: string", "type: regexp"),
        ] {
            assert!(FULL.contains(from), "{from}");
            assert_ne!(number(FULL), number(&FULL.replace(from, to)), "{to}");
        }
        let leaky =
            "name: t/x\ndescription: d\ntype: leaky\nfilter: a\ncapacity: 1\nleakspeed: 1s\n";
        assert_ne!(number(leaky), number(&leaky.replace("capacity: 1", "capacity: 2")));
        let conditional = leaky.replace("capacity: 1", "capacity: -1") + "condition: x\n";
        let conditional = conditional.replace("leaky", "conditional");
        let bayesian = "bayesian_prior: 0.5\nbayesian_threshold: 0.8\n\
                        bayesian_conditions: [{condition: z}]\n";
        let both = conditional.clone() + bayesian;
        assert_ne!(number(&both), number(&both.replace("conditional", "bayesian")));
    }
}
