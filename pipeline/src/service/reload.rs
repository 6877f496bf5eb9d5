//! Takes up other rules while the service runs: loaded and compiled aside, then put in place at an
//! epoch. What is broken is refused, and the old ones go on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::{TRACE, crash};
use operators::time::Stamp;
use tracing::field::Empty;

use super::detecting::Remote;
use super::rules::{self, Broken};
use super::status::RulesStatus;
use crate::cli::rules::{Loaded, RuleArgs};
use crate::judge::ToJudge;
use crate::live::names::Names;
use crate::report::Report;

/// Says which rules are to run now: the configuration may have changed.
pub type WhichRules = dyn Fn() -> Result<Wanted, String> + Send + Sync;

/// What a configuration wants of a running service.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The rules that it wants.
    pub rules: RuleArgs,
    /// Keys that changed and wait for a restart.
    pub waiting: Vec<&'static str>,
}

/// Takes up rules.
pub struct Reloader {
    which: Arc<WhichRules>,
    names: Arc<Names>,
    engine: Option<Remote>,
    judge: ToJudge,
    status: Mutex<RulesStatus>,
    /// One at a time.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reloader {
    /// For an engine, if there is one, and its judge, which run with `loaded`.
    pub fn new(
        which: Arc<WhichRules>,
        names: Arc<Names>,
        (engine, judge): (Option<Remote>, ToJudge),
        loaded: &Loaded,
    ) -> Self {
        let status = Mutex::new(described(loaded, 0));
        Self { which, names, engine, judge, status, turn: Mutex::default() }
    }

    /// The rules that run.
    pub fn status(&self) -> RulesStatus {
        self.locked().clone()
    }

    /// Loads the rules and takes them up; may take seconds.
    ///
    /// # Errors
    /// They are broken: nothing has changed.
    pub fn reload(&self) -> Result<RulesStatus, Broken> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let span = tracing::info_span!(target: TRACE, "reload", taken = Empty);
        let _entered = span.enter();
        let wanted = (self.which)().map_err(|report| Broken { report });
        let loaded = wanted.and_then(|Wanted { rules, waiting }| {
            self.say_what_waits(&waiting);
            rules::load(&rules, &self.names, Report::default())
        });
        span.record("taken", loaded.is_ok());
        match loaded {
            Ok(loaded) => {
                crash::point("reload-loaded");
                Ok(self.take(&loaded))
            }
            Err(broken) => {
                let first = broken.report.lines().next().unwrap_or_default().to_owned();
                tracing::error!(error = first, "the new rules do not load: the old ones go on");
                self.locked().refused = Some(first);
                Err(broken)
            }
        }
    }

    fn take(&self, loaded: &Loaded) -> RulesStatus {
        let detection = loaded.detection();
        self.judge.rules(detection.clone());
        crash::point("reload-judge-told");
        if let Some(engine) = &self.engine {
            engine.replace(detection);
            crash::point("reload-engine-told");
        }
        let mut status = self.locked();
        let waiting = std::mem::take(&mut status.waiting);
        *status = RulesStatus { waiting, ..described(loaded, status.reloads + 1) };
        let RulesStatus { parsers, scenarios, .. } = &*status;
        tracing::info!(parsers, scenarios, "other rules run from now on");
        status.clone()
    }

    fn say_what_waits(&self, waiting: &[&str]) {
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            tracing::warn!(keys, "the configuration changed in what a restart takes up");
        }
        self.locked().waiting = waiting.iter().map(|key| (*key).to_owned()).collect();
    }

    fn locked(&self) -> MutexGuard<'_, RulesStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn described(loaded: &Loaded, reloads: u64) -> RulesStatus {
    RulesStatus {
        parsers: loaded.rules.parsers.nodes.len() as u64,
        scenarios: loaded.rules.catalogue.scenarios().len() as u64,
        loaded: Stamp::utc_at(crate::live::pace::wall()).rfc3339(),
        reloads,
        refused: None,
        waiting: Vec::new(),
    }
}
