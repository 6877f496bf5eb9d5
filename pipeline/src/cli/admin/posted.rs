//! The alert that carries what a person decides, by hand or from a file.

use serde::Serialize;
use serde_json::Value;

use crate::cli::clock;

/// An alert that a person posts, with its decisions.
#[derive(Debug, Serialize)]
pub(super) struct Posted<'a, D> {
    capacity: i32,
    decisions: &'a [D],
    events: [(); 0],
    events_count: usize,
    kind: &'static str,
    leakspeed: &'static str,
    message: &'a str,
    remediation: bool,
    scenario: &'a str,
    scenario_hash: &'static str,
    scenario_version: &'static str,
    simulated: bool,
    source: &'a Value,
    start_at: String,
    stop_at: String,
    created_at: String,
}

impl<'a, D: Serialize> Posted<'a, D> {
    /// One of now.
    pub(super) fn new(
        scenario: &'a str,
        message: &'a str,
        source: &'a Value,
        decisions: &'a [D],
    ) -> Self {
        let now = clock::present().rfc3339();
        Self {
            capacity: 0,
            decisions,
            events: [],
            events_count: decisions.len(),
            kind: "cscli",
            leakspeed: "0",
            message,
            remediation: true,
            scenario,
            scenario_hash: "",
            scenario_version: "",
            simulated: false,
            source,
            start_at: now.clone(),
            stop_at: now.clone(),
            created_at: now,
        }
    }
}
