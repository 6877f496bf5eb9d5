//! The engine on a thread of its own: one generation after the other, until it is told to end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::detection::Detection;
use crate::live::command::Command;
use crate::live::engine::{Engine, EngineError, Handles};

/// How often the engine is told again that it is to end: the start of a generation makes it forget.
const REMIND: Duration = Duration::from_millis(20);

/// What comes after the present generation.
#[derive(Debug, Default)]
struct Plan {
    next: Option<Detection>,
    ending: bool,
}

/// An engine that runs.
#[derive(Debug)]
pub struct Detecting {
    handles: Handles,
    plan: Arc<Mutex<Plan>>,
    thread: JoinHandle<Result<Vec<Arc<str>>, EngineError>>,
    ended: watch::Receiver<bool>,
}

/// What others do with it while it runs.
#[derive(Clone, Debug)]
pub struct Remote {
    handles: Handles,
    plan: Arc<Mutex<Plan>>,
}

impl Detecting {
    /// Detects with `rules` from now on.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(engine: Engine, rules: Detection) -> Result<Self, EngineError> {
        let handles = engine.handles().clone();
        let plan = Arc::new(Mutex::new(Plan { next: Some(rules), ending: false }));
        let (end, ended) = watch::channel(false);
        let shared = Arc::clone(&plan);
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let result = detect(engine, &shared);
            end.send_replace(true);
            result
        });
        let thread = thread.map_err(|error| EngineError::Threads(error.to_string()))?;
        Ok(Self { handles, plan, thread, ended })
    }

    /// What others reach it by.
    pub fn remote(&self) -> Remote {
        Remote { handles: self.handles.clone(), plan: Arc::clone(&self.plan) }
    }

    /// Becomes true when it has ended, whyever.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }

    /// Ends it: what was read goes through if that is quick, what is through is kept. The sources
    /// that did not end; `None` if all of it takes longer than `at_most`.
    ///
    /// # Errors
    /// It had failed, or does now.
    pub fn end(self, at_most: Duration) -> Result<Option<Vec<Arc<str>>>, EngineError> {
        locked(&self.plan).ending = true;
        let until = Instant::now() + at_most;
        self.handles.stop.now();
        while !self.thread.is_finished() {
            if Instant::now() > until {
                return Ok(None);
            }
            // A finish that somebody else ordered is not taken back.
            if self.handles.progress.commanded.get() == Command::Go {
                self.handles.say(Command::Drain);
            }
            std::thread::sleep(REMIND);
        }
        let end = self.thread.join();
        end.map_err(|_| EngineError::Worker("the engine panicked".to_owned()))?.map(Some)
    }
}

impl Remote {
    /// Goes on with other rules, from the next epoch on.
    pub fn replace(&self, rules: Detection) {
        locked(&self.plan).next = Some(rules);
        self.handles.say(Command::Finish);
    }

    /// The engine's handles.
    pub fn handles(&self) -> &Handles {
        &self.handles
    }
}

fn detect(mut engine: Engine, plan: &Mutex<Plan>) -> Result<Vec<Arc<str>>, EngineError> {
    while let Some(rules) = following(plan) {
        engine = engine.generation(&rules)?;
    }
    Ok(engine.end())
}

/// The rules of the next generation, if there is to be one.
fn following(plan: &Mutex<Plan>) -> Option<Detection> {
    let mut plan = locked(plan);
    plan.next.take().filter(|_| !plan.ending)
}

fn locked(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}
