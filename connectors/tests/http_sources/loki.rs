//! Asking Loki: a real one, a real one behind a bad line, and one that was recorded.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connectors::Position;
use connectors::health::State;
use connectors::loki::{Poll, PollConfig};
use connectors::metric::Counter;
use serde_json::{Value, json};

use crate::pipe::{Dice, Kept, Pipe, SOON, each_once};
use crate::server::{self, Request, answer, forward};
use crate::service::{self, Client, client};

const SECOND: i64 = 1_000_000_000;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// Sends lines of a stream to a real Loki.
#[track_caller]
fn push(client: &Client, loki: &str, stream: &Value, values: &[Value]) {
    let body = json!({"streams": [{"stream": stream, "values": values}]}).to_string();
    let url = format!("http://{loki}/loki/api/v1/push");
    let json = [("Content-Type", "application/json")];
    let (status, text) = client.post(&url, &json, body.into_bytes()).unwrap();
    assert_eq!(status, 204, "{text}");
}

fn value(time: i64, line: &str) -> Value {
    json!([time.to_string(), line])
}

/// Reads everything that is there, and ends.
fn to_the_end(address: &str, query: &str) -> PollConfig {
    let mut config = PollConfig::new(&format!("http://{address}"), query);
    (config.since, config.follow) = (Duration::from_secs(1800), false);
    config
}

/// Follows with short waits.
fn following(address: &str, query: &str) -> PollConfig {
    let mut config = PollConfig::new(&format!("http://{address}"), query);
    config.since = Duration::from_secs(1800);
    config.poll_interval = Duration::from_millis(50);
    config.delay_for = Duration::from_millis(200);
    config
}

#[track_caller]
fn read_all(config: PollConfig) -> Kept {
    let (kept, ended) = Pipe::start(Poll::new(config), Kept::default()).ended();
    assert!(ended.is_ok(), "{ended:?}");
    kept
}

#[test]
fn pages_of_many_streams_with_equal_times_give_each_line_once_in_order() {
    let Some(loki) = service::loki() else { return };
    let client = client();
    let start = now() - 600 * SECOND;
    let lines = 4000;
    let mut expected = Vec::new();
    for stream in 0..10 {
        // 20 lines of each stream share a time, and all streams do.
        let times = (0..lines).map(|line| (line, start + i64::from(line / 20) * 1000));
        let text = |line: i32| format!("stream {stream} line {line:05}");
        expected.extend((0..lines).map(text));
        let values: Vec<Value> = times.map(|(line, time)| value(time, &text(line))).collect();
        push(
            &client,
            &loki.address,
            &json!({"app": "pages", "stream": stream.to_string()}),
            &values,
        );
    }
    let mut config = to_the_end(&loki.address, "{app=\"pages\"}");
    // No page ends where an instant does.
    config.limit = 997;
    config.labels_from = ["stream".to_owned()].into();
    let kept = read_all(config.clone());
    each_once(&kept, expected);
    let key = |line: &crate::pipe::Line| {
        (line.time.unwrap(), line.labels["stream"].clone(), line.text.clone())
    };
    assert!(kept.lines.windows(2).all(|two| key(&two[0]) < key(&two[1])));
    assert_eq!(kept.lines[0].source, format!("http://{}", loki.address));
    config.limit = 5000;
    assert_eq!(read_all(config).lines, kept.lines, "pages of another size change nothing");
}

#[test]
fn one_instant_may_hold_more_than_a_page() {
    let Some(loki) = service::loki() else { return };
    let client = client();
    let time = now() - 600 * SECOND;
    let mut expected = Vec::new();
    for stream in 0..3 {
        let text = |line: i32| match line % 4 {
            0 => format!("GET /{line} \"HTTP\" (.*)"),
            1 => format!("GET /é{line}\nnext"),
            2 => format!("{line}"),
            _ => format!("POST \\{}", "x".repeat(line as usize % 700)) + &line.to_string(),
        };
        let all: Vec<String> = (0..3000).map(text).collect();
        push(
            &client,
            &loki.address,
            &json!({"app": "instant", "stream": stream.to_string()}),
            &all.iter().map(|line| value(time, line)).collect::<Vec<_>>(),
        );
        expected.extend(all);
    }
    push(
        &client,
        &loki.address,
        &json!({"app": "instant"}),
        &[value(time - 1, "before"), value(time + 1, "behind")],
    );
    expected.extend(["before".to_owned(), "behind".to_owned()]);
    let mut config = to_the_end(&loki.address, "{app=\"instant\"}");
    config.limit = 500;
    let kept = read_all(config);
    each_once(&kept, expected);
}

