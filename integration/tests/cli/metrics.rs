//! Metrics as tables, as JSON, as Prometheus reads them; and what helpers get.

use std::io::Read;

use serde_json::{Value, json};

use crate::served::Served;

#[test]
fn metrics_are_tables_json_or_samples() {
    let served = Served::start();
    served.run(&["decisions", "add", "-i", "192.0.2.7", "-R", "by hand"]);
    let tables = served.run(&["metrics"]);
    assert!(tables.contains("Local API Decisions") && tables.contains("by hand"), "{tables}");
    // What is empty is only shown to who asks for it.
    assert!(!tables.contains("Parser Metrics"), "{tables}");
    assert!(served.run(&["metrics", "show", "parsers"]).contains("Parser Metrics"));
    assert!(served.refused(&["metrics", "show", "parser"]).contains("did you mean 'parsers'?"));
    let json: Value = serde_json::from_str(&served.run(&["metrics", "-o", "json"])).unwrap();
    assert_eq!(json["decisions"]["by hand"]["cscli"]["ban"], 1, "{json}");
    assert_eq!(json["scenarios"], serde_json::json!({}));
    let one: Value =
        serde_json::from_str(&served.run(&["metrics", "show", "lapi", "-o", "json"])).unwrap();
    assert!(one["lapi"]["/v1/alerts"]["POST"].is_number(), "{one}");
    assert!(one.get("scenarios").is_none(), "{one}");
    let samples = served.run(&["metrics", "-o", "raw"]);
    assert!(samples.contains("\nspillway_ready 1\n"), "{samples}");
    assert!(served.run(&["metrics", "spillway_ready"]).contains("spillway_ready"));
    let list = served.run(&["metrics", "list", "-o", "json"]);
    assert!(list.contains("\"Scenario Metrics\""), "{list}");
    // By the address, without the socket.
    let address = served.metrics.clone();
    let url = format!("http://{address}/metrics");
    let by_url = served.run(&["metrics", "show", "decisions", "-u", &url, "--no-unit"]);
    assert!(by_url.contains("by hand"), "{by_url}");
}

/// A post of a bouncer: what it measured when, as name, unit, value and labels.
fn measured(at: i64, items: &[(&str, &str, u64, Value)]) -> String {
    let item = |(name, unit, value, labels): &(&str, &str, u64, Value)| json!({ "name": name, "unit": unit, "value": value, "labels": labels });
    let items: Vec<Value> = items.iter().map(item).collect();
    let meta = json!({ "utc_now_timestamp": at, "window_size_seconds": 100 });
    json!({ "remediation_components": [{
        "version": "v1", "type": "crowdsec-test-bouncer", "feature_flags": [],
        "utc_startup_timestamp": 1_763_690_000, "os": { "name": "debian", "version": "12" },
        "metrics": [{ "meta": meta, "items": items }],
    }]})
    .to_string()
}

/// A table without its lines, each row as its cells.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| line.contains(['│', '┆']));
    rows.map(|row| row.split(['│', '┆']).map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

#[test]
fn what_bouncers_did_is_added_up() {
    let mut served = Served::start();
    assert!(served.run(&["metrics", "show", "bouncers"]).contains("No bouncer metrics found."));
    assert!(!served.run(&["metrics"]).contains("ouncer metrics"));
    let key = served.run(&["bouncers", "add", "fw", "-o", "raw"]);
    let key = [("X-Api-Key", key.trim()), ("User-Agent", "crowdsec-test-bouncer/v1")];
    let capi = |kind| json!({ "origin": "CAPI", "ip_type": kind });
    let by_hand = json!({ "origin": "cscli", "ip_type": "ipv4" });
    let first = measured(
        1_763_690_100,
        &[
            ("dropped", "packet", 3, by_hand.clone()),
            ("dropped", "byte", 1_000, capi("ipv4")),
            ("dropped", "byte", 500, capi("ipv6")),
            ("active_decisions", "ip", 90, capi("ipv4")),
            ("processed", "byte", 20_000, json!({})),
        ],
    );
    let second = measured(
        1_763_690_200,
        &[("dropped", "packet", 4, by_hand), ("active_decisions", "ip", 80, capi("ipv4"))],
    );
    // The second of them comes twice, as from a bouncer that did not hear that it was kept.
    for body in [&second, &first, &second] {
        assert_eq!(served.post("POST", "/v1/usage-metrics", &key, body).status, 201);
    }
    served.restart(true);
    let json: Value =
        serde_json::from_str(&served.run(&["metrics", "show", "bouncers", "-o", "json"])).unwrap();
    let expected = json!({ "bouncers": { "fw": {
        "": { "processed": { "byte": 20_000 } },
        "CAPI": { "active_decisions": { "ip": 80 }, "dropped": { "byte": 1_500 } },
        "cscli": { "dropped": { "packet": 7 } },
    }}});
    assert_eq!(json, expected);
    let tables = served.run(&["metrics", "show", "bouncers"]);
    let title = "Bouncer Metrics (fw) since 2025-11-21 01:55:00 +0000 UTC\n";
    assert!(tables.starts_with(title), "{tables}");
    let expected = [
        vec!["Origin", "active_decisions", "dropped", "dropped", "processed"],
        vec!["IPs", "bytes", "packets", "bytes"],
        vec!["CAPI (community blocklist)", "80", "1.50k", "-", "-"],
        vec!["cscli (manual decisions)", "-", "-", "7", "-"],
        vec!["Total", "80", "1.50k", "7", "20.00k"],
    ];
    assert_eq!(cells(&tables), expected, "{tables}");
    let whole = served.run(&["metrics", "--no-unit"]);
    assert!(whole.contains(title.trim()) && whole.contains(" 20000 "), "{whole}");
    assert!(served.run(&["metrics", "list", "-o", "raw"]).contains("\nbouncers,Bouncer Metrics,"));
    served.refused(&["metrics", "show", "bouncers", "-o", "raw"]);
    // It is for administrators: not for the bouncer itself.
    assert_eq!(served.ask("GET", "/v1/admin/usage-metrics", &key).status, 401);
}

#[test]
fn what_helps_is_gathered() {
    let served = Served::start();
    let gather = |name: &str, more: &[&str]| {
        let file = served.path(name).display().to_string();
        served.run(&[&["support", "dump", "-f", &file][..], more].concat());
        zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap()
    };
    let mut whole = gather("whole.zip", &[]);
    let mut text = String::new();
    whole.by_name("metrics/prometheus.txt").unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("spillway_ready 1"), "{text}");
    assert!(whole.by_name("rules.txt").is_ok());
    let mut fast = gather("fast.zip", &["--fast"]);
    assert!(fast.by_name("lapi/agents.json").is_ok());
    assert!(fast.by_name("rules.txt").is_err());
}
