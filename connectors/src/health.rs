//! How a source or an output is: what `spillway status`, `/readyz` and the metrics show of it. Written
//! by the source, read by anybody. When its trouble begins, when it is over and when it gives up,
//! that is logged, once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// State of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It has not read anything yet.
    Starting,
    /// It reads, or waits for something to read.
    Reading,
    /// It cannot read at the moment and tries again by itself.
    Retrying {
        /// When the trouble began.
        since: Instant,
        /// What is wrong and what to do.
        reason: Arc<str>,
    },
    /// It will not read any more.
    Failed {
        /// What is wrong and what to do.
        reason: Arc<str>,
    },
    /// Everything was read: a finite source.
    Ended,
}

impl State {
    /// One word for labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reading => "reading",
            Self::Retrying { .. } => "retrying",
            Self::Failed { .. } => "failed",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retrying { since, reason } => {
                let elapsed = Duration::from_secs(since.elapsed().as_secs());
                write!(f, "retrying for {elapsed:?}: {reason}")
            }
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            other => f.write_str(other.name()),
        }
    }
}

/// The state of one source or output, shared by all who look at it.
#[derive(Clone, Debug)]
pub struct Health {
    whose: Whose,
    known: Arc<Mutex<Known>>,
}

/// Whose state it is, for the log.
#[derive(Clone, Debug)]
enum Whose {
    /// Nobody's that is logged.
    Nobody,
    /// Of the source with this name.
    Source(Arc<str>),
    /// Of the output with this name.
    Output(Arc<str>),
}

#[derive(Debug)]
struct Known {
    state: State,
    notice: Option<Notice>,
}

/// Something that happened and is over, but that a person must know: records that were lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: SystemTime,
    /// What.
    pub text: Arc<str>,
}

impl Default for Health {
    fn default() -> Self {
        Self::of(Whose::Nobody)
    }
}

impl Health {
    /// The state of a source, which is logged when it changes.
    pub fn of_source(name: Arc<str>) -> Self {
        Self::of(Whose::Source(name))
    }

    /// The state of an output, which is logged when it changes.
    pub fn of_output(name: Arc<str>) -> Self {
        Self::of(Whose::Output(name))
    }

    fn of(whose: Whose) -> Self {
        let known = Known { state: State::Starting, notice: None };
        Self { whose, known: Arc::new(Mutex::new(known)) }
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.known().state.clone()
    }

    /// The last thing that a person must know, if there was any.
    pub fn notice(&self) -> Option<Notice> {
        self.known().notice.clone()
    }

    /// Says something that a person must know. The state stays.
    pub fn note(&self, text: &str) {
        self.known().notice = Some(Notice { at: SystemTime::now(), text: text.into() });
    }

    /// It reads.
    pub fn reading(&self) {
        self.set(|_| State::Reading);
    }

    /// It is in trouble; since when is kept from the first call on.
    pub fn retrying(&self, reason: &str) {
        self.set(|old| {
            let since = match old {
                State::Retrying { since, .. } => *since,
                _ => Instant::now(),
            };
            State::Retrying { since, reason: reason.into() }
        });
    }

    /// It gave up.
    pub fn failed(&self, reason: &str) {
        self.set(|_| State::Failed { reason: reason.into() });
    }

    /// It is through.
    pub fn ended(&self) {
        self.set(|_| State::Ended);
    }

    fn set(&self, next: impl FnOnce(&State) -> State) {
        let mut known = self.known();
        let next = next(&known.state);
        let old = std::mem::replace(&mut known.state, next.clone());
        drop(known);
        self.whose.tell(&old, &next);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Whose {
    /// Logs what a person must know of a change. The same trouble for another reason is no change.
    fn tell(&self, old: &State, new: &State) {
        match (old, new) {
            (State::Retrying { .. }, State::Retrying { .. })
            | (State::Failed { .. }, State::Failed { .. }) => {}
            (_, State::Retrying { reason, .. }) => match self {
                Self::Nobody => {}
                Self::Source(name) => {
                    tracing::warn!(
                        source = &**name,
                        reason = &**reason,
                        "source is in trouble and tries again"
                    );
                }
                Self::Output(name) => tracing::warn!(
                    output = &**name,
                    reason = &**reason,
                    "output is in trouble and tries again; what it misses waits"
                ),
            },
            (_, State::Failed { reason }) => match self {
                Self::Nobody => {}
                Self::Source(name) => {
                    tracing::error!(source = &**name, reason = &**reason, "source gave up");
                }
                Self::Output(name) => {
                    tracing::error!(
                        output = &**name,
                        reason = &**reason,
                        "output gave up; what it misses waits"
                    );
                }
            },
            (State::Retrying { since, .. }, State::Reading) => {
                let trouble = Duration::from_secs(since.elapsed().as_secs());
                match self {
                    Self::Nobody => {}
                    Self::Source(name) => {
                        tracing::info!(source = &**name, ?trouble, "source is out of trouble");
                    }
                    Self::Output(name) => {
                        tracing::info!(output = &**name, ?trouble, "output is out of trouble");
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_dated_from_its_beginning() {
        let health = Health::default();
        health.retrying("a");
        let State::Retrying { since: first, .. } = health.state() else { panic!("retrying") };
        health.retrying("b");
        let State::Retrying { since, reason } = health.state() else { panic!("retrying") };
        assert_eq!((since, &*reason), (first, "b"));
        health.reading();
        assert_eq!(health.state(), State::Reading);
        assert_eq!(health.notice(), None);
        health.note("lost");
        assert_eq!(health.notice().map(|notice| notice.text), Some("lost".into()));
        assert_eq!(health.state(), State::Reading);
    }
}
