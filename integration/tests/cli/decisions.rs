//! Decisions and alerts by hand.

use serde_json::{Value, json};

use crate::column;
use crate::served::Served;

#[test]
fn what_is_added_is_listed_and_can_be_deleted() {
    let served = Served::start();
    assert_eq!(served.run(&["decisions", "list"]), "No active decisions\n");
    let said = served.said(&["decisions", "add", "-i", "192.0.2.7", "-d", "1h", "-t", "captcha"]);
    assert_eq!(said, "Decision successfully added\n");
    let raw = served.run(&["decisions", "list", "-o", "raw"]);
    assert_eq!(
        raw.lines().next().unwrap(),
        "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id"
    );
    assert_eq!(column(&raw, 1, "source"), "cscli");
    assert_eq!(column(&raw, 1, "ip"), "Ip:192.0.2.7");
    assert_eq!(column(&raw, 1, "reason"), "manual 'captcha' from 'tester'");
    assert_eq!(column(&raw, 1, "action"), "captcha");
    assert!(["1h0m0s", "59m59s", "59m58s"].contains(&&*column(&raw, 1, "expiration")), "{raw}");
    let table = served.run(&["decisions", "list"]);
    assert!(table.contains("Scope:Value") && table.contains("Ip:192.0.2.7"), "{table}");
    assert!(!table.contains('\x1b'), "no colours outside a terminal: {table:?}");
    let json: Value =
        serde_json::from_str(&served.run(&["decisions", "list", "-o", "json"])).unwrap();
    assert_eq!(json[0]["decisions"][0]["value"], "192.0.2.7");
    let said = served.said(&["decisions", "delete", "-i", "192.0.2.7"]);
    assert_eq!(said, "1 decision(s) deleted\n");
    assert_eq!(served.run(&["decisions", "list", "-o", "json"]), "[]\n");
}

