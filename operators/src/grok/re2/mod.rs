//! RE2 expressions on the `regex` crate: rules are written for Go's `regexp` and Google's RE2.
//!
//! ```text
//! pattern ─ translate ─▶ `regex` syntax ─ limits ─▶ Regex | Hir
//! ```
//!
//! Both dialects are linear-time and leftmost-first, so that a translation keeps every meaning:
//! which texts match, and which group holds what. Sources: RE2 `doc/syntax.txt`, Go
//! `regexp/syntax/parse.go`.

mod bracket;
mod escape;
mod limits;
mod translate;

pub use translate::Translation;

/// The most bytes that one compiled expression may take. RE2 has a limit of this kind as well.
pub const COMPILED_BYTES: usize = 32 << 20;

/// The deepest nesting of groups, as in Go.
const NESTING: u32 = 1000;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Re2Error {
    /// What is wrong, for a person.
    pub message: String,
    /// Byte offset of it in the expression as written.
    pub offset: usize,
}

impl Re2Error {
    fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset }
    }
}

/// The same expression in the syntax of the `regex` crate.
///
/// # Errors
/// What RE2 refuses is refused.
pub fn translate(pattern: &str) -> Result<String, Re2Error> {
    rewrite(pattern).map(|translation| translation.text)
}

/// Like [`translate`], with the places where capture groups open.
///
/// # Errors
/// What RE2 refuses is refused.
pub fn rewrite(pattern: &str) -> Result<Translation, Re2Error> {
    let mut translation = translate::translation(pattern)?;
    translation.tree = limits::parse(&translation)?;
    Ok(translation)
}

/// Compiles an RE2 expression.
///
/// # Errors
/// What RE2 refuses is refused, and what needs more than [`COMPILED_BYTES`].
pub fn compile(pattern: &str) -> Result<regex::Regex, Re2Error> {
    let translation = rewrite(pattern)?;
    regex::RegexBuilder::new(&translation.text)
        .size_limit(COMPILED_BYTES)
        .nest_limit(NESTING)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => too_big(),
            // The parser's own error knows the place.
            other => match parse(&translation) {
                Ok(_) => Re2Error::new(last_line(&other.to_string()), 0),
                Err(error) => error,
            },
        })
}

/// Parses an RE2 expression into the form that engines are built from.
///
/// # Errors
/// What RE2 refuses is refused.
pub fn parse(translation: &Translation) -> Result<regex_syntax::hir::Hir, Re2Error> {
    regex_syntax::hir::translate::Translator::new()
        .translate(&translation.text, &translation.tree)
        .map_err(|error| translation.error(error.kind().to_string(), error.span().start.offset))
}

/// The refusal of an expression that is too large once compiled.
pub(crate) fn too_big() -> Re2Error {
    let mebibytes = COMPILED_BYTES >> 20;
    let message = format!("expression needs more than {mebibytes} MiB: lower its repeat counts");
    Re2Error::new(message, 0)
}

fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
