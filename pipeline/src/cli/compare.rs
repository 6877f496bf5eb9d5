//! `spillway replay --compare`: what another rule set would add, remove and change over the same
//! logs.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use operators::compare::{self, About, Found};

use super::changes;
use super::replay::Replay;
use super::rules::RuleArgs;
use crate::input::progress::Progress;
use crate::report::Report;

/// Runs both rule sets, one after the other, and prints the differences.
///
/// # Errors
/// Rules that do not load, inputs that cannot be read twice, or an output that takes nothing.
pub fn run(replay: &Replay) -> anyhow::Result<ExitCode> {
    let stdin = replay.inputs.paths.iter().any(|path| path.as_os_str() == "-");
    anyhow::ensure!(!stdin, "--compare reads the logs twice: give files instead of -");
    crate::input::limit::raise_open_files();
    // Both see the same clock.
    let now = replay.rules.now.unwrap_or_else(super::clock::present);
    let before = RuleArgs { now: Some(now), ..replay.rules.clone() };
    let after = RuleArgs { rules: replay.compare.clone(), ..before.clone() };
    let (before, first_errors) = alerts(replay, &before)?;
    let (after, errors) = alerts(replay, &after)?;
    let changes = compare::compare(before, after);
    let mut output = BufWriter::new(io::stdout().lock());
    changes::write(&mut output, replay.output, &changes).context("write the results")?;
    output.flush().context("write the results")?;
    let incomplete = first_errors || errors;
    Ok(if incomplete { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// What one rule set finds, and whether some input could not be read.
fn alerts(replay: &Replay, rules: &RuleArgs) -> anyhow::Result<(Vec<(About, Found)>, bool)> {
    let inputs = replay.inputs.open()?;
    let names: Vec<Arc<str>> =
        inputs.all.iter().map(|input| Arc::clone(&input.origin.source)).collect();
    let name = move |at: operators::place::Partition| names.get(at.0 as usize).cloned();
    let loaded = rules.load(Box::new(name))?;
    if !replay.quiet {
        eprint!("{}", Report::for_stderr().all(&[], &loaded.warnings));
    }
    let progress = match replay.quiet {
        true => Progress::hidden(Arc::clone(&inputs.meter)),
        false => Progress::new(inputs.size, Arc::clone(&inputs.meter)),
    };
    let progress = Arc::new(progress);
    let found: Arc<Mutex<Vec<(About, Found)>>> = Arc::default();
    let taken = Arc::clone(&found);
    let emit = Box::new(move |alert| {
        taken.lock().unwrap_or_else(PoisonError::into_inner).push(compare::found(&alert));
    });
    let shown = Arc::clone(&progress);
    let advance = Box::new(move |lines| shown.show(lines));
    let outcome = replay.replay(&loaded, inputs.all, emit, advance)?;
    progress.finish();
    let errors: Vec<_> =
        inputs.errors.into_iter().chain(outcome.errors.iter().map(ToString::to_string)).collect();
    for error in &errors {
        eprintln!("error: {error}");
    }
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((found, !errors.is_empty()))
}