#[test]
fn the_same_decision_is_shown_once() {
    let served = Served::start();
    served.run(&["decisions", "add", "-r", "198.51.100.0/24", "-d", "1h"]);
    served.run(&["decisions", "add", "-r", "198.51.100.0/24", "-d", "2h"]);
    let table = served.run(&["decisions", "list", "--range", "198.51.100.0/24"]);
    assert_eq!(table.matches("Range:198.51.100.0/24").count(), 1, "{table}");
    assert!(table.contains("1 duplicated entries skipped"), "{table}");
    // Machines see the alert of the other too, as cscli shows it.
    let listed = served.run(&["decisions", "list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[1]["decisions"], json!([]), "{listed}");
    assert_eq!(served.run(&["decisions", "list", "-i", "192.0.2.1"]), "No active decisions\n");
}

#[test]
fn nothing_is_deleted_by_accident() {
    let served = Served::start();
    served.run(&["decisions", "add", "-i", "192.0.2.7"]);
    let errors = served.refused(&["decisions", "delete"]);
    assert!(errors.contains("at least one filter or --all"), "{errors}");
    let errors = served.refused(&["decisions", "delete", "-i", "192.0.2.0/24"]);
    assert!(errors.contains("192.0.2.0/24 is not a valid ip"), "{errors}");
    let errors = served.refused(&["decisions", "add", "-i", "nonsense"]);
    assert!(errors.contains("nonsense is not a valid ip"), "{errors}");
    let errors = served.refused(&["decisions", "add", "-i", "192.0.2.8", "-d", "soon"]);
    assert!(errors.contains("not a duration"), "{errors}");
    let errors = served.refused(&["alerts", "delete"]);
    assert!(errors.contains("at least one filter or --all"), "{errors}");
    for nothing in [&["-s", "nosuch"][..], &["-s", "nosuch", "-i", "192.0.2.7"]] {
        let deleted = served.said(&[&["decisions", "delete"], nothing].concat());
        assert_eq!(deleted, "0 decision(s) deleted\n", "{nothing:?}");
    }
    served.run(&["decisions", "add", "-i", "192.0.2.8", "-R", "by name"]);
    assert_eq!(served.said(&["decisions", "delete", "-s", "by name"]), "1 decision(s) deleted\n");
    assert!(served.run(&["decisions", "list", "-o", "raw"]).contains("Ip:192.0.2.7"));
    assert_eq!(served.said(&["decisions", "delete", "--all"]), "1 decision(s) deleted\n");
}

#[test]
fn files_are_imported_in_every_format() {
    let served = Served::start();
    let csv = served.file(
        "list.csv",
        "duration,scope,value,reason\n24h,ip,192.0.2.1,bad one\n,range,192.0.3.0/24,\n",
    );
    assert_eq!(served.run(&["decisions", "import", "-i", &csv]), "Imported 2 decisions\n");
    let json = served.file(
        "list.json",
        r#"[{"duration":"4h","scope":"ip","type":"captcha","value":"192.0.2.2"}]"#,
    );
    assert_eq!(served.run(&["decisions", "import", "-i", &json]), "Imported 1 decisions\n");
    let values = served.file("list.txt", "192.0.2.3\n\n2001:db8::1\n");
    assert!(served.refused(&["decisions", "import", "-i", &values]).contains("add --format"));
    let import = ["decisions", "import", "-i", &values, "--format", "values", "-R", "by file"];
    assert_eq!(served.run(&import), "Imported 2 decisions\n");
    let raw = served.run(&["decisions", "list", "-o", "raw", "--origin", "cscli-import"]);
    assert_eq!(raw.lines().count(), 6, "{raw}");
    assert!(raw.contains("Range:192.0.3.0/24,manual,ban") && raw.contains(",bad one,"), "{raw}");
    let broken = served.file("broken.csv", "value\n192.0.2.9\nnonsense\n");
    let errors = served.refused(&["decisions", "import", "-i", &broken]);
    assert!(errors.contains("item 2") && errors.contains("nonsense"), "{errors}");
    assert!(!served.run(&["decisions", "list", "-o", "raw"]).contains("192.0.2.9"));
}

#[test]
fn alerts_are_listed_shown_deleted_and_flushed() {
    let served = Served::start();
    served.run(&["decisions", "add", "-i", "192.0.2.7", "-R", "by hand"]);
    served.run(&["decisions", "add", "-i", "192.0.2.8", "-R", "by hand too"]);
    let raw = served.run(&["alerts", "list", "-o", "raw", "-i", "192.0.2.7", "-m"]);
    assert_eq!(
        raw.lines().next().unwrap(),
        "id,scope,value,reason,country,as,decisions,created_at,kind,machine"
    );
    assert_eq!(
        (column(&raw, 1, "decisions"), column(&raw, 1, "kind")),
        ("ban:1".into(), "cscli".into())
    );
    assert_ne!(column(&raw, 1, "machine"), "N/A");
    let id = column(&raw, 1, "id");
    let shown = served.run(&["alerts", "inspect", &id, "-d"]);
    assert!(shown.contains("Scope:Value  : Ip:192.0.2.7"), "{shown}");
    assert!(shown.contains("Active Decisions"), "{shown}");
    let json: Value =
        serde_json::from_str(&served.run(&["alerts", "inspect", &id, "-o", "json"])).unwrap();
    assert_eq!(json["scenario"], "by hand");
    let yaml = served.run(&["alerts", "inspect", &id, "-o", "raw"]);
    for line in ["scenario: \"by hand\"", "eventscount: 1", "source:", "    value: \"192.0.2.7\""] {
        assert!(yaml.lines().any(|own| own == line), "{line}: {yaml}");
    }
    let errors = served.refused(&["alerts", "inspect", "4711"]);
    assert!(errors.contains("can't find alert with id 4711"), "{errors}");
    assert_eq!(served.said(&["alerts", "delete", "--id", &id]), "1 alert(s) deleted\n");
    // The other has an active decision: neither its age nor the number of alerts takes it.
    let flush = |bound: [&str; 2]| served.said(&[&["alerts", "flush"][..], &bound].concat());
    served.run(&["decisions", "add", "-i", "192.0.2.11"]);
    assert_eq!(flush(["--max-items", "1"]), "0 alert(s) flushed\n");
    assert_eq!(flush(["--max-age", "1ms"]), "0 alert(s) flushed\n");
    assert_eq!(served.run(&["alerts", "list", "-o", "raw"]).lines().count(), 3);
    assert_eq!(served.run(&["decisions", "list", "-o", "raw"]).lines().count(), 3);
    served.run(&["decisions", "delete", "-i", "192.0.2.11"]);
    assert_eq!(flush(["--max-age", "1ms"]), "1 alert(s) flushed\n");
    served.run(&["decisions", "delete", "--all"]);
    served.run(&["decisions", "add", "-i", "192.0.2.9"]);
    served.run(&["decisions", "add", "-i", "192.0.2.10"]);
    assert_eq!(served.said(&["alerts", "flush", "--max-items", "1"]), "1 alert(s) flushed\n");
    assert_eq!(served.run(&["alerts", "list", "-o", "raw"]).lines().count(), 3);
}

/// An alert that an agent posts: what follows is for the profiles to say.
fn found(value: &str, simulated: bool) -> String {
    format!(
        r#"[{{"capacity":0,"decisions":null,"events":[],"events_count":1,"leakspeed":"0","message":"m",
        "remediation":true,"scenario":"s","scenario_hash":"","scenario_version":"",
        "simulated":{simulated},"source":{{"scope":"Ip","value":"{value}"}},"start_at":"now","stop_at":"now"}}]"#
    )
}

