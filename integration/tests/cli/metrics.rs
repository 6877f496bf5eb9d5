//! Metrics as tables, as JSON, as Prometheus reads them; and what helpers get.

use std::io::Read;

use serde_json::Value;

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
