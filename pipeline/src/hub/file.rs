//! Single rule files that are given by path: profiles, simulation, allowlist, acquisition.

use std::path::Path;
use std::sync::Arc;

use operators::yaml::{Documents, Reading, RuleError, Source, parse};

use super::text::read_text;

/// A decoded file with its text and what is wrong with it.
#[derive(Debug)]
pub struct RuleFile<T> {
    /// Its text, for errors in expressions.
    pub source: Arc<Source>,
    /// What it says.
    pub content: T,
    /// What makes it unusable.
    pub errors: Vec<RuleError>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
}

/// Reads a YAML file, e.g. `read(path, profile::spec::read)`.
///
/// # Errors
/// The file cannot be read at all; what is wrong in it is in [`RuleFile::errors`].
pub fn read<T>(
    path: &Path,
    decode: impl FnOnce(&Documents, &mut Reading<'_>) -> T,
) -> Result<RuleFile<T>, RuleError> {
    let shown = path.display().to_string();
    let text = read_text(path, &shown)?;
    Ok(decode_text(shown, &text, decode))
}

/// Decodes YAML that is already in memory, such as built-in profiles.
pub fn decode_text<T>(
    name: impl Into<Arc<str>>,
    text: &str,
    decode: impl FnOnce(&Documents, &mut Reading<'_>) -> T,
) -> RuleFile<T> {
    let source = Arc::new(Source::new(name, text));
    let documents = parse(&source);
    let mut reading = Reading::new(&source);
    let content = decode(&documents, &mut reading);
    let mut errors = documents.errors;
    errors.append(&mut reading.errors);
    let warnings = std::mem::take(&mut reading.warnings);
    RuleFile { source, content, errors, warnings }
}

/// Reads an allowlist, YAML or lines.
///
/// # Errors
/// The file cannot be read at all.
pub fn read_allowlist(
    path: &Path,
) -> Result<RuleFile<Vec<operators::profile::allowlist::AllowlistEntry>>, RuleError> {
    let shown = path.display().to_string();
    let text = read_text(path, &shown)?;
    let source = Arc::new(Source::new(shown, &text));
    let mut reading = Reading::new(&source);
    let content = operators::profile::allowlist::read(&mut reading);
    let Reading { errors, warnings, .. } = reading;
    Ok(RuleFile { source, content, errors, warnings })
}
