//! Machines that register themselves: by a token, from where the configuration lets them.

use crate::column;
use crate::served::Served;

const TOKEN: &str = "a-token-of-at-least-32-characters-0";
const AUTO: &str = ", use_forwarded_for_headers: true, trusted_proxies: [127.0.0.1/32], \
    auto_registration: {enabled: true, token: a-token-of-at-least-32-characters-0, \
    allowed_ranges: [192.0.2.0/24, '2001:db8::/48']}";

/// What a machine at this address gets: for its registration, and then for its login.
fn comes(served: &Served, machine: &str, ip: &str, token: &str) -> (u16, String, u16) {
    let headers = [("X-Forwarded-For", ip), ("User-Agent", "crowdsec/v1.7.8")];
    let credentials = format!(r#""machine_id":"{machine}","password":"a-password""#);
    let body = format!(r#"{{{credentials},"registration_token":"{token}"}}"#);
    let answer = served.post("POST", "/v1/watchers", &headers, &body);
    let login = served.post("POST", "/v1/watchers/login", &headers, &format!("{{{credentials}}}"));
    (answer.status, answer.body, login.status)
}

fn machines(served: &Served) -> Vec<(String, String)> {
    let raw = served.run(&["machines", "list", "-o", "raw"]);
    let row = |line| (column(&raw, line, "machine_id"), column(&raw, line, "validated"));
    let mut rows: Vec<_> = (1..raw.lines().count()).map(row).collect();
    rows.sort();
    rows
}

#[test]
fn a_token_lets_machines_in_from_where_they_may_come() {
    let served = Served::start_in(tempfile::tempdir().unwrap(), AUTO);
    let empty = String::new;
    assert_eq!(comes(&served, "inside", "192.0.2.7", TOKEN), (202, empty(), 200));
    assert_eq!(comes(&served, "six", "2001:db8::7", TOKEN), (202, empty(), 200));
    // Whoever fails is not made, so that its name stays free.
    let wrong = TOKEN.replace('0', "1");
    let told = r#"{"message":"invalid token for auto registration"}"#.to_owned();
    assert_eq!(comes(&served, "guesser", "192.0.2.8", &wrong), (401, told, 401));
    let told = r#"{"message":"IP not in allowed range for auto registration"}"#.to_owned();
    assert_eq!(comes(&served, "outside", "198.51.100.7", TOKEN), (401, told, 401));
    // Without a token it is for the administrator to say.
    assert_eq!(comes(&served, "late", "198.51.100.8", ""), (201, empty(), 401));
    let told = r#"{"message":"user 'inside': user already exist"}"#.to_owned();
    assert_eq!(comes(&served, "inside", "192.0.2.9", TOKEN), (403, told, 200));
    let expected = [("inside", "true"), ("late", "false"), ("six", "true")];
    assert_eq!(machines(&served), expected.map(|(id, is)| (id.to_owned(), is.to_owned())));
    let log = served.log();
    assert!(log.contains("machine added and validated"), "{log}");
}

#[test]
fn a_token_is_nothing_where_none_is_configured() {
    let served = Served::start();
    let (status, _, login) = comes(&served, "m", "192.0.2.7", TOKEN);
    assert_eq!((status, login), (201, 401));
}
