//! Asking a real VictoriaLogs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connectors::victorialogs::{Config, VictoriaLogs};
use serde_json::json;

use crate::pipe::{Dice, Kept, Pipe, each_once};
use crate::service::{self, Client, Service, client};

const SECOND: i64 = 1_000_000_000;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

#[track_caller]
fn push(client: &Client, service: &Service, rows: &[(i64, String, &str)]) {
    let row = |(time, line, host): &(i64, String, &str)| {
        json!({"_time": time, "_msg": line, "app": "x", "host": host}).to_string() + "\n"
    };
    let body: String = rows.iter().map(row).collect();
    let url = format!("http://{}/insert/jsonline?_stream_fields=app,host", service.address);
    assert_eq!(client.post(&url, &[], body.into_bytes()).unwrap().0, 200);
    // What was taken can be found a little later.
    let url = format!("http://{}/internal/force_flush", service.address);
    assert_eq!(client.get(&url).unwrap().0, 200);
}

fn config(service: &Service) -> Config {
    let mut config = Config::new(&format!("http://{}", service.address), "app:x");
    config.since = Duration::from_secs(1800);
    config.poll_interval = Duration::from_millis(50);
    config.delay_for = Duration::from_millis(200);
    config.labels_from = ["host".to_owned()].into();
    config
}

#[test]
fn pages_instants_and_crashes_give_each_line_once_in_order() {
    let Some(service) = service::victorialogs() else { return };
    let client = client();
    let start = now() - 600 * SECOND;
    let mut rows = Vec::new();
    for line in 0..3000 {
        for host in ["a", "b"] {
            // The second thousand has one time.
            let time = start + if line / 1000 == 1 { 1000 } else { line };
            rows.push((time, format!("{host} line {line:04}"), host));
        }
    }
    push(&client, &service, &rows);
    let mut config = config(&service);
    (config.follow, config.limit) = (false, 300);
    let (whole, ended) = Pipe::start(VictoriaLogs::new(config.clone()), Kept::default()).ended();
    assert!(ended.is_ok(), "{ended:?}");
    each_once(&whole, rows.iter().map(|(_, line, _)| line.clone()));
    let key = |line: &crate::pipe::Line| {
        (line.time.unwrap(), line.labels["host"].clone(), line.text.clone())
    };
    assert!(whole.lines.windows(2).all(|two| key(&two[0]) < key(&two[1])));
    config.follow = true;
    let mut dice = Dice(5);
    let mut kept = Kept::default();
    while kept.lines.len() < whole.lines.len() {
        let mut pipe = Pipe::start(VictoriaLogs::new(config.clone()), kept);
        for _ in 0..=dice.below(6) {
            pipe.step(Duration::from_secs(5));
        }
        pipe.step_keeping(Duration::from_millis(50), dice.below(300) as usize);
        kept = pipe.stop();
    }
    assert_eq!(kept.lines, whole.lines);
}

#[test]
fn late_lines_come_once_and_a_wrong_query_ends() {
    let Some(service) = service::victorialogs() else { return };
    let client = client();
    let mut pipe = Pipe::start(VictoriaLogs::new(config(&service)), Kept::default());
    let time = now() - 2 * SECOND;
    push(&client, &service, &[(time, "one".into(), "a"), (time + 9, "two".into(), "a")]);
    pipe.until_lines(2);
    push(&client, &service, &[(time + 5, "late".into(), "a"), (time, "one".into(), "b")]);
    pipe.until_lines(4);
    pipe.linger(Duration::from_secs(1));
    assert_eq!(pipe.stop().texts(), ["one", "two", "one", "late"]);
    let ended = |query: &str| {
        let mut config = config(&service);
        config.query = query.to_owned();
        Pipe::start(VictoriaLogs::new(config), Kept::default()).ended().1.unwrap_err().to_string()
    };
    assert!(ended("app:(").contains("cannot parse"));
    assert!(ended("app:x | stats count() c").contains("_time"));
}
