//! Errors of rules as people read them: what, where, the line with a caret, and what to do.
//!
//! ```text
//! error: unknown key `fitler` in scenario
//!   --> scenarios/me/x.yaml:3:1
//!    |
//!  3 | fitler: evt.Meta.service == 'ssh'
//!    | ^^^^^^
//!    = help: did you mean `filter`?
//! ```

use std::fmt::{self, Write};

use operators::yaml::RuleError;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The item does not work.
    Error,
    /// The item works, but not as its author thinks.
    Warning,
}

/// Renders errors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    colour: bool,
}

impl Report {
    /// With ANSI colours where `colour` says so.
    pub const fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// With colours where standard error is a terminal and `NO_COLOR` is not set.
    pub fn for_stderr() -> Self {
        use std::io::IsTerminal;
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: std::io::stderr().is_terminal() && !refused }
    }

    /// All of them, an empty line after each, and a last line that counts errors.
    pub fn all(self, errors: &[RuleError], warnings: &[RuleError]) -> String {
        let mut out = String::new();
        for warning in warnings {
            out.push_str(&self.one(Severity::Warning, warning));
            out.push('\n');
        }
        for error in errors {
            out.push_str(&self.one(Severity::Error, error));
            out.push('\n');
        }
        if let Some(first) = errors.first() {
            let files = errors.iter().map(|error| &error.file);
            let files = files.collect::<std::collections::BTreeSet<_>>().len();
            let _ = match (errors.len(), files) {
                (1, _) => writeln!(out, "1 error in {}", first.file),
                (count, 1) => writeln!(out, "{count} errors in {}", first.file),
                (count, files) => writeln!(out, "{count} errors in {files} files"),
            };
        }
        out
    }

    /// One of them, its last line ended.
    pub fn one(self, severity: Severity, error: &RuleError) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.render(&mut out, severity, error);
        out
    }

    fn render(self, out: &mut String, severity: Severity, error: &RuleError) -> fmt::Result {
        let (word, tint) = match severity {
            Severity::Error => ("error", "\x1b[1;31m"),
            Severity::Warning => ("warning", "\x1b[1;33m"),
        };
        let (blue, bold) = ("\x1b[1;34m", "\x1b[1m");
        writeln!(
            out,
            "{}: {}",
            self.tinted(tint, word),
            self.tinted(bold, &clean(&error.message))
        )?;
        let number = if error.line == 0 { String::new() } else { error.line.to_string() };
        let margin = " ".repeat(number.len() + 1);
        let arrow = self.tinted(blue, "-->");
        if error.line == 0 {
            writeln!(out, "{margin} {arrow} {}", error.file)?;
        } else {
            writeln!(out, "{margin}{arrow} {}:{}:{}", error.file, error.line, error.column)?;
        }
        let bar = self.tinted(blue, "|");
        if !error.excerpt.is_empty() {
            let caret = format!("{}{}", " ".repeat(error.caret), "^".repeat(error.width.max(1)));
            writeln!(out, "{margin} {bar}")?;
            writeln!(out, " {} {bar} {}", self.tinted(blue, &number), clean(&error.excerpt))?;
            writeln!(out, "{margin} {bar} {}", self.tinted(tint, &caret))?;
        }
        if let Some(help) = &error.help {
            writeln!(out, "{margin} {} help: {}", self.tinted(blue, "="), clean(help))?;
        }
        Ok(())
    }

    fn tinted(self, tint: &str, text: &str) -> String {
        if self.colour { format!("{tint}{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What a file says must not reach the terminal as a command.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use operators::yaml::Source;

    use super::*;

    #[test]
    fn an_error_stands_under_its_line() {
        let source = Source::new("scenarios/me/x.yaml", "a: 1\nb: 2\nfitler: evt.x\n");
        let error = source.error(source.position(3, 1), "unknown key `fitler` in scenario");
        let error = error.spanning(6).with_help("did you mean `filter`?");
        assert_eq!(
            Report::new(false).all(&[error], &[]),
            "error: unknown key `fitler` in scenario\n  \
             --> scenarios/me/x.yaml:3:1\n   |\n \
             3 | fitler: evt.x\n   | ^^^^^^\n   \
             = help: did you mean `filter`?\n\n1 error in scenarios/me/x.yaml\n"
        );
    }

    #[test]
    fn an_error_of_a_whole_file_has_no_caret() {
        let error = RuleError::of_file("data.bin", "not UTF-8 at byte 3");
        let text = Report::new(false).one(Severity::Warning, &error);
        assert_eq!(text, "warning: not UTF-8 at byte 3\n  --> data.bin\n");
    }

    #[test]
    fn escape_sequences_of_a_file_are_not_passed_on() {
        let error = RuleError::of_file("x", "bad \u{1b}[31m");
        assert!(!Report::new(false).one(Severity::Error, &error).contains('\u{1b}'));
        assert!(Report::new(true).one(Severity::Error, &error).contains("\u{1b}[1;31merror"));
    }
}
