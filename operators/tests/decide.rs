//! From alerts to decisions, and to the JSON that people read.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::alert::wire::WireAlert;
use operators::alert::{Alert, AlertEvent, Coordinate, Listed, Source};
use operators::expr::Compiler;
use operators::lookup::Offline;
use operators::place::{OrderKey, Partition};
use operators::profile::{DEFAULTS, Decide, Exempt, Profile, Verdict, allowlist, spec};
use operators::time::layout::parse_rfc3339;
use operators::yaml::{self, Reading};

fn decide(profiles: &str, allowed: &str) -> Decide {
    let source = yaml::Source::new("profiles.yaml", profiles);
    let mut reading = Reading::new(&source);
    let specs = spec::read(&yaml::parse(&source), &mut reading);
    let mut compiler = Compiler::new();
    let compiled = specs.iter().map(|spec| Profile::compile(spec, &mut compiler, &mut reading));
    let profiles: Vec<_> = compiled.map(Option::unwrap).collect();
    let list = yaml::Source::new("allow", allowed);
    let mut reading = Reading::new(&list);
    let exempt = Exempt::compile(&allowlist::read(&mut reading), &mut reading);
    Decide::new(profiles.into(), Arc::new(exempt), Arc::new(compiler.finish()))
}

fn alert(scope: &str, value: &str, time: &str) -> Alert {
    let at = parse_rfc3339(time).unwrap();
    let (partition, position) = (Partition(0), 4096);
    Alert {
        cause: OrderKey { clock: at.at, partition, position, part: 0 },
        bucket: "00ff".into(),
        scenario: "t/bf".into(),
        scenario_hash: "abc".into(),
        scenario_version: "0.1".into(),
        labels: Arc::new(BTreeMap::new()),
        capacity: 5,
        leakspeed: "10s".into(),
        events_count: 6,
        start_at: at,
        stop_at: at,
        message: "m".into(),
        simulated: false,
        remediation: true,
        source: Source {
            scope: scope.into(),
            value: value.into(),
            ip: value.into(),
            ..Source::default()
        },
        events: Arc::new(vec![Listed::from(AlertEvent {
            timestamp: time.into(),
            meta: vec![("service".into(), "ssh".into())],
        })]),
        meta: vec![("target_user".into(), "[\"root\"]".into())],
        coordinates: Arc::new(vec![Coordinate { partition, position }]),
        decisions: Vec::new(),
        nth: 0,
    }
}

fn offline() -> Offline {
    Offline::new(parse_rfc3339("2026-06-01T00:00:00Z").unwrap())
}

/// Kind, scope, value, duration and origin of each decision.
fn decided(decide: &mut Decide, mut alert: Alert) -> Vec<String> {
    decide.decide(&mut alert, &offline());
    let shown = alert.decisions.iter().map(|made| {
        let mark = if made.simulated { " (simulated)" } else { "" };
        format!(
            "{} {} {} {} {}{mark}",
            made.kind, made.scope, made.value, made.duration, made.origin
        )
    });
    shown.collect()
}

const NOON: &str = "2026-01-01T12:00:00Z";

#[test]
fn defaults_ban_addresses_and_ranges_for_four_hours() {
    let mut defaults = decide(DEFAULTS, "");
    let of = |scope, value| alert(scope, value, NOON);
    assert_eq!(decided(&mut defaults, of("Ip", "192.0.2.1")), ["ban Ip 192.0.2.1 4h crowdsec"]);
    let range = decided(&mut defaults, of("Range", "192.0.2.0/24"));
    assert_eq!(range, ["ban Range 192.0.2.0/24 4h crowdsec"]);
    assert_eq!(decided(&mut defaults, of("Country", "FR")), Vec::<String>::new());
    let mute = Alert { remediation: false, ..of("Ip", "192.0.2.1") };
    assert_eq!(decided(&mut defaults, mute), Vec::<String>::new());
}

#[test]
fn repeat_offenders_are_banned_longer() {
    let mut profiles = decide(
        "name: longer
filters: ['Alert.Remediation == true']
decisions: [{type: captcha, duration: 1h, scope: Ip, origin: own}]
duration_expr: Sprintf('%dh', (GetDecisionsCount(Alert.GetValue()) + 1) * 4)
",
        "",
    );
    let of = |value| alert("Ip", value, NOON);
    assert_eq!(decided(&mut profiles, of("192.0.2.1")), ["captcha Ip 192.0.2.1 4h crowdsec/own"]);
    assert_eq!(decided(&mut profiles, of("192.0.2.1")), ["captcha Ip 192.0.2.1 8h crowdsec/own"]);
    assert_eq!(decided(&mut profiles, of("192.0.2.2")), ["captcha Ip 192.0.2.2 4h crowdsec/own"]);
}

