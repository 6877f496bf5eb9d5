//! Clients that wait for news: long polls and server-sent events.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::served::Served;

/// Longer than anything here takes, shorter than a wait.
const SOON: Duration = Duration::from_secs(20);

/// Values that a body tells: new ones, and those that are over.
fn told(body: &str) -> (Vec<String>, Vec<String>) {
    let body: Value = serde_json::from_str(body).unwrap();
    let values = |name: &str| {
        let items = body[name].as_array().unwrap().iter();
        items.map(|item| item["value"].as_str().unwrap().to_owned()).collect()
    };
    (values("new"), values("deleted"))
}

/// Asks with `wait=30s`; meanwhile `change` happens. The answer comes after it, and long before 30 s.
fn waits(served: &Served, key: &str, query: &str, change: impl FnOnce()) -> String {
    let target = format!("/v1/decisions/stream?wait=30s{query}");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let answer = served.ask("GET", &target, &[("X-Api-Key", key)]);
            assert_eq!(answer.status, 200, "{answer:?}");
            (answer.body, Instant::now())
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!asking.is_finished(), "it was answered before anything happened");
        let begun = Instant::now();
        change();
        let (body, at) = asking.join().unwrap();
        assert!(at > begun && at - begun < SOON, "{:?}", at - begun);
        body
    })
}

#[test]
fn a_long_poll_is_answered_by_what_its_filter_takes() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    served.ask("GET", "/v1/decisions/stream?startup=true", &[("X-Api-Key", key)]);
    let body = waits(&served, key, "", || {
        // A country is not what bouncers ask for who do not say so.
        served.run(&["decisions", "add", "-v", "FR", "--scope", "country"]);
        served.run(&["decisions", "add", "-i", "203.0.113.1"]);
    });
    assert_eq!(told(&body), (vec!["203.0.113.1".into()], vec![]));
    let body = waits(&served, key, "", || {
        served.run(&["decisions", "delete", "-i", "203.0.113.1"]);
    });
    assert_eq!(told(&body), (vec![], vec!["203.0.113.1".into()]));
    // By a cursor of its own: the first answer, with everything, waits for nothing.
    let target = "/v1/decisions/stream?wait=30s&scopes=country&cursor=";
    let first = served.ask("GET", target, &[("X-Api-Key", key)]).body;
    assert_eq!(told(&first).0, ["FR"]);
    let first: Value = serde_json::from_str(&first).unwrap();
    let query = format!("&scopes=country&cursor={}", first["cursor"].as_str().unwrap());
    let body = waits(&served, key, &query, || {
        served.run(&["decisions", "add", "-i", "203.0.113.2"]);
        served.run(&["decisions", "add", "-v", "DE", "--scope", "country"]);
    });
    assert_eq!(told(&body), (vec!["DE".into()], vec![]));
}

