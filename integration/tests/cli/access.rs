//! Who may do what, from where, and what is written down of it.

use serde_json::Value;

use crate::served::Served;

const PROXIED: &str = ", use_forwarded_for_headers: true, trusted_proxies: [127.0.0.1/32]";

fn behind_a_proxy(more: &str) -> Served {
    Served::start_in(tempfile::tempdir().unwrap(), &format!("{PROXIED}, {more}"))
}

/// The token of a new machine, as a header says it.
fn bearer(served: &Served) -> String {
    served.run(&["machines", "add", "m", "-p", "a-password", "-f", "-"]);
    let login = r#"{"machine_id":"m","password":"a-password"}"#;
    let agent = [("User-Agent", "crowdsec/v1.7.8")];
    let answer = served.post("POST", "/v1/watchers/login", &agent, login);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    format!("Bearer {}", answer["token"].as_str().unwrap())
}

#[test]
fn only_trusted_hosts_delete_alerts() {
    let served = behind_a_proxy("trusted_ips: [198.51.100.0/24]");
    let token = bearer(&served);
    served.run(&["decisions", "add", "-i", "203.0.113.1"]);
    let delete = |target: &str, ip: &str| {
        let headers = [("Authorization", token.as_str()), ("X-Forwarded-For", ip)];
        let answer = served.ask("DELETE", target, &headers);
        (answer.status, answer.body)
    };
    // 127.0.0.2 is this host too, but not one of the two addresses that CrowdSec means.
    for ip in ["192.0.2.1", "198.51.101.1", "2001:db8::1", "127.0.0.2"] {
        let told = format!(r#"{{"message":"access forbidden from this IP ({ip})"}}"#);
        for target in ["/v1/alerts", "/v1/alerts?scope=Ip", "/v1/alerts/1", "/v1/alerts/99"] {
            assert_eq!(delete(target, ip), (403, told.clone()), "{target}");
        }
    }
    assert!(served.run(&["decisions", "list", "-o", "raw"]).contains("203.0.113.1"));
    for (ip, number) in [("198.51.100.7", 1), ("127.0.0.1", 2), ("::1", 3)] {
        let deleted = delete(&format!("/v1/alerts/{number}"), ip);
        assert_eq!(deleted, (200, r#"{"nbDeleted":"1"}"#.to_owned()), "{ip}");
        served.run(&["decisions", "add", "-i", "203.0.113.1"]);
    }
}

#[test]
fn registration_can_be_for_this_host_alone() {
    let served = behind_a_proxy("disable_remote_lapi_registration: true");
    let comes = |machine: &str, ip: &str| {
        let body = format!(r#"{{"machine_id":"{machine}","password":"a-password"}}"#);
        let answer = served.post("POST", "/v1/watchers", &[("X-Forwarded-For", ip)], &body);
        (answer.status, answer.body)
    };
    let told = r#"{"message":"access forbidden"}"#.to_owned();
    assert_eq!(comes("far", "192.0.2.7"), (403, told.clone()));
    assert_eq!(comes("six", "2001:db8::7"), (403, told));
    assert_eq!(comes("near", "127.0.0.1"), (201, String::new()));
    assert_eq!(comes("nearer", "::1"), (201, String::new()));
    assert_eq!(served.run(&["machines", "list", "-o", "raw"]).lines().count(), 3);
}

/// It shows log lines.
#[test]
fn why_a_decision_was_made_is_for_machines() {
    let served = Served::start();
    let token = bearer(&served);
    served.run(&["decisions", "add", "-i", "203.0.113.1", "-R", "a secret"]);
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    for headers in [&[][..], &[("X-Api-Key", key.trim())]] {
        let answer = served.ask("GET", "/v1/decisions/1/explain", headers);
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(!answer.body.contains("secret"), "{answer:?}");
    }
    let answer = served.ask("GET", "/v1/decisions/1/explain", &[("Authorization", &token)]);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("a secret"), "{answer:?}");
}

#[test]
fn every_change_is_in_the_audit_log() {
    let served = Served::start();
    let token = bearer(&served);
    let machine = [("Authorization", token.as_str())];
    let values = served.file("values", "203.0.113.1\n203.0.113.2\n");
    let changes: [(&str, &[&str]); 17] = [
        ("add bouncer fw", &["bouncers", "add", "fw"]),
        ("delete bouncer fw", &["bouncers", "delete", "fw"]),
        ("add machine web1", &["machines", "add", "web1", "-p", "a-password", "-f", "-"]),
        ("create allowlist office", &["allowlists", "create", "office", "-d", "d"]),
        ("add 1 items to allowlist office", &["allowlists", "add", "office", "192.0.2.1"]),
        ("remove 1 items from allowlist office", &["allowlists", "remove", "office", "192.0.2.1"]),
        ("allowlist office", &["allowlists", "delete", "office"]),
        ("POST /v1/alerts", &["decisions", "add", "-i", "203.0.113.9"]),
        ("POST /v1/alerts", &["decisions", "import", "-i", &values, "--format", "values"]),
        ("DELETE /v1/decisions?ip=203.0.113.9", &["decisions", "delete", "-i", "203.0.113.9"]),
        ("DELETE /v1/decisions/2", &["decisions", "delete", "--id", "2"]),
        ("DELETE /v1/alerts/1", &["alerts", "delete", "--id", "1"]),
        ("flush alerts", &["alerts", "flush", "--max-items", "1"]),
        ("DELETE /v1/alerts", &["alerts", "delete", "--all"]),
        ("DELETE /v1/decisions", &["decisions", "delete", "--all"]),
        ("delete machine web1", &["machines", "delete", "web1"]),
        ("POST /v1/alerts", &["decisions", "add", "-i", "203.0.113.9"]),
    ];
    let told = |served: &Served| {
        let log = served.log();
        let lines = log.lines().filter(|line| line.contains(" audit: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for (what, arguments) in changes {
        let before = told(&served).len();
        served.run(arguments);
        let after = told(&served);
        assert_eq!(after.len(), before + 1, "{arguments:?}: {after:?}");
        assert!(after[before].contains(what), "{arguments:?}: {}", after[before]);
    }
    // What is asked changes nothing, and machines have names.
    let before = told(&served).len();
    served.run(&["decisions", "list"]);
    served.ask("GET", "/v1/alerts", &machine);
    assert_eq!(told(&served).len(), before);
    served.ask("DELETE", "/v1/decisions/1", &machine);
    served.ask("DELETE", "/v1/watchers/self", &machine);
    let after = told(&served);
    assert_eq!(after.len(), before + 2, "{after:?}");
    assert!(after[before].contains("who=\"m\"") && after[before + 1].contains("/watchers/self"));
    // Neither a key nor a password is written down.
    assert!(!after.iter().any(|line| line.contains("a-password") || line.contains(&token)));
}
