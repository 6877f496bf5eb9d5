//! What clients send that mean no good, or are broken: a clear refusal at a bounded cost, and the
//! others are served meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use operators::time::{EventTime, Stamp};

use crate::http::{Answer, Request, send, send_unix};
use crate::servers::{self, Server};

/// Header of a token that claims to need no signature.
const UNSIGNED: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

fn get(server: &Server, target: &str, headers: &[(&str, &str)]) -> Answer {
    ask(server, "GET", target, headers, "")
}

fn ask(
    server: &Server,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let (method, target, body) = (method.into(), target.into(), body.into());
    send(&server.address, &Request { method, target, headers, body })
}

fn login(server: &Server) -> String {
    let body = format!(r#"{{"machine_id":"testm","password":"{}"}}"#, server.password);
    let agent = [("User-Agent", "crowdsec/v1.7.8-linux")];
    let answer = ask(server, "POST", "/v1/watchers/login", &agent, &body);
    let (_, rest) = answer.body.split_once("\"token\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// A token of the machine that is signed with this secret, at this time. Unit: seconds since the Unix
/// epoch.
fn api_token(secret: &[u8], at: i64) -> String {
    api::auth::Tokens::new(secret).unwrap().issue("testm", at).0
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// An alert with one decision.
fn alert(value: &str, scope: &str, duration: &str) -> String {
    let now = Stamp::utc_at(EventTime(unix_seconds() * 1_000_000_000)).rfc3339();
    format!(
        r#"[{{"capacity":0,"decisions":[{{"duration":"{duration}","origin":"cscli","scenario":"s",
        "scope":"{scope}","type":"ban","value":"{value}"}}],"events":[],"events_count":1,
        "leakspeed":"0","message":"m","scenario":"s","scenario_hash":"","scenario_version":"",
        "simulated":false,"source":{{"scope":"{scope}","value":"{value}"}},
        "start_at":"{now}","stop_at":"{now}"}}]"#
    )
}

