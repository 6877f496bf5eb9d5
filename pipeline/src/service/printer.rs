//! Prints what is decided, a line each, once it is kept. In: numbers of messages in the outbox. Out:
//! text for people on standard output.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::emit::Stream;
use crate::live::record;
use crate::state::{Store, StoreError};

/// Tells the printer how far the outbox goes.
pub type Bell = Sender<u64>;

/// Prints from now on; ends when its bell is gone.
///
/// # Errors
/// The store cannot be read.
pub fn start(store: Arc<Store>) -> Result<(Bell, io::Result<JoinHandle<()>>), StoreError> {
    let next = record::next_message(&store)?;
    let (bell, rung) = channel();
    let thread = std::thread::Builder::new().name("printer".to_owned());
    let thread = thread.spawn(move || {
        if let Err(error) = print(&store, next, &rung) {
            tracing::error!(%error, "decisions are not printed any more");
        }
    });
    Ok((bell, thread))
}

fn print(store: &Store, mut next: u64, rung: &Receiver<u64>) -> io::Result<()> {
    while let Ok(mut until) = rung.recv() {
        until = rung.try_iter().last().unwrap_or(until);
        let mut out = io::stdout().lock();
        for message in record::messages(store, next).take_while(|m| within(m, until)) {
            let (_, message) = message.map_err(io::Error::other)?;
            let text = message.payload.filter(|_| message.stream == Stream::Alerts);
            if let Some(alert) = text.and_then(|text| serde_json::from_str(&text).ok()) {
                writeln!(out, "{}", line(&alert))?;
            }
        }
        out.flush()?;
        next = until;
    }
    Ok(())
}

fn within<T>(message: &Result<(u64, T), StoreError>, until: u64) -> bool {
    message.as_ref().map_or(true, |(number, _)| *number < until)
}

/// An alert with its decisions as a line.
fn line(alert: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let source = &alert["source"];
    let mut line = format!(
        "{}  {} {}  {}  {} events",
        text(&alert["stop_at"]),
        text(&source["scope"]),
        text(&source["value"]),
        text(&alert["scenario"]),
        alert["events_count"],
    );
    for decision in alert["decisions"].as_array().into_iter().flatten() {
        line += &format!("  → {} for {}", text(&decision["type"]), text(&decision["duration"]));
    }
    // What an attacker wrote must not steer a terminal.
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_one_line() {
        let alert = serde_json::json!({
            "stop_at": "2026-01-02T03:04:05Z", "scenario": "a/b", "events_count": 6,
            "source": {"scope": "Ip", "value": "1.2.3.4\n\u{1b}[2J"},
            "decisions": [{"type": "ban", "duration": "4h"}, {"type": "captcha", "duration": "1h"}],
        });
        let expected = "2026-01-02T03:04:05Z  Ip 1.2.3.4\u{fffd}\u{fffd}[2J  a/b  6 events  \
                        → ban for 4h  → captcha for 1h";
        assert_eq!(line(&alert), expected);
    }
}