#[test]
fn late_lines_and_structured_metadata_come_once() {
    let Some(loki) = service::loki() else { return };
    let client = client();
    let mut config = following(&loki.address, "{app=\"late\"}");
    config.labels_from = ["trace".to_owned()].into();
    let mut pipe = Pipe::start(Poll::new(config), Kept::default());
    let time = now() - 2 * SECOND;
    let stream = json!({"app": "late"});
    push(&client, &loki.address, &stream, &[value(time, "same"), value(time + 10, "later")]);
    pipe.until_lines(2);
    let traced = |trace: &str| json!([time.to_string(), "same", {"trace": trace}]);
    push(
        &client,
        &loki.address,
        &stream,
        &[value(time + 5, "late"), traced("1"), traced("2"), value(time, "same")],
    );
    pipe.until_lines(5);
    push(&client, &loki.address, &json!({"app": "late", "x": "y"}), &[value(time, "same")]);
    pipe.until_lines(6);
    pipe.linger(Duration::from_secs(1));
    assert!(pipe.count(Counter::Duplicates) > 0);
    let kept = pipe.stop();
    assert_eq!(kept.texts(), ["same", "later", "same", "same", "late", "same"]);
    let traces: Vec<_> = kept.lines.iter().filter_map(|line| line.labels.get("trace")).collect();
    assert_eq!(traces, ["1", "2"]);
}

/// The law: whatever is killed when, what is kept is what an undisturbed run keeps.
#[test]
fn crashes_anywhere_lose_and_double_nothing_and_change_no_offset() {
    let Some(loki) = service::loki() else { return };
    let client = client();
    let start = now() - 900 * SECOND;
    let mut dice = Dice(7);
    let mut time = start;
    for part in 0..3 {
        let mut values = Vec::new();
        for line in 0..2000 {
            time += [0, 0, 1, 1000, SECOND / 50][dice.below(5) as usize];
            values.push(value(time, &format!("part {part} line {line}")));
        }
        push(&client, &loki.address, &json!({"app": "crash", "part": part.to_string()}), &values);
    }
    let mut config = to_the_end(&loki.address, "{app=\"crash\"}");
    config.limit = 300;
    let undisturbed = read_all(config.clone());
    assert_eq!(undisturbed.lines.len(), 6000);
    // With a long overlap all of it is read again, with a short one nothing.
    for overlap in [0, 1200] {
        config.overlap = Duration::from_secs(overlap);
        (config.follow, config.delay_for) = (true, Duration::from_millis(200));
        let mut kept = Kept::default();
        let mut crashes = 0;
        while kept.lines.len() < undisturbed.lines.len() {
            let mut pipe = Pipe::start(Poll::new(config.clone()), kept);
            for _ in 0..=dice.below(6) {
                pipe.step(Duration::from_secs(5));
            }
            pipe.step_keeping(Duration::from_millis(50), dice.below(300) as usize);
            kept = pipe.stop();
            crashes += 1;
            assert!(crashes < 300, "{} lines", kept.lines.len());
        }
        assert_eq!(kept.lines, undisturbed.lines, "after {crashes} crashes");
        let mut pipe = Pipe::start(Poll::new(config.clone()), kept);
        pipe.linger(Duration::from_secs(1));
        assert_eq!(pipe.stop().lines.len(), undisturbed.lines.len());
    }
}

