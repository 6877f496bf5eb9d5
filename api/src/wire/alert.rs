//! Alerts as `GET /v1/alerts` shows them: fields in the order and with the gaps of CrowdSec 1.7.8.

use std::sync::Arc;

use operators::alert::Source;
use operators::time::layout::parse_rfc3339;

use super::text::{duration, rfc3339, seconds_left, string};
use crate::archive::KeptAlert;
use crate::record::Record;

/// Appends an alert. `machine` is who found it as clients are to see it, `decisions` says whether
/// its decisions are wanted.
pub fn write(out: &mut Vec<u8>, kept: &KeptAlert, machine: &str, decisions: bool, now: i64) {
    let alert = &kept.alert;
    out.extend_from_slice(b"{\"capacity\":");
    number(out, alert.capacity.into());
    out.extend_from_slice(b",\"created_at\":");
    string(out, &rfc3339(kept.created));
    out.extend_from_slice(b",\"decisions\":");
    let shown = if decisions { kept.decisions.as_slice() } else { &[] };
    list(out, shown, |out, record| write_decision(out, record, now));
    out.extend_from_slice(b",\"events\":");
    list(out, &alert.events, |out, event| {
        out.extend_from_slice(b"{\"meta\":");
        write_meta(out, &event.meta);
        out.extend_from_slice(b",\"timestamp\":");
        let time = parse_rfc3339(&event.timestamp).map(|stamp| stamp.to_utc().to_string());
        string(out, time.as_deref().unwrap_or(&event.timestamp));
        out.push(b'}');
    });
    out.extend_from_slice(b",\"events_count\":");
    number(out, alert.events_count.into());
    out.extend_from_slice(b",\"id\":");
    number(out, i64::try_from(kept.id).unwrap_or(i64::MAX));
    text(out, "kind", &kept.kind, true);
    out.extend_from_slice(b",\"labels\":null");
    text(out, "leakspeed", &alert.leakspeed, false);
    text(out, "machine_id", machine, true);
    text(out, "message", &alert.message, false);
    if !alert.meta.is_empty() {
        out.extend_from_slice(b",\"meta\":");
        write_meta(out, &alert.meta);
    }
    if alert.remediation {
        out.extend_from_slice(b",\"remediation\":true");
    }
    text(out, "scenario", &alert.scenario, false);
    text(out, "scenario_hash", &alert.scenario_hash, false);
    text(out, "scenario_version", &alert.scenario_version, false);
    out.extend_from_slice(b",\"simulated\":");
    out.extend_from_slice(if kept.is_simulated() { b"true" } else { b"false" });
    out.extend_from_slice(b",\"source\":");
    write_source(out, &alert.source);
    text(out, "start_at", &rfc3339(alert.start_at.at.0), false);
    text(out, "stop_at", &rfc3339(alert.stop_at.at.0), false);
    text(out, "uuid", &alert.identity().uuid(), true);
    out.push(b'}');
}

fn write_decision(out: &mut Vec<u8>, record: &Record, now: i64) {
    out.extend_from_slice(b"{\"duration\":\"");
    duration(out, seconds_left(record.until, now));
    out.extend_from_slice(b"\",\"id\":");
    number(out, i64::try_from(record.id).unwrap_or(i64::MAX));
    text(out, "origin", &record.origin, false);
    text(out, "scenario", &record.scenario, false);
    text(out, "scope", &record.scope, false);
    out.extend_from_slice(b",\"simulated\":");
    out.extend_from_slice(if record.simulated { b"true" } else { b"false" });
    text(out, "type", &record.kind, false);
    text(out, "value", &record.value, false);
    out.push(b'}');
}

fn write_meta(out: &mut Vec<u8>, meta: &[(Arc<str>, Arc<str>)]) {
    out.push(b'[');
    for (place, (key, value)) in meta.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"{" } else { b",{" });
        if !key.is_empty() {
            out.extend_from_slice(b"\"key\":");
            string(out, key);
        }
        if !value.is_empty() {
            out.extend_from_slice(if key.is_empty() { b"\"value\":" } else { b",\"value\":" });
            string(out, value);
        }
        out.push(b'}');
    }
    out.push(b']');
}

