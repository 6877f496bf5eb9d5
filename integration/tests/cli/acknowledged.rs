//! Agents that post alerts to a service that is killed again and again: what it acknowledged is there, and
//! who asks again is told the same numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::served::Served;

const AGENTS: usize = 4;

/// How often it is killed.
fn kills() -> usize {
    std::env::var("SPILLWAY_KILLS").map_or(3, |text| text.parse().unwrap())
}

fn alert(value: &str) -> String {
    format!(
        r#"[{{"capacity":0,"decisions":[{{"duration":"4h","origin":"crowdsec","scenario":"t/x","scope":"Ip",
        "type":"ban","value":"{value}"}}],"events":[],"events_count":1,"leakspeed":"0","message":"{value}",
        "scenario":"t/x","scenario_hash":"","scenario_version":"","simulated":false,
        "source":{{"scope":"Ip","value":"{value}"}},"start_at":"","stop_at":""}}]"#
    )
}

/// The numbers of the alerts, if it was acknowledged.
fn post(address: &str, token: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let length = body.len();
    let head = format!(
        "POST /v1/alerts HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, numbers) = answer.split_once("\r\n\r\n")?;
    assert!(!head.starts_with("HTTP/1.1 4"), "{answer}");
    head.starts_with("HTTP/1.1 201").then(|| numbers.to_owned())
}

/// Posts one alert after the other, each until it is acknowledged; the numbers by value, and how many of
/// the posts were not answered.
fn agent(
    address: &str,
    token: &str,
    name: usize,
    ends: &AtomicBool,
) -> (BTreeMap<String, String>, usize) {
    let (mut acknowledged, mut vain) = (BTreeMap::new(), 0);
    while !ends.load(Ordering::Relaxed) {
        let count = acknowledged.len();
        let value = format!("10.{name}.{}.{}", count / 256, count % 256);
        let numbers = loop {
            if let Some(numbers) = post(address, token, &alert(&value)) {
                break numbers;
            }
            vain += 1;
            std::thread::sleep(Duration::from_millis(20));
        };
        acknowledged.insert(value, numbers);
    }
    (acknowledged, vain)
}

#[test]
fn what_was_acknowledged_outlives_the_process() {
    let mut served = Served::start();
    served.run(&["machines", "add", "m", "-p", "a-password", "-f", "-"]);
    let login = r#"{"machine_id":"m","password":"a-password"}"#;
    let answer =
        served.post("POST", "/v1/watchers/login", &[("User-Agent", "crowdsec/v1.7.8")], login);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let token = answer["token"].as_str().unwrap();
    let (address, ends) = (served.address.clone(), AtomicBool::new(false));
    let (acknowledged, vain) = std::thread::scope(|scope| {
        let one = |name| {
            let (address, ends) = (&address, &ends);
            scope.spawn(move || agent(address, token, name, ends))
        };
        let agents: Vec<_> = (0..AGENTS).map(one).collect();
        for kill in 0..kills() {
            std::thread::sleep(Duration::from_millis(300 + 130 * u64::try_from(kill % 5).unwrap()));
            served.restart(true);
        }
        std::thread::sleep(Duration::from_millis(200));
        ends.store(true, Ordering::Relaxed);
        let told = agents.into_iter().map(|agent| agent.join().unwrap());
        told.fold((BTreeMap::new(), 0), |(mut all, vain), (numbers, more)| {
            all.extend(numbers);
            (all, vain + more)
        })
    });
    served.restart(true);
    eprintln!("{} alerts, {vain} posts in vain", acknowledged.len());
    assert!(vain > 0 && acknowledged.len() > 10 * AGENTS);
    // Each has its own number, and its alert and its decision are there, once.
    let numbers: BTreeSet<&String> = acknowledged.values().collect();
    assert_eq!(numbers.len(), acknowledged.len());
    let alerts: Value =
        serde_json::from_str(&served.local("GET", "/v1/alerts?limit=0", "").body).unwrap();
    let kept = alerts.as_array().unwrap().iter().map(|alert| {
        assert_eq!(alert["decisions"].as_array().unwrap().len(), 1, "{alert}");
        (alert["source"]["value"].as_str().unwrap().to_owned(), format!("[\"{}\"]", alert["id"]))
    });
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept.len(), acknowledged.len(), "an alert is there twice, or not at all");
    assert_eq!(kept.into_iter().collect::<BTreeMap<_, _>>(), acknowledged);
    let key = served.run(&["bouncers", "add", "b", "-o", "raw"]);
    let told = served.ask("GET", "/v1/decisions/stream?startup=true", &[("X-Api-Key", key.trim())]);
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let told = told["new"].as_array().unwrap().iter().map(|item| item["value"].as_str().unwrap());
    assert_eq!(told.collect::<BTreeSet<_>>(), acknowledged.keys().map(String::as_str).collect());
    for (value, numbers) in acknowledged.iter().step_by(acknowledged.len().div_ceil(50)) {
        assert_eq!(post(&address, token, &alert(value)).as_ref(), Some(numbers), "{value}");
    }
}