#[test]
fn lines_pushed_while_it_crashes_come_once() {
    let Some(loki) = service::loki() else { return };
    let address = loki.address.clone();
    let pushed = 3000;
    let pushing = std::thread::spawn(move || {
        let client = client();
        let mut dice = Dice(3);
        for line in 0..pushed / 10 {
            let late = dice.below(3) as i64 * SECOND;
            let values: Vec<Value> =
                (0..10).map(|i| value(now() - late, &format!("line {line} {i}"))).collect();
            push(&client, &address, &json!({"app": "live", "s": (line % 3).to_string()}), &values);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut dice = Dice(11);
    let mut config = following(&loki.address, "{app=\"live\"}");
    config.limit = 50;
    let mut kept = Kept::default();
    for _ in 0..20 {
        let mut pipe = Pipe::start(Poll::new(config.clone()), kept);
        pipe.linger(Duration::from_millis(100 + dice.below(300)));
        pipe.step_keeping(Duration::from_millis(50), dice.below(20) as usize);
        kept = pipe.stop();
    }
    pushing.join().unwrap();
    let mut pipe = Pipe::start(Poll::new(config), kept);
    // Late lines are found by the second reading only, when they are `overlap` old.
    pipe.until(4 * SOON, |pipe| pipe.kept.lines.len() >= pushed);
    pipe.linger(Duration::from_secs(1));
    let expected =
        (0..pushed / 10).flat_map(|line| (0..10).map(move |i| format!("line {line} {i}")));
    each_once(&pipe.stop(), expected);
}

#[test]
fn trouble_of_every_kind_is_waited_out() {
    let Some(loki) = service::loki() else { return };
    let client = client();
    let time = now() - 60 * SECOND;
    let lines: Vec<String> = (0..2000).map(|line| format!("line {line}")).collect();
    let values: Vec<Value> =
        lines.iter().zip(time..).map(|(line, time)| value(time, line)).collect();
    push(&client, &loki.address, &json!({"app": "trouble"}), &values);
    let (asked, to) = (AtomicUsize::new(0), loki.address.clone());
    let waits = std::sync::Arc::new(Mutex::new(Vec::new()));
    let times = std::sync::Arc::clone(&waits);
    let proxy = server::serve(move |request| {
        times.lock().unwrap().push(std::time::Instant::now());
        let real = |request: &Request| forward(request, &to);
        match asked.fetch_add(1, Ordering::SeqCst) % 8 {
            0 => answer("429 Too Many Requests", "Retry-After: 1\r\n", b"slow down"),
            1 => answer("500 Internal Server Error", "", b"oops"),
            2 => {
                let mut half = real(&request);
                half.truncate(half.len() * 2 / 3);
                half
            }
            3 => answer(
                "200 OK",
                "Content-Type: application/json\r\n",
                b"{\"status\":\"success\",\"data\":{",
            ),
            4 => Vec::new(),
            _ => real(&request),
        }
    });
    let mut config = following(&proxy.to_string(), "{app=\"trouble\"}");
    config.limit = 300;
    let mut pipe = Pipe::start(Poll::new(config), Kept::default());
    pipe.until(Duration::from_secs(60), |pipe| {
        matches!(pipe.health.state(), State::Retrying { .. })
    });
    pipe.until(Duration::from_secs(120), |pipe| pipe.kept.lines.len() >= 2000);
    assert!(pipe.count(Counter::Retries) >= 5);
    let waits = waits.lock().unwrap();
    assert!(waits[1] - waits[0] >= Duration::from_secs(1), "Retry-After is heeded");
    let kept = pipe.stop();
    assert_eq!(kept.texts(), lines);
}

/// What is too long is asked for in smaller parts, as small as a line.
#[test]
fn an_answer_that_is_too_long_is_asked_for_in_parts() {
    let Some(loki) = service::loki() else { return };
    let time = now() - 60 * SECOND;
    let line = |number: usize| format!("{number} {}", "x".repeat(200));
    let lines: Vec<String> = (0..300).map(line).collect();
    let values: Vec<Value> =
        lines.iter().zip(time..).map(|(line, time)| value(time, line)).collect();
    push(&client(), &loki.address, &json!({"app": "long"}), &values);
    let (smallest, to) = (std::sync::Arc::new(AtomicUsize::new(usize::MAX)), loki.address.clone());
    let seen = std::sync::Arc::clone(&smallest);
    let proxy = server::serve(move |request| {
        let limit = request.field("limit").and_then(|limit| limit.parse().ok());
        seen.fetch_min(limit.unwrap_or(usize::MAX), Ordering::SeqCst);
        forward(&request, &to)
    });
    let mut config = to_the_end(&proxy.to_string(), "{app=\"long\"}");
    config.endpoint.max_answer = 10_000;
    assert_eq!(read_all(config).texts(), lines);
    let smallest = smallest.load(Ordering::SeqCst);
    assert!(smallest < 50, "{smallest} lines of 200 bytes are asked for at least");
}

#[test]
fn a_loki_that_is_not_there_is_tried_again_and_a_wrong_query_is_not() {
    let config = PollConfig::new("http://no-such-host.invalid:3100", "{a=\"b\"}");
    let mut pipe = Pipe::start(Poll::new(config), Kept::default());
    pipe.until(SOON, |pipe| matches!(pipe.health.state(), State::Retrying { .. }));
    assert!(pipe.ready, "others need not wait");
    pipe.stop();
    let wrong = server::serve(|_| {
        let text =
            b"parse error at line 1, col 2: syntax error: unexpected IDENTIFIER, expecting STRING";
        answer("400 Bad Request", "", text)
    });
    let config = PollConfig::new(&format!("http://{wrong}"), "{a=b}");
    let (_, ended) = Pipe::start(Poll::new(config), Kept::default()).ended();
    assert!(ended.unwrap_err().to_string().contains("parse error at line 1, col 2"));
}

/// Nothing is found: each question starts later than the one before, and none is longer.
#[test]
fn a_quiet_query_asks_for_no_more_each_time_and_its_place_is_kept() {
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let quiet = server::serve(move |request| {
        let field = |name| request.field(name).unwrap().parse::<i64>().unwrap();
        seen.lock().unwrap().push((field("start"), field("end")));
        let body = br#"{"status":"success","data":{"resultType":"streams","result":[]}}"#;
        answer("200 OK", "", body)
    });
    let mut config = following(&quiet.to_string(), "{app=\"quiet\"}");
    (config.overlap, config.window) = (Duration::from_secs(1), Duration::from_secs(300));
    let mut pipe = Pipe::start(Poll::new(config.clone()), Kept::default());
    pipe.until(SOON, |_| asked.lock().unwrap().len() > 30);
    assert!(pipe.caught_up);
    assert!(matches!(pipe.health.state(), State::Reading));
    let kept = pipe.stop();
    let ranges = asked.lock().unwrap().split_off(0);
    assert!(ranges.iter().all(|(start, end)| end - start <= 300 * SECOND), "{ranges:?}");
    let last: Vec<_> = ranges.iter().rev().take(5).collect();
    assert!(last.iter().all(|(start, end)| end - start <= 2 * SECOND), "{last:?}");
    let resume = kept.resume.values().next().unwrap();
    let place: Value = resume.position.read().unwrap();
    assert_eq!((place["next"].as_u64(), resume.next_offset), (Some(0), 0));
    let Some(start) = place["until"].as_i64() else { panic!("{place}") };
    let mut pipe = Pipe::start(Poll::new(config), kept);
    pipe.until(SOON, |_| !asked.lock().unwrap().is_empty());
    assert!(asked.lock().unwrap()[0].0 >= start - SECOND, "it goes on where it was");
    pipe.stop();
}

#[test]
fn tenants_credentials_headers_and_prefix_reach_the_server() {
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let server = server::serve(move |request| {
        seen.lock().unwrap().push(request);
        answer("200 OK", "", br#"{"data":{"resultType":"streams","result":[]}}"#)
    });
    let mut config = following(&server.to_string(), "{a=\"b\"}");
    config.tenant = Some("acme".to_owned());
    config.endpoint.prefix = "/gateway/".to_owned();
    config.endpoint.headers.insert("X-Own".to_owned(), "1".to_owned());
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "t0ken\n").unwrap();
    config.endpoint.credentials =
        connectors::endpoint::Credentials::BearerFile(token.path().into());
    let mut pipe = Pipe::start(Poll::new(config), Kept::default());
    pipe.until(SOON, |_| !asked.lock().unwrap().is_empty());
    pipe.stop();
    let request = asked.lock().unwrap()[0].clone();
    assert!(request.target().starts_with("/gateway/loki/api/v1/query_range?"), "{}", request.line);
    let header = |name| request.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("x-scope-orgid"), "acme");
    assert_eq!(header("x-own"), "1");
    assert_eq!(header("authorization"), "Bearer t0ken");
}

/// Our clock is an hour ahead of Loki's, and an hour behind: what Loki says counts.
#[test]
fn a_wrong_clock_of_ours_neither_skips_nor_stalls() {
    for ahead in [3600, -3600] {
        let there = now() / SECOND - ahead;
        let lines: Vec<i64> = (0..10).map(|i| (there - 5 + i) * SECOND).collect();
        let (began, own) = (std::time::Instant::now(), lines.clone());
        let server = server::serve(move |request| {
            let field = |name| request.field(name).unwrap().parse::<i64>().unwrap();
            let clock = there + began.elapsed().as_secs() as i64;
            let there_is = own.iter().filter(|time| **time <= clock * SECOND);
            let found = there_is.filter(|time| (field("start")..field("end")).contains(time));
            let values: Vec<Value> = found.map(|time| value(*time, &time.to_string())).collect();
            let body = json!({"data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}});
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(clock as u64));
            answer("200 OK", &format!("Date: {date}\r\n"), body.to_string().as_bytes())
        });
        let mut config = following(&server.to_string(), "{}");
        (config.since, config.overlap) = (Duration::from_secs(10), Duration::from_secs(3));
        let mut pipe = Pipe::start(Poll::new(config), Kept::default());
        pipe.until_lines(10);
        each_once(&pipe.stop(), lines.iter().map(ToString::to_string));
    }
}

/// A conversation with a real Loki 3.7.8, recorded by [`recorded_conversations_are_those_of_a_real_loki`].
const RECORDED: &str = "tests/fixtures/loki/conversation.json";

/// What was asked for there: more lines in one instant than a page, several streams, metadata.
fn recorded_lines(time: i64) -> Vec<(Value, Vec<Value>)> {
    let text = |line: i64| value(time + line / 40, &format!("line {line}"));
    let traced = json!([(time + 1).to_string(), "line 7", {"trace": "t"}]);
    vec![
        (json!({"app": "record", "host": "a"}), (0..60).map(text).chain([traced]).collect()),
        (json!({"app": "record", "host": "b"}), (0..30).map(text).collect()),
    ]
}

fn recorded_config(address: &str, first: i64) -> PollConfig {
    let mut config = to_the_end(address, "{app=\"record\"}");
    config.limit = 25;
    config.since = Duration::from_nanos((now() - first) as u64) + Duration::from_secs(60);
    config.window = config.since * 2;
    config
}

/// What a question is known by: our clock changes where the first range begins and where all end.
fn question(request: &Request, first: i64) -> String {
    let start: i64 = request.field("start").unwrap().parse().unwrap();
    let (query, limit) = (request.field("query").unwrap(), request.field("limit").unwrap());
    let start = if start < first || limit == "1" { 0 } else { start };
    format!("{start} {limit} {query}")
}

#[test]
fn recorded_conversations_give_the_lines_of_a_real_loki() {
    let text = std::fs::read_to_string(RECORDED).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let first = recorded["time"].as_i64().unwrap();
    let answers = recorded["answers"].clone();
    let server = server::serve(move |request| {
        let question = question(&request, first);
        let body = answers.get(&question).unwrap_or_else(|| panic!("not recorded: {question}"));
        answer("200 OK", "", body.as_str().unwrap().as_bytes())
    });
    let kept = read_all(recorded_config(&server.to_string(), first));
    let lines: Vec<Value> =
        kept.lines.iter().map(|line| json!([line.offset, line.time, line.text])).collect();
    assert_eq!(Value::from(lines), recorded["lines"]);
    assert_eq!(kept.lines.len(), 91);
}

#[test]
fn recorded_conversations_are_those_of_a_real_loki() {
    let Some(loki) = service::loki() else { return };
    let client = client();
    let time = now() - 60 * SECOND;
    for (stream, values) in recorded_lines(time) {
        push(&client, &loki.address, &stream, &values);
    }
    let answers = std::sync::Arc::new(Mutex::new(serde_json::Map::new()));
    let (to, into) = (loki.address.clone(), std::sync::Arc::clone(&answers));
    let proxy = server::serve(move |request| {
        let bytes = forward(&request, &to);
        let body = String::from_utf8(bytes).unwrap();
        let (head, body) = body.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("200 OK"), "{head}");
        let body: Value = serde_json::from_str(&whole(head, body)).unwrap();
        let data =
            json!({"resultType": body["data"]["resultType"], "result": body["data"]["result"]});
        let body = json!({"status": body["status"], "data": data}).to_string();
        into.lock().unwrap().insert(question(&request, time), body.clone().into());
        answer("200 OK", "", body.as_bytes())
    });
    let kept = read_all(recorded_config(&proxy.to_string(), time));
    assert_eq!(kept.lines.len(), 91);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let lines: Vec<Value> =
            kept.lines.iter().map(|line| json!([line.offset, line.time, line.text])).collect();
        let answers = answers.lock().unwrap().clone();
        let recorded = json!({"time": time, "lines": lines, "answers": answers});
        std::fs::create_dir_all(std::path::Path::new(RECORDED).parent().unwrap()).unwrap();
        std::fs::write(RECORDED, serde_json::to_string_pretty(&recorded).unwrap() + "\n").unwrap();
    }
}

/// The body of an answer that may have come in chunks.
fn whole(head: &str, body: &str) -> String {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        whole += &after[..size];
        rest = after.get(size + 2..).unwrap_or_default();
    }
    whole
}

#[test]
fn a_position_of_another_kind_is_refused_with_a_word() {
    let config = PollConfig::new("http://127.0.0.1:1", "{a=\"b\"}");
    let mut kept = Kept::default();
    let position = Position::from_text("{\"inode\":7}");
    let resume = connectors::Resume { position, next_offset: 3 };
    kept.resume.insert("{a=\"b\"}".into(), resume);
    let (_, ended) = Pipe::start(Poll::new(config), kept).ended();
    assert!(ended.unwrap_err().to_string().contains("another kind of source"));
}