fn write_source(out: &mut Vec<u8>, source: &Source) {
    let begin = out.len();
    text(out, "as_name", &source.as_name, true);
    text(out, "as_number", &source.as_number, true);
    text(out, "cn", &source.cn, true);
    text(out, "ip", &source.ip, true);
    for (name, degrees) in [("latitude", source.latitude), ("longitude", source.longitude)] {
        if degrees != 0.0 && degrees.is_finite() {
            out.extend_from_slice(format!(",\"{name}\":{degrees}").as_bytes());
        }
    }
    text(out, "range", &source.range, true);
    text(out, "scope", &source.scope, false);
    text(out, "value", &source.value, false);
    out.push(b'}');
    // The first field has no comma before it.
    if let Some(first) = out.get_mut(begin) {
        *first = b'{';
    }
}

fn text(out: &mut Vec<u8>, name: &str, value: &str, omit_empty: bool) {
    if omit_empty && value.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    string(out, value);
}

fn number(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A list, `null` where it is empty.
fn list<T>(out: &mut Vec<u8>, items: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    if items.is_empty() {
        return out.extend_from_slice(b"null");
    }
    for (place, item) in items.iter().enumerate() {
        out.push(if place == 0 { b'[' } else { b',' });
        each(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_written_as_recorded() {
        let body = r#"[{"capacity":0,"created_at":"2026-11-21T03:18:13Z","decisions":[{"duration":"5m","origin":"cscli","scenario":"manual","scope":"Ip","type":"ban","value":"198.51.100.7"}],"events":[{"meta":[{"key":"k","value":"v"}],"timestamp":"2026-11-21T03:18:04.5Z"}],"events_count":1,"kind":"cscli","labels":null,"leakspeed":"0","message":"manual","remediation":true,"scenario":"manual","scenario_hash":"","scenario_version":"","simulated":false,"source":{"ip":"198.51.100.7","latitude":48.8,"scope":"Ip","value":"198.51.100.7"},"start_at":"2026-11-21T03:18:13Z","stop_at":"2026-11-21T03:18:13Z"}]"#;
        let posted = crate::wire::posted::read(body.as_bytes(), 0, "n").unwrap().remove(0);
        let at = posted.alert.stop_at.at.0;
        let decision = &posted.alert.decisions[0];
        let record = Record {
            id: 3,
            hash: decision.id,
            alert: 3,
            until: decision.until.0,
            origin: Arc::clone(&decision.origin),
            kind: Arc::clone(&decision.kind),
            scope: Arc::clone(&decision.scope),
            value: Arc::clone(&decision.value),
            scenario: Arc::clone(&decision.scenario),
            simulated: false,
        };
        let uuid = posted.alert.identity().uuid();
        let kept = KeptAlert {
            id: 3,
            created: at,
            machine: "bench".into(),
            kind: posted.kind,
            alert: posted.alert,
            decisions: vec![record],
        };
        let mut out = Vec::new();
        write(&mut out, &kept, "bench", true, at + 700_000_000);
        let expected = r#"{"capacity":0,"created_at":"2026-11-21T03:18:13Z","decisions":[{"duration":"4m59s","id":3,"origin":"cscli","scenario":"manual","scope":"Ip","simulated":false,"type":"ban","value":"198.51.100.7"}],"events":[{"meta":[{"key":"k","value":"v"}],"timestamp":"2026-11-21 03:18:04.5 +0000 UTC"}],"events_count":1,"id":3,"kind":"cscli","labels":null,"leakspeed":"0","machine_id":"bench","message":"manual","remediation":true,"scenario":"manual","scenario_hash":"","scenario_version":"","simulated":false,"source":{"ip":"198.51.100.7","latitude":48.8,"scope":"Ip","value":"198.51.100.7"},"start_at":"2026-11-21T03:18:13Z","stop_at":"2026-11-21T03:18:13Z","uuid":""#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}{uuid}\"}}"));
    }
}