#[test]
fn a_failed_duration_keeps_the_written_one() {
    let rules = "name: p
filters: ['true', 'Alert.Remediation']
decisions: [{type: ban, duration: 2d}]
duration_expr: \"'soon'\"
";
    assert_eq!(
        decided(&mut decide(rules, ""), alert("Ip", "192.0.2.1", NOON)),
        ["ban Ip 192.0.2.1 2d crowdsec"]
    );
}

#[test]
fn the_first_profile_with_decisions_gives_them_all() {
    let rules = "name: notify
filters: ['true']
notifications: [x]
---
name: first
filters: ['true']
decisions: [{type: ban, duration: 1h, simulated: true}, {type: throttle, duration: 2h}]
---
name: second
filters: ['true']
decisions: [{type: captcha, duration: 1h}]
";
    let mut profiles = decide(rules, "");
    let mut of = alert("Ip", "192.0.2.1", NOON);
    let Verdict::Judged(judgement) = profiles.decide(&mut of, &offline()) else {
        unreachable!("nobody is exempt")
    };
    let matched: Vec<_> = judgement.matched.iter().map(ToString::to_string).collect();
    assert_eq!(matched, ["notify", "first", "second"]);
    assert_eq!(
        decided(&mut profiles, alert("Ip", "192.0.2.1", NOON)),
        ["ban Ip 192.0.2.1 1h crowdsec (simulated)", "throttle Ip 192.0.2.1 2h crowdsec"]
    );
    assert_ne!(of.decisions[0].id, of.decisions[1].id);
}

#[test]
fn who_is_exempt_is_not_judged() {
    let mut defaults = decide(DEFAULTS, "192.0.2.0/24 # office");
    let mut of = alert("Ip", "192.0.2.1", NOON);
    let verdict = defaults.decide(&mut of, &offline());
    assert_eq!(verdict, Verdict::Allowlisted("office".to_owned()));
    assert!(of.decisions.is_empty());
}

#[test]
fn the_same_alert_has_the_same_names() {
    let run = || {
        let mut of = alert("Ip", "192.0.2.1", NOON);
        decide(DEFAULTS, "").decide(&mut of, &offline());
        serde_json::to_string(&WireAlert::new(&of, "m", &|_| "x".into())).unwrap()
    };
    assert_eq!(run(), run());
    let other = alert("Ip", "192.0.2.2", NOON);
    assert_ne!(other.identity(), alert("Ip", "192.0.2.1", NOON).identity());
}

#[test]
fn json_has_the_names_and_types_of_the_api() {
    let mut of = alert("Ip", "192.0.2.1", NOON);
    decide(DEFAULTS, "").decide(&mut of, &offline());
    let (id, uuid) = (of.identity().id(), of.identity().uuid());
    let decision = of.decisions[0].id;
    let json = serde_json::to_string(&WireAlert::new(&of, "m1", &|_| "/var/log/a".into())).unwrap();
    let expected = format!(
        "{{\"capacity\":5,\"coordinates\":[{{\"file\":\"/var/log/a\",\"offset\":4096}}],\
         \"created_at\":\"{NOON}\",\"decisions\":[{{\"duration\":\"4h\",\"id\":{decision},\
         \"origin\":\"crowdsec\",\"scenario\":\"t/bf\",\"scope\":\"Ip\",\"simulated\":false,\
         \"type\":\"ban\",\"until\":\"2026-01-01T16:00:00Z\",\"value\":\"192.0.2.1\"}}],\
         \"events\":[{{\"meta\":[{{\"key\":\"service\",\"value\":\"ssh\"}}],\
         \"timestamp\":\"{NOON}\"}}],\"events_count\":6,\"id\":{id},\"kind\":\"crowdsec\",\
         \"labels\":null,\"leakspeed\":\"10s\",\"machine_id\":\"m1\",\"message\":\"m\",\
         \"meta\":[{{\"key\":\"target_user\",\"value\":\"[\\\"root\\\"]\"}}],\
         \"remediation\":true,\"scenario\":\"t/bf\",\"scenario_hash\":\"abc\",\
         \"scenario_version\":\"0.1\",\"simulated\":false,\"source\":{{\"ip\":\"192.0.2.1\",\
         \"scope\":\"Ip\",\"value\":\"192.0.2.1\"}},\"start_at\":\"{NOON}\",\
         \"stop_at\":\"{NOON}\",\"uuid\":\"{uuid}\"}}"
    );
    assert_eq!(json, expected);
}
