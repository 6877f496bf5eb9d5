//! What was answered is seen: whoever asks after a 201, or after a command, is shown what it did.

use serde_json::Value;

use crate::http::Answer;
use crate::served::Served;

/// Clients that change something, each about addresses of its own.
const CLIENTS: usize = 4;
/// How often each does so.
const ROUNDS: usize = 60;
/// Decisions of a long list, whose last is asked about.
const LIST: usize = 200;

/// A machine and a bouncer.
struct Known<'a> {
    served: &'a Served,
    token: String,
    key: String,
}

impl<'a> Known<'a> {
    fn to(served: &'a Served) -> Self {
        served.run(&["machines", "add", "m", "-p", "a-password", "-f", "-"]);
        let login = r#"{"machine_id":"m","password":"a-password"}"#;
        let answer =
            served.post("POST", "/v1/watchers/login", &[("User-Agent", "crowdsec/v1.7.8")], login);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let token = format!("Bearer {}", answer["token"].as_str().unwrap());
        let key = served.run(&["bouncers", "add", "b", "-o", "raw"]).trim().to_owned();
        Self { served, token, key }
    }

    fn machine(&self, method: &str, target: &str, body: &str) -> Answer {
        self.served.post(method, target, &[("Authorization", &self.token)], body)
    }

    /// Posts one alert; its number.
    fn posts(&self, value: &str, decisions: &str) -> String {
        let body = format!(
            r#"[{{"capacity":0,"decisions":{decisions},"events":[],"events_count":1,"leakspeed":"0","message":"m",
            "scenario":"t/x","scenario_hash":"","scenario_version":"","simulated":false,"remediation":true,
            "source":{{"ip":"{value}","scope":"Ip","value":"{value}"}},"start_at":"","stop_at":""}}]"#
        );
        let answer = self.machine("POST", "/v1/alerts", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        let numbers: Vec<String> = serde_json::from_str(&answer.body).unwrap();
        numbers.concat()
    }

    fn active(&self, query: &str) -> String {
        let target = format!("/v1/decisions?{query}");
        self.served.ask("GET", &target, &[("X-Api-Key", &self.key)]).body
    }

    fn in_stream(&self, query: &str) -> String {
        let target = format!("/v1/decisions/stream?startup=true&{query}");
        self.served.ask("GET", &target, &[("X-Api-Key", &self.key)]).body
    }
}

fn decision(value: &str) -> String {
    format!(
        r#"{{"duration":"4h","origin":"crowdsec","scenario":"t/x","scope":"Ip","type":"ban","value":"{value}"}}"#
    )
}

/// Each client in a thread of its own, so that their changes meet in one commit.
fn at_once(client: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let client = &client;
            scope.spawn(move || client(number));
        }
    });
}

#[test]
fn whoever_asks_after_the_201_is_shown_what_it_made() {
    let served = Served::start();
    let known = Known::to(&served);
    at_once(|client| {
        for round in 0..ROUNDS {
            let value = format!("10.{client}.{}.{}", round / 256, round % 256);
            let quoted = format!("\"{value}\"");
            // By turns: profiles decide, the sender decided, the sender sends a long list.
            let decisions = match round % 3 {
                0 => "null".to_owned(),
                1 => format!("[{}]", decision(&value)),
                _ => {
                    let other =
                        |n| decision(&format!("172.{}.{}.{}", 16 + client, n / 256, n % 256));
                    let mut list: Vec<String> = (0..LIST).map(other).collect();
                    list.push(decision(&value));
                    format!("[{}]", list.join(","))
                }
            };
            let number = known.posts(&value, &decisions);
            // Each time another question is the first one.
            let looks: [&dyn Fn() -> String; 4] = [
                &|| known.active(&format!("ip={value}")),
                &|| known.in_stream(&format!("value={value}")),
                &|| known.machine("GET", &format!("/v1/alerts/{number}"), "").body,
                &|| known.machine("GET", &format!("/v1/alerts?ip={value}"), "").body,
            ];
            for look in 0..looks.len() {
                let seen = looks[(look + round) % looks.len()]();
                assert!(seen.contains(&quoted), "{value} of round {round}: {seen}");
            }
            // So it is with its end.
            let ended = known.machine("DELETE", &format!("/v1/decisions?ip={value}"), "");
            assert_eq!(ended.body, r#"{"nbDeleted":"1"}"#);
            assert_eq!(known.active(&format!("ip={value}")), "null", "{value}");
        }
    });
}

#[test]
fn a_list_after_an_add_shows_it() {
    let served = Served::start();
    at_once(|client| {
        for round in 0..ROUNDS / 2 {
            let value = format!("10.{client}.1.{round}");
            served.run(&["decisions", "add", "-i", &value]);
            let listed = served.run(&["decisions", "list", "-i", &value, "-o", "raw"]);
            assert!(listed.contains(&format!("Ip:{value},")), "{listed}");
        }
    });
}

#[test]
fn an_allowlist_counts_from_its_answer_on() {
    let served = Served::start();
    let known = Known::to(&served);
    served.run(&["allowlists", "create", "office", "-d", "the office"]);
    at_once(|client| {
        for round in 0..ROUNDS / 4 {
            let value = format!("10.{client}.2.{round}");
            assert_ne!(known.posts(&value, "null"), "");
            // By turns the command and the API.
            if round % 2 == 0 {
                served.run(&["allowlists", "add", "office", &value]);
            } else {
                let item = format!(r#"{{"items":[{{"value":"{value}"}}]}}"#);
                let added = served.local("POST", "/v1/admin/allowlists/office/items", &item);
                assert_eq!(added.status, 200, "{added:?}");
            }
            assert_eq!(known.active(&format!("ip={value}")), "null", "{value}");
            assert!(!known.in_stream("").split("\"deleted\"").next().unwrap().contains(&value));
            // An alert that comes again would be recognised: this one is another one.
            let other = format!("{value}/32");
            assert_eq!(known.posts(&other, "null"), "", "{value}");
            assert_eq!(known.active(&format!("ip={value}")), "null", "{value}");
        }
    });
}