/// CrowdSec takes an alert too of which one decision begins before the address and another one ends
/// behind it.
#[test]
fn an_alert_is_found_by_one_of_its_decisions() {
    let served = Served::start();
    let both = served.file("both", "198.51.100.1\n198.51.100.9\n");
    served.run(&["decisions", "import", "-i", &both, "--format", "values"]);
    served.run(&["decisions", "add", "-r", "198.51.100.4/30"]);
    let listed = served.run(&["alerts", "list", "-i", "198.51.100.5", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let said = served.said(&["alerts", "delete", "-i", "198.51.100.5"]);
    assert_eq!(said, "1 alert(s) deleted\n");
    assert!(served.run(&["decisions", "list", "-o", "raw"]).contains("Ip:198.51.100.9"));
}

#[test]
fn what_only_pretends_says_so_and_reaches_no_bouncer() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = "name: pretend\nfilters: ['Alert.GetValue() == \"192.0.2.7\"']\n\
        decisions: [{type: ban, duration: 4h, simulated: true}]\non_success: break\n---\n\
        name: real\nfilters: ['Alert.GetScope() == \"Ip\"']\n\
        decisions: [{type: ban, duration: 4h}]\non_success: break\n";
    std::fs::write(folder.path().join("profiles.yaml"), profiles).unwrap();
    let served = Served::start_in(folder, "}\nrules: {profiles: profiles.yaml");
    served.run(&["bouncers", "add", "fw", "-k", "key"]);
    // A profile that pretends, a scenario that does, and one that means it.
    for (value, simulated) in [("192.0.2.7", false), ("192.0.2.8", true), ("192.0.2.9", false)] {
        let answer = served.local("POST", "/v1/alerts", &found(value, simulated));
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let body = served.local("GET", "/v1/alerts?sort=ASC", "").body;
    let alerts: Value = serde_json::from_str(&body).unwrap();
    for (place, pretends) in [(0, true), (1, true), (2, false)] {
        assert_eq!(alerts[place]["simulated"], pretends, "{body}");
        assert_eq!(alerts[place]["decisions"][0]["simulated"], pretends, "{body}");
    }
    let explained = served.local("GET", "/v1/decisions/1/explain", "").body;
    let explained: Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["decision"]["simulated"], true, "{explained}");
    let shown = served.run(&["decisions", "explain", "1"]);
    assert!(shown.contains("Decision: 1") && shown.contains("Ip:192.0.2.7"), "{shown}");
    assert!(served.refused(&["decisions", "explain", "99"]).contains("decision with id 99"));
    let raw = served.run(&["decisions", "list", "-o", "raw"]);
    let pretended: Vec<_> = (1..4).map(|line| column(&raw, line, "simulated")).collect();
    assert_eq!(pretended, ["false", "true", "true"], "{raw}");
    let table = served.run(&["decisions", "list"]);
    assert_eq!(table.matches("(simul)ban").count(), 2, "{table}");
    let real = served.run(&["decisions", "list", "--no-simu", "-o", "raw"]);
    assert_eq!((real.lines().count(), column(&real, 1, "ip")), (2, "Ip:192.0.2.9".into()));
    let key = [("X-Api-Key", "key")];
    for target in ["/v1/decisions", "/v1/decisions/stream?startup=true", "/v1/blocklist"] {
        let told = served.ask("GET", target, &key).body;
        assert!(told.contains("192.0.2.9"), "{target}: {told}");
        assert!(!told.contains("192.0.2.7") && !told.contains("192.0.2.8"), "{target}: {told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let served = Served::start();
    let errors = served.refused(&["decisions", "import", "-i", "/none/of.csv"]);
    assert!(errors.contains("unable to open /none/of.csv: no such file or directory"), "{errors}");
}
