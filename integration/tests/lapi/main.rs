//! The same requests to CrowdSec 1.7.8's API and to ours: answers are compared byte for byte, but for
//! what differs from run to run. `integration/recorded/lapi` holds what CrowdSec answered
//! (`SPILLWAY_CROWDSEC=DIR UPDATE_EXPECT=1` asks it anew) and, with reasons, where we differ.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod conversation;
mod document;
mod hostile;
mod http;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;

use conversation::{Turn, shown};
use http::{Answer, Request};
use servers::Server;

fn recorded(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/recorded/lapi")).join(name)
}

/// Sends a conversation to a server; gives the answers as they are compared.
fn converse(server: &Server, turns: &[Turn]) -> Vec<String> {
    let answers = exchange(server, turns);
    turns.iter().zip(&answers).map(|(turn, answer)| shown(&turn.request.target, answer)).collect()
}

/// Sends a conversation to a server.
fn exchange(server: &Server, turns: &[Turn]) -> Vec<Answer> {
    let mut token = String::new();
    let mut answers = Vec::new();
    for turn in turns {
        let mut request = turn.request.clone();
        for (_, value) in &mut request.headers {
            *value = value.replace("{token}", &token).replace("{key}", &server.key);
        }
        request.body = request.body.replace("{password}", &server.password);
        if request.headers.iter().any(|(name, _)| name == "Pause") {
            // The next answers are to be of another second.
            std::thread::sleep(std::time::Duration::from_millis(1_100));
        }
        let answer = http::send(&server.address, &request);
        if let Some((_, rest)) = answer.body.split_once("\"token\":\"") {
            token = rest.split('"').next().unwrap_or_default().to_owned();
        }
        answers.push(answer);
    }
    answers
}

/// Where we differ on purpose: a turn with the answer that we give; its header `Because` says why.
fn differences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(recorded("differences.txt")).unwrap();
    let turns = conversation::read(&text);
    turns.into_iter().map(|turn| (name(&turn.request), turn.answer)).collect()
}

fn name(request: &Request) -> String {
    let number = request.headers.iter().find(|(name, _)| name == "Case").map(|(_, v)| v.as_str());
    format!("{} {} {}", request.method, request.target, number.unwrap_or_default())
}

#[test]
fn answers_are_those_of_crowdsec() {
    let turns = told_as_crowdsec("conversation.txt");
    assert!(turns > 60, "the conversation is too short: {turns}");
}

#[test]
fn bodies_mean_what_they_mean_to_crowdsec() {
    told_as_crowdsec("bodies.txt");
}

/// Compares the answers to a conversation; how long it is.
fn told_as_crowdsec(file: &str) -> usize {
    let path = recorded(file);
    let mut turns = conversation::read(&std::fs::read_to_string(&path).unwrap());
    match servers::crowdsec() {
        None => eprintln!("CrowdSec is not asked (SPILLWAY_CROWDSEC): its recorded answers count"),
        Some(server) => {
            let answers = converse(&server, &turns);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                for (turn, answer) in turns.iter_mut().zip(&answers) {
                    turn.answer.clone_from(answer);
                }
                std::fs::write(&path, conversation::write(&turns)).unwrap();
            }
            compare("CrowdSec", &turns, &answers, &BTreeMap::new());
        }
    }
    let answers = converse(&servers::ours(), &turns);
    compare("Spillway", &turns, &answers, &differences());
    turns.len()
}

fn compare(who: &str, turns: &[Turn], answers: &[String], except: &BTreeMap<String, String>) {
    let mut wrong = Vec::new();
    for (turn, answer) in turns.iter().zip(answers) {
        let name = name(&turn.request);
        let expected = except.get(&name).unwrap_or(&turn.answer);
        if expected != answer {
            wrong.push(format!(
                "{name} {}\n  expected {expected}\n  got      {answer}",
                turn.request.body
            ));
        }
    }
    assert!(wrong.is_empty(), "{who} differs in {}:\n{}", wrong.len(), wrong.join("\n"));
}