/// What comes back for bytes as they are.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A refusal may come before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_well(server: &Server) {
    let begun = Instant::now();
    assert_eq!(get(server, "/v1/decisions", &[("X-Api-Key", &server.key)]).status, 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn tokens_that_nobody_signed_are_none() {
    let server = servers::ours();
    let token = login(&server);
    let parts: Vec<&str> = token.split('.').collect();
    let (head, claims, signature) = (parts[0], parts[1], parts[2]);
    assert_eq!(get(&server, "/v1/alerts", &[("Authorization", &bearer(&token))]).status, 200);
    // What is refused below is refused for what it says: the same secret signs what is taken.
    let own = api_token(&servers::SECRET, unix_seconds());
    assert_eq!(get(&server, "/v1/alerts", &[("Authorization", &bearer(&own))]).status, 200);
    let turned: String = signature.chars().rev().collect();
    let forged = [
        format!("{UNSIGNED}.{claims}."),
        format!("{UNSIGNED}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.{turned}"),
        format!("{head}.{claims}"),
        "a.b.c".to_owned(),
        "A".repeat(20_000),
        api_token(&[7; 64], i64::MAX / 2),
        api_token(&servers::SECRET, 1),
    ];
    for token in forged {
        let answer = get(&server, "/v1/alerts", &[("Authorization", &bearer(&token))]);
        assert_eq!(answer.status, 401, "{token}: {answer:?}");
    }
}

#[test]
fn no_deletion_goes_further_than_it_says() {
    let server = servers::ours();
    let token = bearer(&login(&server));
    let machine = [("Authorization", token.as_str())];
    assert_eq!(
        ask(&server, "POST", "/v1/alerts", &machine, &alert("203.0.113.1", "Ip", "1h")).status,
        201
    );
    let strange = [
        "/v1/decisions?foo=1",
        "/v1/decisions?ip=203.0.113.1&ipp=1",
        "/v1/decisions?ip=",
        "/v1/decisions?ip=zz",
        "/v1/decisions?range=0.0.0.0/0;drop",
        "/v1/decisions?ip=203.0.113.1%zz",
        "/v1/decisions?%zz=1",
        "/v1/decisions?&&",
        "/v1/decisions?contains=false",
        "/v1/decisions?contains=true",
        "/v1/alerts?&",
        "/v1/alerts?contains=false",
        "/v1/alerts?limit=1",
        "/v1/alerts?sort=ASC",
        "/v1/alerts?sort=DESC&limit=0",
        "/v1/alerts?with_decisions=false",
        "/v1/alerts?simulated=true",
        "/v1/alerts?include_capi=true",
        "/v1/alerts?range=0.0.0.0/0;drop",
        "/v1/alerts?ip=203.0.113.1%zz",
        "/v1/decisions/x",
        "/v1/decisions/-1",
        "/v1/decisions/99999999999999999999",
        "/v1/decisions/%00",
        "/v1/alerts?foo=1",
        "/v1/alerts/..%2F..%2Fv1%2Fdecisions",
    ];
    for target in strange {
        let answer = ask(&server, "DELETE", target, &machine, "");
        assert!(answer.status >= 400, "{target}: {answer:?}");
    }
    let left = get(&server, "/v1/decisions", &[("X-Api-Key", &server.key)]);
    assert!(left.body.contains("203.0.113.1"), "{left:?}");
}

#[test]
fn who_writes_a_parameter_that_is_not_there_is_told() {
    let server = servers::ours();
    let admin = |method: &str, target: &str, body: &str| {
        let (method, target, body) = (method.into(), target.into(), body.into());
        send_unix(&server.socket, &Request { method, target, body, ..Request::default() })
    };
    for (method, target) in [
        // Of the item alone, somebody thinks.
        ("DELETE", "/v1/admin/allowlists/office?value=192.0.2.0/24"),
        ("DELETE", "/v1/admin/bouncers/testb?ip=192.0.2.1"),
        ("DELETE", "/v1/admin/machines/testm?a;b"),
        ("GET", "/v1/admin/machines?limit=5"),
    ] {
        let answer = admin(method, target, "");
        assert_eq!(answer.status, 400, "{target}: {answer:?}");
    }
    let answer = admin("POST", "/v1/admin/bouncers", r#"{"name":"b","blocklst":"limit=5"}"#);
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(admin("GET", "/v1/allowlists/office", "").status, 200);
    let key = [("X-Api-Key", server.key.as_str())];
    for (target, meant) in [
        ("/v1/blocklist?limt=5", "'limit'"),
        ("/v1/blocklist?ipv6=no", "ipv6=false"),
        ("/v1/decisions/events?scpes=ip", "'scopes'"),
    ] {
        let answer = get(&server, target, &key);
        assert!(answer.status == 400 && answer.body.contains(meant), "{target}: {answer:?}");
    }
    // CrowdSec's own routes take anything: clients send what newer servers know.
    assert_eq!(get(&server, "/v1/decisions?limt=5", &key).status, 200);
    assert_eq!(get(&server, "/v1/decisions/stream?startup=true&limt=5", &key).status, 200);
}

#[test]
fn a_request_says_once_for_which_host_it_is() {
    let server = servers::ours();
    let status = |version: &str, hosts: &str| {
        let text = format!("GET /health HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        let answer = raw(&server, text.as_bytes());
        (answer.split(' ').nth(1).unwrap_or_default().to_owned(), answer)
    };
    assert_eq!(status("1.1", "Host: t\r\n").0, "200");
    assert_eq!(status("1.0", "").0, "200");
    let (none, said) = status("1.1", "");
    assert_eq!(none, "400", "{said}");
    assert!(said.ends_with("400 Bad Request: missing required Host header"), "{said}");
    let (two, said) = status("1.1", "Host: t\r\nHost: t\r\n");
    assert_eq!(two, "400", "{said}");
    // What stands behind it on the connection is not read.
    let hidden = "GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\nHost: t\r\n\r\n";
    assert_eq!(raw(&server, hidden.as_bytes()).matches("HTTP/1.1 ").count(), 1);
}

#[test]
fn odd_addresses_and_durations_are_refused_or_taken_as_they_are() {
    let server = servers::ours();
    let token = bearer(&login(&server));
    let machine = [("Authorization", token.as_str())];
    let post = |value: &str, scope: &str, duration: &str| {
        ask(&server, "POST", "/v1/alerts", &machine, &alert(value, scope, duration))
    };
    // As CrowdSec: an alert about no address is dropped, and has no number.
    for (value, scope) in
        [("fe80::1%eth0", "Ip"), ("203.0.113.300", "Ip"), ("203.0.113.0/33", "Range")]
    {
        assert_eq!(post(value, scope, "1h").body, "[]", "{value}");
        // Whatever profiles would decide about it, too.
        let undecided = alert(value, scope, "1h");
        let (head, rest) = undecided.split_once(r#""decisions":["#).unwrap();
        let (_, rest) = rest.split_once(']').unwrap();
        let undecided = format!(r#"{head}"remediation":true,"decisions":[]{rest}"#);
        let answer = ask(&server, "POST", "/v1/alerts", &machine, &undecided);
        assert_eq!((answer.status, &*answer.body), (201, "[]"), "{value}");
    }
    for duration in ["2629800h", "soon", ""] {
        let answer = post("203.0.113.1", "Ip", duration);
        assert!(answer.status >= 400 && answer.body.contains("message"), "{duration}: {answer:?}");
    }
    assert_eq!(get(&server, "/v1/decisions", &[("X-Api-Key", &server.key)]).body, "null");
    assert_eq!(post("203.0.113.77/24", "Range", "1h").status, 201);
    let key = [("X-Api-Key", server.key.as_str())];
    let hit = get(&server, "/v1/decisions?ip=203.0.113.9", &key);
    assert!(hit.body.contains("203.0.113.77/24"), "{hit:?}");
    for target in ["/v1/decisions?ip=fe80::1%25eth0", "/v1/decisions?range=1.2.3.4/99"] {
        let answer = get(&server, target, &key);
        assert!(answer.status >= 400 && answer.body.contains("message"), "{target}: {answer:?}");
    }
}

#[test]
fn large_bodies_cost_little_and_hold_up_nobody() {
    let server = servers::ours();
    let token = bearer(&login(&server));
    let machine = [("Authorization", token.as_str())];
    let begun = Instant::now();
    let many = format!("[{}{{}}]", "{},".repeat(999_999));
    assert!(ask(&server, "POST", "/v1/alerts", &machine, &many).status >= 400);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(ask(&server, "POST", "/v1/alerts", &machine, &deep).status >= 400);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    is_well(&server);
    let head = format!("GET /health HTTP/1.1\r\nHost: t\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    assert!(!raw(&server, head.as_bytes()).starts_with("HTTP/1.1 200"));
    // Nobody says who this is: 50 MB of it are not read.
    let open =
        "POST /v1/watchers HTTP/1.1\r\nHost: t\r\nContent-Length: 50000000\r\n\r\n{\"machine_id\":";
    let mut bytes = open.as_bytes().to_vec();
    bytes.resize(4 << 20, b' ');
    assert!(!raw(&server, &bytes).starts_with("HTTP/1.1 2"));
    is_well(&server);
}

#[test]
fn requests_cannot_be_hidden_in_requests() {
    let server = servers::ours();
    let hidden = "GET /v1/heartbeat HTTP/1.1\r\nHost: t\r\n\r\n";
    let length = hidden.len();
    for head in [
        format!("Content-Length: 0\r\nContent-Length: {length}"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        "Transfer-Encoding: xchunked".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Content-Length: +5".to_owned(),
        "Content-Length: -1".to_owned(),
        "Content Length: 5".to_owned(),
        "X: a\r\n folded: b\r\n\tmore".to_owned(),
    ] {
        let text = format!("POST /health HTTP/1.1\r\nHost: t\r\n{head}\r\n\r\n{hidden}");
        let answer = raw(&server, text.as_bytes());
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{head}: {answer}");
        assert!(!answer.contains("HTTP/1.1 401"), "{head}: the hidden one was answered: {answer}");
    }
    is_well(&server);
}

/// Idle connections that a service is to bear.
const IDLE: usize = 15_000;
/// Open files of a test besides.
const FEW_FILES: u64 = 200;

#[test]
fn idle_and_slow_clients_hold_up_nobody() {
    let server = servers::ours();
    let files = pipeline::input::limit::raise_open_files().unwrap_or(u64::MAX);
    let room = usize::try_from(files.saturating_sub(FEW_FILES)).unwrap_or(usize::MAX);
    let count = IDLE.min(room);
    if count < IDLE {
        eprintln!("only {count} idle connections: this process may open {files} files");
    }
    let before = memory(&server);
    let mut idle = Vec::new();
    for number in 0..count {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        match number % 3 {
            0 => stream.write_all(b"GET /v1/decisions HTTP/1.1\r\nHost: t\r\nX-Slow").unwrap(),
            1 => stream.write_all(SLOW_BODY.as_bytes()).unwrap(),
            _ => {}
        }
        idle.push(stream);
    }
    for _ in 0..20 {
        is_well(&server);
    }
    let each = memory(&server).saturating_sub(before) / count as u64;
    assert!(each < 64 << 10, "an idle connection takes {each} bytes");
    drop(idle);
    is_well(&server);
}

/// A body of which one byte comes.
const SLOW_BODY: &str =
    "POST /v1/watchers/login HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n{";

/// What a server takes of the memory. Unit: bytes.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let server = servers::ours();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(SLOW_BODY.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
}

#[test]
fn a_bomb_is_not_unpacked() {
    let server = servers::ours();
    let token = bearer(&login(&server));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..200 {
        packer.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let packed = packer.finish().unwrap();
    let before = memory(&server);
    for _ in 0..4 {
        let mut bytes = format!(
            "POST /v1/alerts HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: {token}\r\n\
             Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&packed);
        let answer = raw(&server, &bytes);
        assert!(answer.contains("request body too large"), "{answer}");
    }
    let more = memory(&server).saturating_sub(before);
    assert!(more < 300 << 20, "{more} bytes");
    is_well(&server);
}

#[test]
fn a_packed_body_is_whole_or_refused() {
    let server = servers::ours();
    let token = bearer(&login(&server));
    let packed = |body: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(body).unwrap();
        packer.finish().unwrap()
    };
    let send = |body: &[u8]| {
        let mut bytes = format!(
            "POST /v1/alerts HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: {token}\r\n\
             Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        raw(&server, &bytes)
    };
    let whole = packed(alert("203.0.113.9", "Ip", "1h").as_bytes());
    let (cut, mut damaged) = (&whole[..whole.len() - 4], whole.clone());
    damaged[whole.len() / 2] ^= 0x10;
    for wrong in [cut, &damaged, b"[]", b""] {
        let answer = send(wrong);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("gzip"), "{answer}");
    }
    let key = [("X-Api-Key", server.key.as_str())];
    assert_eq!(get(&server, "/v1/decisions", &key).body, "null");
    assert!(send(&whole).starts_with("HTTP/1.1 201 "));
    // Two that follow one another are one body.
    let (first, second) = (packed(b"[ "), packed(b"]"));
    assert!(send(&[first, second].concat()).starts_with("HTTP/1.1 201 "));
}

#[test]
fn what_is_posted_again_is_answered_with_the_same_numbers() {
    let server = servers::ours();
    let token = bearer(&login(&server));
    let machine = [("Authorization", token.as_str())];
    let body = alert("203.0.113.9", "Ip", "1h");
    let first = ask(&server, "POST", "/v1/alerts", &machine, &body);
    let again = ask(&server, "POST", "/v1/alerts", &machine, &body);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body);
    // Another body is another post.
    let other = ask(&server, "POST", "/v1/alerts", &machine, &body.replace("1h", "2h"));
    assert_ne!(first.body, other.body);
    let key = [("X-Api-Key", server.key.as_str())];
    let all = get(&server, "/v1/decisions?ip=203.0.113.9", &key).body;
    assert_eq!(all.matches("203.0.113.9").count(), 2, "{all}");
}

#[test]
fn paths_lead_nowhere_else() {
    let server = servers::ours();
    let key = [("X-Api-Key", server.key.as_str())];
    for target in [
        "/v1/decisions/../admin/bouncers",
        "/v1/decisions/%2e%2e/admin/bouncers",
        "//v1/admin/bouncers",
        "/v1/admin/bouncers",
        "/v1/admin/machines",
        "/V1/admin/bouncers",
    ] {
        assert!(get(&server, target, &key).status >= 400, "{target}");
    }
    let token = bearer(&login(&server));
    let machine = [("Authorization", token.as_str())];
    assert_eq!(get(&server, "/v1/admin/bouncers", &machine).status, 403);
    assert!(get(&server, "/v1/allowlists/..%2f..%2fetc%2fpasswd", &machine).status >= 400);
}
