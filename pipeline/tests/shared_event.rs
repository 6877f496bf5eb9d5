//! Buckets share the event: what a filter writes into it stands in the alerts of all.

use std::fs;
use std::process::Command;

use serde_json::Value;

#[test]
fn alerts_of_earlier_scenarios_have_what_a_later_filter_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put(
        "rules/parsers/s00-raw/line.yaml",
        "name: t/line\nfilter: \"true\"\nstatics:\n- {meta: source_ip, expression: evt.Line.Raw}\n\
         - {target: evt.MarshaledTime, value: '2026-01-02T03:04:05Z'}\n",
    );
    let scenario = |name: &str, filter: &str| {
        let text = format!(
            "name: t/{name}\ntype: leaky\ndescription: d\nfilter: {filter}\n\
             groupby: evt.Meta.source_ip\ncapacity: 1\nleakspeed: 10s\n"
        );
        put(&format!("rules/scenarios/{name}.yaml"), &text);
    };
    scenario("first", "evt.Meta.kind == ''");
    scenario("second", "evt.SetMeta('kind', 'probe')");
    put("in.log", "192.0.2.1\n192.0.2.1\n");
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .current_dir(dir.path())
        .args(["replay", "-q", "-o", "json", "--type", "t", "--rules", "rules", "in.log"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let alerts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let scenarios: Vec<_> = alerts.iter().map(|alert| &alert["scenario"]).collect();
    assert_eq!(scenarios, ["t/first", "t/second"], "{text}");
    for alert in &alerts {
        let events = alert["events"].as_array().unwrap();
        assert_eq!(events.len(), 2, "{alert}");
        for event in events {
            let meta = event["meta"].as_array().unwrap();
            assert!(
                meta.contains(&serde_json::json!({"key": "kind", "value": "probe"})),
                "{alert}"
            );
        }
    }
}
