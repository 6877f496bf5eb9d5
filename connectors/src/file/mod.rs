//! Files, followed through rotations: the `file` source.
//!
//! # Delivery
//! At least once; exactly once with the pipeline, which leaves out what it has kept. Nothing is lost
//! while the disk holds it: a rotated file is read to its end wherever it went (renamed, copied and
//! cut, compressed meanwhile), also after a time in which the service did not run. What a program
//! writes to a rotated file later than [`Config::rotation_grace`] is not seen.
//!
//! # Order
//! A lane per path. Its lines are those of the files that were at this path, one after the other, as
//! one text; which lines come, and their offsets, do not depend on when the service looks. A line
//! without its end waits for it.
//!
//! # Resume point
//! Inode, first bytes and byte offset of the file, and how many bytes the files before it had
//! (`place.rs`).
//!
//! # Metrics
//! Lines, bytes, repaired lines; rejects: `line too long`, `not unpackable`; `missed_records` for each
//! file that was gone before it was read to its end; sessions (files begun); `lag_bytes`,
//! `open_inputs`.
//!
//! ```text
//! pattern ─ discover ─▶ paths ─ follow (watch) ─▶ tail (input, turn: past, rotation) ─▶ Lane
//! ```

mod config;
mod discover;
mod follow;
mod head;
mod input;
mod lanes;
mod line;
mod opening;
mod past;
mod pattern;
mod place;
mod rotation;
mod schedule;
mod tail;
mod turn;
mod watch;

pub use config::{Config, ConfigError, Mode, Start, Watching};
pub use line::line_at;
pub use pattern::PatternError;

use std::path::PathBuf;

use crate::source::{Context, Source, SourceError};
use discover::Selection;

/// Name of the module, as CrowdSec calls it.
const MODULE: &str = "file";

/// The source.
#[derive(Debug)]
pub struct File {
    config: Config,
    selection: Selection,
}

impl File {
    /// A source of files.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let selection = config.selection()?;
        Ok(Self { config, selection })
    }

    /// The files that it would read now, in their order.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let mut found = self.selection.walk();
        if self.config.mode == Mode::Tail {
            self.selection.keep_logs(&mut found.files, |_| false);
        }
        found.files.into_keys()
    }
}

impl Source for File {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        follow::Follower::new(self.config, self.selection, context).run();
        Ok(())
    }
}
