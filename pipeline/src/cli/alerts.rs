//! Prints alerts and decisions as they come, in each format.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use operators::alert::wire::WireAlert;
use operators::alert::{Alert, Decision};
use operators::place::Partition;

use super::Format;

/// What detected the alerts, as `machine_id` says.
const MACHINE: &str = "spillway";

/// Writes alerts.
pub struct Printer<W> {
    /// Where it goes.
    pub to: W,
    format: Format,
    decisions_only: bool,
    names: Vec<Arc<str>>,
    /// Alerts so far, by scenario.
    pub alerts: BTreeMap<String, u64>,
    /// Decisions so far.
    pub decisions: u64,
    begun: bool,
}

impl<W> std::fmt::Debug for Printer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer").field("format", &self.format).finish_non_exhaustive()
    }
}

impl<W: Write> Printer<W> {
    /// A printer that calls source partitions by these names.
    pub fn new(to: W, format: Format, decisions_only: bool, names: Vec<Arc<str>>) -> Self {
        let alerts = BTreeMap::new();
        Self { to, format, decisions_only, names, alerts, decisions: 0, begun: false }
    }

    /// Writes one alert.
    ///
    /// # Errors
    /// The output does not take it.
    pub fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        *self.alerts.entry(alert.scenario.to_string()).or_default() += 1;
        self.decisions += alert.decisions.len() as u64;
        match (self.format, self.decisions_only) {
            (Format::Json, false) => self.json(alert),
            (Format::Json, true) => self.json_decisions(alert),
            (Format::Human, false) => self.human(alert),
            (Format::Human, true) => self.human_decisions(alert),
            (Format::Raw, false) => self.raw(alert),
            (Format::Raw, true) => self.raw_decisions(alert),
        }
    }

    fn json(&mut self, alert: &Alert) -> io::Result<()> {
        let names = &self.names;
        let name = |partition: Partition| {
            names.get(partition.0 as usize).cloned().unwrap_or_else(|| "".into())
        };
        serde_json::to_writer(&mut self.to, &WireAlert::new(alert, MACHINE, &name))?;
        self.to.write_all(b"\n")
    }

    fn json_decisions(&mut self, alert: &Alert) -> io::Result<()> {
        for decision in operators::alert::wire::decisions(&alert.decisions) {
            serde_json::to_writer(&mut self.to, &decision)?;
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn human(&mut self, alert: &Alert) -> io::Result<()> {
        let who = source(alert);
        let line = format!(
            "{}  {who}  {}  {} events",
            alert.stop_at.rfc3339(),
            alert.scenario,
            alert.events_count,
        );
        write!(self.to, "{}", printable(&line))?;
        for decision in &alert.decisions {
            write!(self.to, "  → {}", printable(&verdict(decision)))?;
        }
        writeln!(self.to)
    }

    fn human_decisions(&mut self, alert: &Alert) -> io::Result<()> {
        for decision in &alert.decisions {
            let line = format!(
                "{}  {} {}  {}  because of {}",
                alert.stop_at.rfc3339(),
                decision.scope,
                decision.value,
                verdict(decision),
                decision.scenario,
            );
            writeln!(self.to, "{}", printable(&line))?;
        }
        Ok(())
    }

    fn raw(&mut self, alert: &Alert) -> io::Result<()> {
        self.head("stop_at,scope,value,scenario,events_count,start_at,country,as,decisions")?;
        let decisions: Vec<_> = alert.decisions.iter().map(verdict).collect();
        let source = &alert.source;
        let fields: [&str; 9] = [
            &alert.stop_at.rfc3339(),
            &*source.scope,
            &*source.value,
            &*alert.scenario,
            &alert.events_count.to_string(),
            &alert.start_at.rfc3339(),
            &*source.cn,
            &format!("{} {}", source.as_number, source.as_name),
            &decisions.join(";"),
        ];
        self.row(&fields)
    }

    fn raw_decisions(&mut self, alert: &Alert) -> io::Result<()> {
        self.head("id,scope,value,type,duration,reason,simulated")?;
        for decision in &alert.decisions {
            let fields: [&str; 7] = [
                &decision.id.to_string(),
                &decision.scope,
                &decision.value,
                &decision.kind,
                &decision.duration,
                &decision.scenario,
                if decision.simulated { "true" } else { "false" },
            ];
            self.row(&fields)?;
        }
        Ok(())
    }

    fn head(&mut self, head: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        writeln!(self.to, "{head}")
    }

    fn row(&mut self, fields: &[&str]) -> io::Result<()> {
        let quoted: Vec<_> = fields.iter().map(|field| csv(field.trim())).collect();
        writeln!(self.to, "{}", quoted.join(","))
    }
}

fn source(alert: &Alert) -> String {
    let source = &alert.source;
    let mut text = format!("{} {}", source.scope, source.value);
    if !source.cn.is_empty() {
        text.push_str(&format!(" ({})", source.cn));
    }
    text
}

fn verdict(decision: &Decision) -> String {
    let kind = &decision.kind;
    let pretended = if decision.simulated { " (simulated)" } else { "" };
    format!("{kind} for {}{pretended}", decision.duration)
}

/// Texts from logs must not steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A field as RFC 4180 wants it.
pub(super) fn csv(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
