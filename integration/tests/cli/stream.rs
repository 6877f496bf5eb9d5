//! The stream of a bouncer over restarts of the service.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::Value;

use crate::served::Served;

struct Told {
    new: Vec<String>,
    deleted: Vec<String>,
    cursor: String,
}

fn told(served: &Served, key: &str, query: &str) -> Told {
    let target = format!("/v1/decisions/stream{query}");
    let answer = served.ask("GET", &target, &[("X-Api-Key", key)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let values = |name: &str| {
        let items = body[name].as_array().unwrap().iter();
        items.map(|item| item["value"].as_str().unwrap().to_owned()).collect()
    };
    let cursor = body["cursor"].as_str().unwrap_or_default().to_owned();
    Told { new: values("new"), deleted: values("deleted"), cursor }
}

fn ban(served: &Served, ip: &str) {
    served.run(&["decisions", "add", "-i", ip, "-d", "10m"]);
}

#[test]
fn cursors_mean_the_same_after_a_restart() {
    let mut served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    ban(&served, "203.0.113.1");
    ban(&served, "203.0.113.2");
    let first = told(&served, key, "?startup=true");
    assert_eq!(first.new, ["203.0.113.1", "203.0.113.2"]);
    let mut cursor = told(&served, key, "?startup=true&cursor=").cursor;
    assert!(!cursor.is_empty());
    for (turn, killed) in [false, true].into_iter().enumerate() {
        // Cursors of keys are kept within a second, at an ordered end at once.
        if killed {
            std::thread::sleep(Duration::from_millis(2_500));
        }
        served.restart(killed);
        assert_eq!(told(&served, key, "").new, [] as [&str; 0]);
        let added = format!("203.0.113.1{turn}");
        ban(&served, &added);
        served.restart(killed);
        served.run(&["decisions", "delete", "-i", &format!("203.0.113.{}", turn + 1)]);
        served.restart(killed);
        let by_key = told(&served, key, "");
        assert_eq!(
            (by_key.new, by_key.deleted),
            (vec![added.clone()], vec![format!("203.0.113.{}", turn + 1)],)
        );
        let explicit = told(&served, key, &format!("?cursor={cursor}"));
        assert_eq!(
            (explicit.new, explicit.deleted),
            (vec![added], vec![format!("203.0.113.{}", turn + 1)],)
        );
        cursor = explicit.cursor;
    }
    // A cursor of another store means nothing: everything is told.
    let strange = told(&served, key, "?cursor=00000000000000ff-1-1");
    assert_eq!(strange.new, ["203.0.113.10", "203.0.113.11"]);
}

/// A bouncer must know all that is in force: CrowdSec pages by these two itself.
#[test]
fn no_parameter_makes_a_stream_shorter() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    let all = ["203.0.113.1", "203.0.113.2", "203.0.113.3"];
    for ip in all {
        ban(&served, ip);
    }
    for pages in ["&limit=1", "&id_gt=1", "&limit=1&id_gt=1&offset=1", "&limit=-0"] {
        assert_eq!(told(&served, key, &format!("?startup=true{pages}")).new, all, "{pages}");
    }
    served.run(&["decisions", "delete", "--all"]);
    assert_eq!(told(&served, key, "?limit=1&id_gt=2").deleted, all);
    // The list is paged.
    let list = |query: &str| {
        let answer = served.ask("GET", &format!("/v1/decisions?{query}"), &[("X-Api-Key", key)]);
        answer.body.matches("\"value\"").count()
    };
    ban(&served, "203.0.113.4");
    ban(&served, "203.0.113.5");
    assert_eq!(["", "limit=1", "limit=-0", "id_gt=4"].map(list), [2, 1, 0, 1]);
}

/// Clients know decisions by their value: of what is told again, the last counts.
#[test]
fn a_longer_ban_is_not_followed_by_the_captcha_beside_it() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    let add = |kind: &str, time: &str| {
        served.run(&["decisions", "add", "-i", "203.0.113.1", "-t", kind, "-d", time]);
    };
    add("captcha", "10m");
    add("ban", "10m");
    assert_eq!(told(&served, key, "?startup=true").new.len(), 2);
    add("ban", "20m");
    for expected in [1, 0] {
        let delta = told(&served, key, "");
        assert_eq!((delta.new.len(), delta.deleted.len()), (expected, 0), "{:?}", delta.new);
    }
    // Where the ban ends, the captcha is told again, once.
    served.run(&["decisions", "delete", "-i", "203.0.113.1", "-t", "ban"]);
    for expected in [(0, 1), (1, 0), (0, 0)] {
        let delta = told(&served, key, "");
        assert_eq!((delta.new.len(), delta.deleted.len()), expected, "{:?}", delta.new);
    }
}

/// Who starts has nothing to let go of; who has the captcha is told of its end.
#[test]
fn a_start_ends_nothing_of_what_is_in_force_otherwise() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    ban(&served, "203.0.113.1");
    ban(&served, "203.0.113.2");
    served.run(&["decisions", "add", "-i", "203.0.113.1", "-t", "captcha"]);
    assert_eq!(told(&served, key, "?startup=true").new.len(), 3);
    served.run(&["decisions", "delete", "-t", "captcha"]);
    served.run(&["decisions", "delete", "-i", "203.0.113.2"]);
    let start = told(&served, key, "?startup=true&cursor=");
    assert_eq!(
        (start.new, start.deleted),
        (vec!["203.0.113.1".into()], vec!["203.0.113.2".into()])
    );
    assert_eq!(told(&served, key, "").deleted, ["203.0.113.2", "203.0.113.1"]);
}

/// A bouncer may ask about one address between two answers of the stream.
#[test]
fn a_question_leaves_the_stream_where_it_is() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    assert_eq!(told(&served, key, "?startup=true").new, [] as [&str; 0]);
    ban(&served, "203.0.113.1");
    for method in ["GET", "HEAD"] {
        let asked = served.ask(method, "/v1/decisions?ip=203.0.113.1", &[("X-Api-Key", key)]);
        assert_eq!(asked.status, 200);
    }
    assert_eq!(told(&served, key, "").new, ["203.0.113.1"]);
}

#[test]
fn who_is_removed_hears_nothing_more() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    ban(&served, "203.0.113.1");
    let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let target = "/v1/decisions/events?startup=true";
    let key = key.trim();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {key}\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("203.0.113.1") {
        let mut piece = [0; 4_096];
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..length]);
    }
    served.run(&["bouncers", "delete", "b"]);
    ban(&served, "203.0.113.2");
    // The answer ends, or the connection does.
    while !heard.ends_with(b"\r\n0\r\n\r\n") {
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).unwrap() {
            0 => break,
            length => heard.extend_from_slice(&piece[..length]),
        }
        assert!(!String::from_utf8_lossy(&heard).contains("203.0.113.2"));
    }
}
