//! What one client may cost, behind a proxy that says who it is.

use crate::served::Served;

const PROXIED: &str = "use_forwarded_for_headers: true, trusted_proxies: [127.0.0.1/32]";

fn start(limits: &str) -> Served {
    let api = format!(", {PROXIED}, limits: {{{limits}}}");
    Served::start_in(tempfile::tempdir().unwrap(), &api)
}

#[test]
fn who_asks_too_often_waits_and_the_others_do_not() {
    let served = start("requests: 2");
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let ask = |ip: &str| {
        let headers = [("X-Api-Key", key.trim()), ("X-Forwarded-For", ip)];
        served.ask("GET", "/v1/decisions", &headers)
    };
    let refused = (0..200).map(|_| ask("192.0.2.1")).find(|answer| answer.status != 200).unwrap();
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.body.contains("too many requests"), "{refused:?}");
    assert_eq!(ask("192.0.2.2").status, 200);
    // This host is not limited.
    let own = [("X-Api-Key", key.trim())];
    assert!((0..20).all(|_| served.ask("GET", "/v1/decisions", &own).status == 200));
}

#[test]
fn who_guesses_learns_nothing_more() {
    let served = start("refusals: 3");
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    served.run(&["machines", "add", "m", "-p", "a-password", "-f", "-"]);
    let ask = |ip: &str, key: &str| {
        let headers = [("X-Api-Key", key), ("X-Forwarded-For", ip)];
        served.ask("GET", "/v1/decisions", &headers).status
    };
    let login = |ip: &str| {
        let headers = [("User-Agent", "crowdsec/v1.7.8"), ("X-Forwarded-For", ip)];
        let body = r#"{"machine_id":"m","password":"a-password"}"#;
        served.post("POST", "/v1/watchers/login", &headers, body).status
    };
    let statuses: Vec<u16> = (0..6).map(|_| ask("192.0.2.1", "wrong")).collect();
    assert_eq!(statuses, [403, 403, 403, 429, 429, 429]);
    // A key that is right is no guess. A password costs too much to find out.
    assert_eq!(ask("192.0.2.1", key.trim()), 200);
    assert_eq!((login("192.0.2.1"), login("192.0.2.2")), (429, 200));
}

#[test]
fn a_body_is_as_large_as_the_configuration_lets() {
    let served = start("body: 4KiB");
    served.run(&["machines", "add", "m", "-p", "a-password", "-f", "-"]);
    let agent = [("User-Agent", "crowdsec/v1.7.8")];
    let body = r#"{"machine_id":"m","password":"a-password"}"#;
    let answer = served.post("POST", "/v1/watchers/login", &agent, body);
    let token = answer.body.split("\"token\":\"").nth(1).unwrap().trim_end_matches("\"}");
    let bearer = format!("Bearer {token}");
    let post = |bytes: usize| {
        let body = format!("[]{}", " ".repeat(bytes - 2));
        served.post("POST", "/v1/alerts", &[("Authorization", &bearer)], &body)
    };
    assert_eq!(post(4_096).status, 201);
    let large = post(4_097);
    assert_eq!((large.status, large.body.contains("request body too large")), (400, true));
}
