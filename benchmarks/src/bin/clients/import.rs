//! What is posted: lists of decisions as `cscli decisions import` makes them, and alerts of agents.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::connection::{Connection, Server, post};
use super::figures::Cost;

/// The address of a running number.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::from((10 << 24) + u32::try_from(number).unwrap_or(0))
}

/// Posts decisions for 4 hours, each about an address of its own.
pub(crate) fn import(
    server: &Server,
    numbers: Range<usize>,
    batch: usize,
    cost: &Cost,
) -> Result<()> {
    let before = cost.memory()?;
    let mut connection = Connection::open(server)?;
    let mut took = std::time::Duration::ZERO;
    let decisions = numbers.len();
    for first in numbers.clone().step_by(batch.max(1)) {
        let end = numbers.end.min(first + batch);
        let request = post("/v1/alerts", &server.token, &list(first..end));
        let begun = Instant::now();
        connection.exchange(&request)?;
        took += begun.elapsed();
    }
    let (cpu, _) = cost.so_far()?;
    println!(
        "  import of {decisions} decisions, {batch} at once: {:.2} s, {:.2} CPU-seconds; memory {} MB, then {} MB",
        took.as_secs_f64(),
        cpu.as_secs_f64(),
        before >> 20,
        cost.memory()? >> 20,
    );
    Ok(())
}

fn list(numbers: Range<usize>) -> String {
    let now = now();
    let mut decisions = String::new();
    for number in numbers {
        let comma = if decisions.is_empty() { "" } else { "," };
        let value = address(number);
        let _ = write!(
            decisions,
            r#"{comma}{{"duration":"4h","origin":"cscli-import","scenario":"crowdsecurity/ssh-bf","scope":"Ip","type":"ban","value":"{value}"}}"#
        );
    }
    format!(
        r#"[{{"capacity":0,"decisions":[{decisions}],"events":[],"events_count":1,"leakspeed":"","message":"","scenario":"import","scenario_hash":"","scenario_version":"","simulated":false,"source":{{"scope":"","value":""}},"start_at":"{now}","stop_at":"{now}"}}]"#
    )
}

/// An alert about an address that the default profile answers with a ban.
pub(crate) fn alert(value: &str) -> String {
    let now = now();
    format!(
        r#"[{{"capacity":5,"decisions":null,"events":[{{"meta":[{{"key":"source_ip","value":"{value}"}}],"timestamp":"{now}"}}],"events_count":6,"kind":"crowdsec","leakspeed":"10s","message":"m","remediation":true,"scenario":"crowdsecurity/ssh-bf","scenario_hash":"","scenario_version":"","simulated":false,"source":{{"ip":"{value}","scope":"Ip","value":"{value}"}},"start_at":"{now}","stop_at":"{now}"}}]"#
    )
}

/// A list with one ban.
pub(crate) fn ban(value: &str) -> String {
    let now = now();
    format!(
        r#"[{{"capacity":0,"decisions":[{{"duration":"1h","origin":"cscli","scenario":"bench","scope":"Ip","type":"ban","value":"{value}"}}],"events":[],"events_count":1,"leakspeed":"","message":"","scenario":"bench","scenario_hash":"","scenario_version":"","simulated":false,"source":{{"scope":"Ip","value":"{value}"}},"start_at":"{now}","stop_at":"{now}"}}]"#
    )
}

fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = operators::time::EventTime(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
    operators::time::Stamp::utc_at(now).rfc3339_nano()
}
