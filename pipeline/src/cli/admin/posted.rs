//! The alert that carries what a person decides, by hand or from a file.

use serde_json::{Value, json};

use crate::cli::clock;

/// An alert that a person posts.
pub(super) fn posted(scenario: &str, message: &str, source: &Value, decisions: &[Value]) -> Value {
    let now = clock::present().rfc3339();
    json!({
        "capacity": 0, "decisions": decisions, "events": [], "events_count": decisions.len(),
        "kind": "cscli", "leakspeed": "0", "message": message, "remediation": true,
        "scenario": scenario, "scenario_hash": "", "scenario_version": "", "simulated": false,
        "source": source, "start_at": now, "stop_at": now, "created_at": now,
    })
}
