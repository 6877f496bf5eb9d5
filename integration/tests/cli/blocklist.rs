//! Blocklists as firewalls fetch them, with curl's words on the wire.

use std::io::Read;

use crate::http::Answer;
use crate::served::Served;

/// `b:KEY` and such, as HTTP Basic sends it.
fn basic(pair: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from("Basic ");
    for three in pair.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * place) & 63]);
            out.push(if place <= three.len() { letter } else { '=' });
        }
    }
    out
}

fn list(served: &Served, query: &str, headers: &[(&str, &str)]) -> Answer {
    served.ask("GET", &format!("/v1/blocklist{query}"), headers)
}

#[test]
fn a_firewall_fetches_what_it_can_hold() {
    let served = Served::start();
    for value in ["203.0.113.4", "203.0.113.5", "203.0.113.6", "203.0.113.7", "2001:db8::7"] {
        served.run(&["decisions", "add", "-i", value, "-d", "1h"]);
    }
    served.run(&["decisions", "add", "-r", "198.51.100.0/24", "-d", "30m"]);
    served.run(&["decisions", "add", "-i", "198.51.100.9", "-d", "1h"]);
    served.run(&["decisions", "add", "-i", "192.0.2.9", "-d", "1h", "-t", "captcha"]);
    served.run(&["bouncers", "add", "wall", "-k", "a:secret:key"]);
    let asked = list(&served, "", &[]);
    assert_eq!(asked.status, 401);
    assert_eq!(asked.header("www-authenticate"), Some("Basic realm=\"spillway\""));
    assert_eq!(list(&served, "", &[("Authorization", &basic("any:wrong"))]).status, 403);
    let own = basic("any:a:secret:key");
    let get = |query: &str| list(&served, query, &[("Authorization", &own)]);
    let plain = get("");
    assert_eq!(
        plain.body,
        "198.51.100.0/24\n203.0.113.4\n203.0.113.5\n203.0.113.6\n203.0.113.7\n2001:db8::7\n"
    );
    assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    // The same by header.
    assert_eq!(list(&served, "", &[("X-Api-Key", "a:secret:key")]).body, plain.body);
    assert_eq!(get("?limit=3").body, "198.51.100.0/24\n203.0.113.4/30\n2001:db8::7\n");
    assert_eq!(get("?limit=2&ipv6=false&prefix=24").body, "198.51.100.0/24\n203.0.113.4/30\n");
    assert_eq!(get("?ipv4=false&format=nginx").body, "deny 2001:db8::7;\n");
    assert_eq!(get("?type=captcha&format=json").body, "[\"192.0.2.9\"]\n");
    let strange = get("?format=exe");
    assert_eq!((strange.status, strange.body.contains("plain, nginx")), (400, true));
    // What the device holds can also be said once.
    let small = "limit=2&ipv6=false";
    served.run(&["bouncers", "add", "small", "-k", "small", "--blocklist", small]);
    let of_small = |query: &str| list(&served, query, &[("X-Api-Key", "small")]);
    assert_eq!(of_small("").body, "198.51.100.0/24\n203.0.113.4/30\n");
    assert_eq!(of_small("?limit=1&origins=cscli").body.lines().count(), 1);
    // A request narrows what the key may have, and never widens it.
    assert_eq!(of_small("?limit=100&ipv6=true").body, of_small("").body);
    served.run(&[
        "bouncers",
        "add",
        "office",
        "-k",
        "office",
        "--blocklist",
        "range=203.0.113.0/24&contains=false",
    ]);
    let of_office = |query: &str| list(&served, query, &[("X-Api-Key", "office")]).body;
    assert_eq!(of_office("").lines().count(), 4);
    assert_eq!(of_office("?range=0.0.0.0/0&contains=false&scopes=Ip,Range"), of_office(""));
    assert_eq!(of_office("?ip=203.0.113.4"), "203.0.113.4\n");
    let misspelt = served.refused(&["bouncers", "add", "x", "--blocklist", "limt=5"]);
    assert!(misspelt.contains("did you mean 'limit'"), "{misspelt}");
    assert!(served.refused(&["bouncers", "add", "x", "--blocklist", "format=exe"]).contains("exe"));
    for wrong in ["?prefix=40", "?limit=x", "?limit=-1", "?ip=zz"] {
        let answer = get(wrong);
        assert!(answer.status >= 400 && answer.body.contains("message"), "{wrong}: {answer:?}");
    }
}

#[test]
fn a_list_that_did_not_change_is_not_sent_again() {
    let served = Served::start();
    served.run(&["bouncers", "add", "wall", "-k", "key"]);
    served.run(&["decisions", "add", "-i", "203.0.113.4", "-d", "1h"]);
    let get = |query: &str, tag: &str| {
        list(&served, query, &[("X-Api-Key", "key"), ("If-None-Match", tag)])
    };
    let first = get("", "");
    let tag = first.header("etag").unwrap().to_owned();
    let again = get("", &tag);
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    // No cache gives it without asking, nor to another key.
    for answer in [&first, &again] {
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    }
    assert_eq!(get("", "*").status, 304);
    assert_eq!(get("", &format!("\"x\", {tag}")).status, 304);
    // Another question has another answer.
    assert_eq!(get("?format=nginx", &tag).status, 200);
    served.run(&["decisions", "add", "-i", "203.0.113.9", "-d", "1h"]);
    let changed = get("", &tag);
    assert_eq!((changed.status, changed.body.lines().count()), (200, 2));
    let head = served.ask("HEAD", "/v1/blocklist", &[("X-Api-Key", "key")]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.header("etag").is_some());
}

#[test]
fn a_list_is_packed_for_who_takes_it() {
    let served = Served::start();
    let key = "key";
    served.run(&["bouncers", "add", "wall", "-k", key]);
    served.run(&["decisions", "add", "-i", "203.0.113.4", "-d", "1h"]);
    let bytes = served.bytes(&format!(
        "GET /v1/blocklist HTTP/1.1\r\nHost: t\r\nX-Api-Key: {key}\r\nAccept-Encoding: br, gzip;q=0.5\r\n\
         Connection: close\r\n\r\n"
    ));
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[end..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, "203.0.113.4\n");
    let refuses = [("X-Api-Key", key), ("Accept-Encoding", "gzip;q=0, identity")];
    assert_eq!(list(&served, "", &refuses).body, "203.0.113.4\n");
}