#[test]
fn a_long_poll_ends_with_nothing_after_its_time() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let header = [("X-Api-Key", key.trim())];
    served.ask("GET", "/v1/decisions/stream?startup=true", &header);
    let begun = Instant::now();
    let answer = served.ask("GET", "/v1/decisions/stream?wait=1s", &header);
    assert_eq!(answer.body, r#"{"new": [], "deleted": []}"#);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    // A start waits for nothing, and nothing waits for ever.
    let answer = served.ask("GET", "/v1/decisions/stream?startup=true&wait=30s", &header);
    assert_eq!(answer.body, r#"{"new": [], "deleted": []}"#);
    assert_eq!(served.ask("GET", "/v1/decisions/stream?wait=-5s", &header).status, 200);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

/// Who follows the events. HTTP/1.0 has no chunks: what comes are the events alone.
struct Subscriber {
    stream: TcpStream,
    held: String,
}

impl Subscriber {
    /// Follows from the head of the answer on.
    fn to(served: &Served, key: &str, query: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let head =
            format!("GET /v1/decisions/events{query} HTTP/1.0\r\nX-Api-Key: {key}\r\n{last}");
        write!(stream, "{head}\r\n").unwrap();
        let mut subscriber = Self { stream, held: String::new() };
        let head = subscriber.until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.") && head.contains(" 200 "), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        assert_eq!(subscriber.until("\n\n"), ": connected");
        subscriber
    }

    fn until(&mut self, end: &str) -> String {
        loop {
            if let Some((found, rest)) = self.held.split_once(end) {
                let (found, rest) = (found.to_owned(), rest.to_owned());
                self.held = rest;
                return found;
            }
            let mut piece = [0; 4_096];
            let length = self.stream.read(&mut piece).unwrap();
            assert!(length > 0, "the subscription ended: {}", self.held);
            self.held.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
    }

    /// The next event: its id, and what it tells.
    fn next(&mut self) -> (String, (Vec<String>, Vec<String>)) {
        let event = self.until("\n\n");
        let lines: Vec<&str> = event.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "event: decisions"), "{event}");
        let id = lines[1].strip_prefix("id: ").unwrap().to_owned();
        (id, told(lines[2].strip_prefix("data: ").unwrap()))
    }
}

#[test]
fn events_tell_each_change_once_over_connections_that_end() {
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    let ban = |ip: &str| drop(served.run(&["decisions", "add", "-i", ip]));
    let pardon = |ip: &str| drop(served.run(&["decisions", "delete", "-i", ip]));
    ban("203.0.113.1");
    // Who says nothing is told what comes from now on, whoever says `startup` what there is, too.
    let mut follower = Subscriber::to(&served, key, "", None);
    let mut starter = Subscriber::to(&served, key, "?startup=true", None);
    assert_eq!(starter.next().1, (vec!["203.0.113.1".into()], vec![]));
    ban("203.0.113.2");
    let (id, event) = follower.next();
    assert_eq!(event, (vec!["203.0.113.2".into()], vec![]));
    assert_eq!(starter.next(), (id.clone(), event));
    pardon("203.0.113.1");
    assert_eq!(follower.next().1, (vec![], vec!["203.0.113.1".into()]));
    // Both go on from the event before: by the header that browsers send, and by a parameter.
    drop((follower, starter));
    ban("203.0.113.3");
    for mut again in [
        Subscriber::to(&served, key, "", Some(&id)),
        Subscriber::to(&served, key, &format!("?cursor={id}"), None),
    ] {
        let (_, missed) = again.next();
        assert_eq!(missed, (vec!["203.0.113.3".into()], vec!["203.0.113.1".into()]));
    }
    // An id of another store: all is new.
    let mut lost = Subscriber::to(&served, key, "", Some("00000000000000ff-1-1"));
    assert_eq!(lost.next().1.0, ["203.0.113.2", "203.0.113.3"]);
}

#[test]
fn all_subscribers_are_told_and_by_their_filters() {
    const BANS: usize = 40;
    let served = Served::start();
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let key = key.trim();
    let all = || Subscriber::to(&served, key, "", None);
    let mut every: Vec<Subscriber> = (0..20).map(|_| all()).collect();
    let mut few = Subscriber::to(&served, key, "?range=10.0.0.0/31&contains=false", None);
    for number in 0..BANS {
        let values = served.file("values", &format!("10.0.0.{number}\n"));
        served.run(&["decisions", "import", "-i", &values, "--format", "values"]);
    }
    let wanted: BTreeSet<String> = (0..BANS).map(|number| format!("10.0.0.{number}")).collect();
    for subscriber in &mut every {
        let mut heard = Vec::new();
        while heard.len() < BANS {
            heard.extend(subscriber.next().1.0);
        }
        assert_eq!(heard.len(), BANS, "{heard:?}");
        assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), wanted);
    }
    let heard = [few.next().1.0, few.next().1.0].concat();
    assert_eq!(heard, ["10.0.0.0", "10.0.0.1"]);
}
