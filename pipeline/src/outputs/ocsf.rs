//! Alerts and decisions as Detection Findings of the Open Cybersecurity Schema Framework 1.4
//! (<https://schema.ocsf.io/1.4.0/classes/detection_finding>). What it has no field for stands under
//! `unmapped`, in CrowdSec's words.

use operators::time::GoDuration;
use operators::time::layout::parse_rfc3339;
use serde_json::{Map, Value, json};

use crate::emit::Stream;

const CLASS: u32 = 2004;
const CATEGORY: u32 = 2;
/// A finding is created.
const CREATE: u32 = 1;

/// The finding that CrowdSec's JSON tells of; `None` where it is none.
pub(super) fn finding(stream: Stream, json: &[u8]) -> Option<Vec<u8>> {
    let told: Value = serde_json::from_slice(json).ok()?;
    let finding = match stream {
        Stream::Alerts => of_alert(&told),
        Stream::Decisions => of_decision(&told),
        Stream::Unparsed => return None,
    };
    serde_json::to_vec(&finding).ok()
}

fn of_alert(alert: &Value) -> Value {
    let source = &alert["source"];
    let scenario = text(alert, "scenario");
    let mut finding = common(text(alert, "uuid"), scenario, text(alert, "message"));
    let (first, last) = (time(alert, "start_at"), time(alert, "stop_at"));
    let mut put = |name: &str, value: Value| finding.insert(name.to_owned(), value);
    put("time", json!(last));
    put("start_time", json!(first));
    put("end_time", json!(last));
    put("count", alert["events_count"].clone());
    put("is_alert", json!(true));
    put("observables", observables(text(source, "scope"), text(source, "value")));
    let mut endpoint = Map::new();
    for (name, value) in [("ip", "ip"), ("subnet_uid", "range")] {
        if !text(source, value).is_empty() {
            endpoint.insert(name.to_owned(), source[value].clone());
        }
    }
    if !text(source, "cn").is_empty() {
        endpoint.insert("location".to_owned(), json!({ "country": source["cn"] }));
    }
    if !text(source, "as_name").is_empty() {
        let number = text(source, "as_number").parse::<u32>().ok();
        let system = json!({ "name": source["as_name"], "number": number });
        endpoint.insert("autonomous_system".to_owned(), system);
    }
    put("evidences", json!([{ "src_endpoint": endpoint, "data": alert["events"] }]));
    let decisions = alert["decisions"].as_array().map_or(0, Vec::len);
    put(
        "unmapped",
        json!({
            "coordinates": alert["coordinates"], "decisions": alert["decisions"], "meta": alert["meta"],
            "scenario_hash": alert["scenario_hash"], "scenario_version": alert["scenario_version"],
            "simulated": alert["simulated"],
        }),
    );
    // Denied and blocked where somebody is to act on it, else only observed.
    let acted = decisions > 0 && alert["simulated"] != true;
    put("action_id", json!(if acted { 2 } else { 3 }));
    put("disposition_id", json!(if acted { 2 } else { 15 }));
    Value::Object(finding)
}

fn of_decision(decision: &Value) -> Value {
    let id = decision["id"].to_string();
    let (kind, value) = (text(decision, "type"), text(decision, "value"));
    let title = format!("{kind} {value}");
    let mut finding = common(&id, text(decision, "scenario"), &title);
    let mut put = |name: &str, value: Value| finding.insert(name.to_owned(), value);
    let until = time(decision, "until");
    put("time", json!(until - duration(text(decision, "duration"))));
    put("end_time", json!(until));
    put("observables", observables(text(decision, "scope"), value));
    put("unmapped", decision.clone());
    let acted = decision["simulated"] != true;
    put("action_id", json!(if acted { 2 } else { 3 }));
    put("disposition_id", json!(if acted { 2 } else { 15 }));
    Value::Object(finding)
}

fn common(uid: &str, rule: &str, title: &str) -> Map<String, Value> {
    let value = json!({
        "activity_id": CREATE,
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + CREATE,
        "severity_id": 3,
        "status_id": 1,
        "finding_info": {
            "uid": uid, "title": title, "analytic": { "name": rule, "type_id": 1 },
        },
        "metadata": {
            "version": "1.4.0",
            "uid": uid,
            "profiles": ["security_control"],
            "product": {
                "name": "Spillway", "vendor_name": "Spillway",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Kinds of observables: 2 is an IP address, 12 a subnet, 99 anything else.
fn observables(scope: &str, value: &str) -> Value {
    let kind = match scope {
        "Ip" => 2,
        "Range" => 12,
        _ => 99,
    };
    json!([{ "name": scope, "type_id": kind, "value": value }])
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// Unit: milliseconds since 1970.
fn time(value: &Value, name: &str) -> i64 {
    parse_rfc3339(text(value, name)).map_or(0, |stamp| stamp.at.0 / 1_000_000)
}

/// Unit: milliseconds.
fn duration(text: &str) -> i64 {
    GoDuration::parse_with_days(text).map_or(0, |duration| duration.0 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_a_detection_finding() {
        let told =
            br#"{"duration":"4h","id":7,"origin":"crowdsec","scenario":"s/ssh-bf","scope":"Ip",
            "simulated":false,"type":"ban","until":"2026-01-01T04:00:00Z","value":"192.0.2.7"}"#;
        let finding = finding(Stream::Decisions, told).unwrap();
        let finding: Value = serde_json::from_slice(&finding).unwrap();
        assert_eq!(finding["type_uid"], 200_401);
        assert_eq!(finding["time"], 1_767_225_600_000_i64);
        assert_eq!(finding["finding_info"]["uid"], "7");
        assert_eq!(finding["observables"][0]["type_id"], 2);
        assert_eq!(finding["unmapped"]["duration"], "4h");
    }
}
