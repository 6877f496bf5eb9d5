//! The options that say which lines are read, and what is known of them beforehand.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use clap::Args;
use connectors::{Input, ReadOptions, Reader};
use operators::origin::Origin;

use crate::acquisition::{self, Acquisition};
use crate::hub::environment;
use crate::input::guess::guess;
use crate::transform::Transform;
use crate::zone::Written;

/// So many inputs are not kept open at once.
const MANY: usize = 64;

/// What is read of each of many inputs before the run. Unit: bytes.
const FIRST_OF_MANY: usize = 4 << 10;

/// Which lines are read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Inputs")]
pub struct InputArgs {
    /// Files, globs, directories, or - for standard input; .gz .zst .bz2 .xz are unpacked
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// What writes the lines (the label `type`: syslog, nginx, …); guessed per file without it
    #[arg(long = "type", value_name = "T", conflicts_with = "acquisition")]
    pub kind: Option<String>,
    /// Labels by file name, from an acquis.yaml or acquis.d of CrowdSec
    #[arg(long, value_name = "PATH")]
    pub acquisition: Vec<PathBuf>,
    /// Zone of dates that say none: UTC, local (this host's), or a name such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub timezone: Written,
    /// Another label
    #[arg(long = "label", value_name = "K=V", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Longer lines are rejected and counted. Unit: bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub max_line: usize,
    /// How much is read at once; changes no result. Unit: bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 16, hide = true)]
    pub batch: usize,
}

/// Parses `--label`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').or_else(|| text.split_once(':'));
    let (key, value) = pair.ok_or("write it as NAME=VALUE")?;
    Ok((key.into(), value.into()))
}

/// An input with what is known of it.
#[derive(Debug)]
pub struct Described {
    /// Its lines.
    pub reader: Reader,
    /// What events of it show.
    pub origin: Origin,
    /// Why it has its type.
    pub reason: String,
    /// What makes other lines of its lines.
    pub transform: Option<Arc<Transform>>,
}

/// All inputs.
#[derive(Debug)]
pub struct Inputs {
    /// In the order as given, directories by path.
    pub all: Vec<Described>,
    /// What could not be found.
    pub errors: Vec<String>,
    /// Bytes on disk, where all are files.
    pub size: Option<u64>,
    /// Counts bytes as they are read from disk.
    pub meter: Arc<AtomicU64>,
}

impl InputArgs {
    /// Finds the inputs and what is known of each.
    ///
    /// # Errors
    /// The acquisition file is broken, or nothing is there to read.
    pub fn open(&self) -> anyhow::Result<Inputs> {
        let resolved = connectors::resolve(&self.paths);
        let errors: Vec<_> = resolved.errors.iter().map(ToString::to_string).collect();
        if resolved.inputs.is_empty() {
            anyhow::bail!("nothing to read: {}", errors.join("; "));
        }
        let acquisition = self.acquisition()?;
        let meter = Arc::new(AtomicU64::new(0));
        let size = resolved.size();
        let mut all = Vec::with_capacity(resolved.inputs.len());
        let many = resolved.inputs.len() > MANY;
        for input in &resolved.inputs {
            let reader = Reader::new(input, self.options(many), Arc::clone(&meter));
            all.push(self.describe(input, acquisition.as_ref(), reader, many));
        }
        Ok(Inputs { all, errors, size, meter })
    }

    pub(super) fn options(&self, many: bool) -> ReadOptions {
        let first = if many { FIRST_OF_MANY } else { ReadOptions::default().first_chunk };
        let first = first.min(self.batch);
        ReadOptions { max_line: self.max_line, chunk: self.batch, first_chunk: first }
    }

    fn acquisition(&self) -> anyhow::Result<Option<Acquisition>> {
        if self.acquisition.is_empty() {
            return Ok(None);
        }
        let read = acquisition::load(&self.acquisition, &environment::process);
        let report = crate::report::Report::for_stderr();
        eprint!("{}", report.all(&read.errors, &read.warnings));
        anyhow::ensure!(read.errors.is_empty(), "the acquisition does not load");
        Ok(Some(read.acquisition))
    }

    pub(super) fn describe(
        &self,
        input: &Input,
        acquisition: Option<&Acquisition>,
        mut reader: Reader,
        many: bool,
    ) -> Described {
        let mut labels: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        let from_file = input.path().and_then(|path| acquisition?.source_of(path));
        let reason = match (&self.kind, from_file) {
            (Some(_), _) => "given".to_owned(),
            (None, Some(source)) => {
                let own = source.labels.iter();
                labels.extend(own.map(|(key, value)| (key.as_str().into(), value.as_str().into())));
                "from the acquisition file".to_owned()
            }
            (None, None) => Self::guess(input, &mut reader, &mut labels, many),
        };
        for (key, value) in &self.labels {
            labels.insert(key.as_str().into(), value.as_str().into());
        }
        if let Some(kind) = &self.kind {
            labels.insert("type".into(), kind.as_str().into());
        }
        let source = Arc::clone(&input.name);
        let Written(zone) = from_file.and_then(|source| source.zone).unwrap_or(self.timezone);
        let origin = Origin { source, labels: Arc::new(labels), module: "file", zone };
        let transform = from_file.and_then(|source| source.transform.clone());
        Described { reader, origin, reason, transform }
    }

    fn guess(
        input: &Input,
        reader: &mut Reader,
        labels: &mut BTreeMap<Arc<str>, Arc<str>>,
        many: bool,
    ) -> String {
        let beginning = reader.peek();
        let lines = beginning.into_iter().flat_map(connectors::Chunk::records);
        let guessed = guess(&input.name, lines.map(|record| record.line()));
        if many {
            reader.park();
        }
        labels.insert("type".into(), guessed.label.into());
        if let Some(program) = guessed.program {
            labels.insert("program".into(), program.into());
        }
        guessed.reason
    }
}
