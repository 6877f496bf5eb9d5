//! The journal of systemd, read by its `journalctl`: the `journalctl` source.
//!
//! # Delivery
//! At least once; exactly once with the pipeline. While the service is busy, `journalctl` waits. What
//! the journal has rotated away meanwhile is lost.
//!
//! # Order
//! One lane, `journal`, in the order in which `journalctl` gives the entries. Offsets are a running
//! number.
//!
//! # Resume point
//! The cursor of the last entry, or the time of the first start while there was none.
//!
//! # Metrics
//! Lines, bytes, repaired lines; rejects: `line too long`; retries (times that `journalctl` was started
//! again).
//!
//! What a line looks like: `line.rs`.

mod child;
pub mod export;
mod line;

use std::path::PathBuf;

use crate::source::{Context, Source, SourceError};

/// Name of the module, as CrowdSec calls it, and of the lane.
const MODULE: &str = "journalctl";
const LANE: &str = "journal";

/// What of the journal to read.
#[derive(Clone, Debug)]
pub struct Config {
    /// Arguments of `journalctl`, verbatim: `_SYSTEMD_UNIT=ssh.service`, `--user`, …
    pub filter: Vec<String>,
    /// Whether new entries are waited for. Default: they are.
    pub follow: bool,
    /// Whether a first start begins with the oldest entry. Default: with the next one.
    pub from_beginning: bool,
    /// A directory of journal files instead of this host's.
    pub directory: Option<PathBuf>,
    /// Journal files instead of this host's.
    pub files: Vec<PathBuf>,
    /// The program. Default: `journalctl`.
    pub program: PathBuf,
    /// Longest message; what is longer is counted and left out. Default: 1 MiB. Unit: bytes.
    pub max_line: usize,
    /// How much text waits to be kept. Default: 16 MiB. Unit: bytes.
    pub window_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            filter: Vec::new(),
            follow: true,
            from_beginning: false,
            directory: None,
            files: Vec::new(),
            program: "journalctl".into(),
            max_line: 1 << 20,
            window_bytes: 16 << 20,
        }
    }
}

/// The source.
#[derive(Debug)]
pub struct Journalctl {
    config: Config,
}

impl Journalctl {
    /// A source of journal entries.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl Source for Journalctl {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let runtime = context.runtime.clone();
        runtime.block_on(child::Follower::new(self.config, context).run())
    }
}
