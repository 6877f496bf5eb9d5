//! Prints what is decided, a line each, once it is kept. In: what a run shows of itself. Out: text for
//! people on standard output.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use operators::time::Stamp;

use crate::live::insight::{Found, Insight};

/// Alerts that wait to be printed. Whoever reads slower misses some, and detection waits for nobody.
const WAITING: usize = 10_000;

/// Prints what is found from now on, until [`Insight::hush`].
///
/// # Errors
/// No thread can be started.
pub fn start(insight: &Insight) -> io::Result<JoinHandle<()>> {
    let (listener, found) = sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("printer".to_owned());
    let thread = thread.spawn(move || {
        if let Err(error) = print(&found) {
            tracing::warn!(%error, "decisions are not printed any more");
        }
    })?;
    insight.tell(listener);
    Ok(thread)
}

fn print(found: &Receiver<Found>) -> io::Result<()> {
    while let Ok(first) = found.recv() {
        let mut out = io::stdout().lock();
        for found in std::iter::once(first).chain(found.try_iter()) {
            writeln!(out, "{}", line(&found))?;
        }
        out.flush()?;
    }
    Ok(())
}

/// An alert with its decisions as a line.
fn line(found: &Found) -> String {
    let at = Stamp::utc_at(found.at).rfc3339();
    let Found { scope, value, scenario, events, .. } = found;
    let mut line = format!("{at}  {scope} {value}  {scenario}  {events} events");
    for decision in &found.decisions {
        line += &format!("  → {} for {}", decision.kind, decision.duration);
    }
    // What an attacker wrote must not steer a terminal.
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use operators::alert::Decision;
    use operators::time::EventTime;

    use super::*;

    #[test]
    fn an_alert_is_one_line() {
        let decision = Decision {
            id: 1,
            origin: "crowdsec".into(),
            kind: "ban".into(),
            scope: "Ip".into(),
            value: "1.2.3.4".into(),
            duration: "4h".into(),
            until: EventTime(0),
            scenario: "a/b".into(),
            simulated: false,
        };
        let found = Found {
            partition: None,
            at: EventTime(1_767_323_045_000_000_000),
            scenario: "a/b".into(),
            scope: "Ip".into(),
            value: "1.2.3.4\n\u{1b}[2J".into(),
            events: 6,
            decisions: vec![decision],
        };
        let expected = "2026-01-02T03:04:05Z  Ip 1.2.3.4\u{fffd}\u{fffd}[2J  a/b  6 events  \
                        → ban for 4h";
        assert_eq!(line(&found), expected);
    }
}
