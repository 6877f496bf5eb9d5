//! The rules of the service, loaded at its start and whenever it is told to.

use std::sync::Arc;

use crate::cli::rules::{Loaded, RuleArgs};
use crate::live::names::Names;
use crate::report::Report;

/// Why rules are not taken.
#[derive(Debug, thiserror::Error)]
#[error("the rules do not load")]
pub struct Broken {
    /// What is wrong with them, for people.
    pub report: String,
}

/// Loads the rules. The log says what is left out of them, and what may not mean what its author
/// thinks.
///
/// # Errors
/// Something in them is broken and may not be skipped.
pub fn load(rules: &RuleArgs, names: &Arc<Names>, report: Report) -> Result<Loaded, Broken> {
    let names = Arc::clone(names);
    let loaded = rules.inspect(Box::new(move |partition| names.get(partition)));
    if !(loaded.errors.is_empty() || rules.skip_broken) {
        return Err(Broken { report: report.all(&loaded.errors, &[]) });
    }
    for error in &loaded.errors {
        tracing::error!(%error, "a rule is broken and left out");
    }
    for warning in &loaded.warnings {
        tracing::warn!(%warning, help = warning.help.as_deref(), "a rule may mean something else");
    }
    Ok(loaded)
}
