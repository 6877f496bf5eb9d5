//! Assertion files: one expression per line, each of which must be true (crowdsec
//! pkg/hubtest/parser_assert.go, scenario_assert.go).

use std::path::Path;
use std::sync::Arc;

use operators::event::{Event, Line as LogLine};
use operators::expr::{Compiler, Cx, Env, Expect, ExprId, Memo, Program, TestError};
use operators::lookup::Lookups;
use operators::text::{RawLine, Text};
use operators::value::Value;

use super::show::show;

/// A compiled file.
#[derive(Debug)]
pub struct Assertions {
    lines: Vec<Assertion>,
    program: Program,
    env: Env,
}

/// One line.
#[derive(Debug)]
pub struct Assertion {
    /// From 1.
    pub number: u32,
    /// As written.
    pub text: String,
    code: Result<ExprId, String>,
}

/// A line that is false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct False {
    /// Which of the lines.
    pub index: usize,
    /// The value of its left side, `None` where that has none.
    pub got: Option<String>,
    /// Whether the reference counts it.
    pub counts: bool,
}

/// How a file went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Lines that were evaluated.
    pub evaluated: usize,
    /// Those that are false.
    pub failed: Vec<False>,
    /// The line that ended the evaluation, and why.
    pub error: Option<(usize, String)>,
}

impl Verdict {
    /// Whether every line is true.
    pub fn strict(&self) -> bool {
        self.error.is_none() && self.failed.is_empty()
    }

    /// Whether the reference is content.
    pub fn reference(&self) -> bool {
        self.error.is_none() && !self.failed.iter().any(|line| line.counts)
    }
}

impl Assertions {
    /// Compiles the lines of a file; what does not compile ends the evaluation when it is reached.
    pub fn compile(text: &str, env: Env) -> Self {
        let mut compiler = Compiler::new();
        let mut lines = Vec::new();
        for (number, text) in (1..).zip(text.lines()) {
            if text.is_empty() {
                continue;
            }
            let code = match with_basename(text) {
                Ok(shimmed) => compiler.compile(&shimmed, env, Expect::Any),
                Err(error) => {
                    lines.push(Assertion { number, text: text.to_owned(), code: Err(error) });
                    continue;
                }
            };
            let code = code.map_err(|error| error.message);
            lines.push(Assertion { number, text: text.to_owned(), code });
        }
        Self { lines, program: compiler.finish(), env }
    }

    /// The lines.
    pub fn lines(&self) -> &[Assertion] {
        &self.lines
    }

    /// Evaluates all lines, up to the first that fails to give true or false.
    pub fn evaluate(&self, results: &Value, lookups: &dyn Lookups) -> Verdict {
        let mut verdict = Verdict::default();
        let mut memo = Memo::new();
        for index in 0..self.lines.len() {
            match self.holds(index, results, lookups, &mut memo) {
                Ok(true) => {}
                Ok(false) => {
                    let failed = self.failed(index, results, lookups);
                    verdict.failed.push(failed);
                }
                Err(error) => {
                    verdict.error = Some((index, error));
                    return verdict;
                }
            }
            verdict.evaluated += 1;
        }
        verdict
    }

    /// Whether a line holds.
    ///
    /// # Errors
    /// It does not compile, fails, or is no condition.
    pub fn holds(
        &self,
        index: usize,
        results: &Value,
        lookups: &dyn Lookups,
        memo: &mut Memo,
    ) -> Result<bool, String> {
        let Some(line) = self.lines.get(index) else { return Err("no such line".into()) };
        let id = line.code.clone()?;
        let roots = [("results", results.clone())];
        let mut event = nothing(&self.program, lookups);
        let mut cx = Cx::new(&mut event, lookups, memo).with_roots(&roots);
        self.program.test(id, &mut cx).map_err(|error| match error {
            TestError::NotBool(_) => "it is not a condition".to_owned(),
            TestError::Runtime(error) => error.message,
        })
    }

    /// What the reference makes of a false line: it shows the value of what stands before `==`.
    /// Where there is none, a line about parsers is shown as a whole and one about scenarios is
    /// passed over; where the value cannot be computed, so is either.
    fn failed(&self, index: usize, results: &Value, lookups: &dyn Lookups) -> False {
        let text = self.lines.get(index).map_or("", |line| line.text.as_str());
        let (variable, counts) = match (variable(text), self.env) {
            (Some(variable), _) => (variable, true),
            (None, env) => (text, env == Env::ParserAssert),
        };
        let got = evaluate(variable, self.env, results, lookups).ok();
        False { index, counts: counts && got.is_some(), got }
    }
}

/// The value of an expression over results, as a text.
///
/// # Errors
/// Why there is none.
pub fn evaluate(
    expression: &str,
    env: Env,
    results: &Value,
    lookups: &dyn Lookups,
) -> Result<String, String> {
    let mut compiler = Compiler::new();
    let id = compiler.compile(expression, env, Expect::Any).map_err(|error| error.message)?;
    let program = compiler.finish();
    let roots = [("results", results.clone())];
    let (mut event, mut memo) = (nothing(&program, lookups), Memo::new());
    let mut cx = Cx::new(&mut event, lookups, &mut memo).with_roots(&roots);
    let value = program.eval(id, &mut cx).map_err(|error| error.message)?;
    Ok(show(&value, &mut event, lookups))
}

/// Assertions have no event; expressions need one all the same.
pub(super) fn nothing(program: &Program, lookups: &dyn Lookups) -> Event {
    let line = LogLine {
        raw: RawLine::from(""),
        source: "".into(),
        labels: Arc::default(),
        module: Text::EMPTY,
        time: lookups.now(),
        zone: None,
    };
    Event::new(Arc::clone(program.schema()), line)
}

/// Paths of logs differ from one machine to another: a line about one that does not say `basename`
/// means it (`basenameShim`).
fn with_basename(line: &str) -> Result<String, String> {
    if !line.contains("datasource_path") || line.contains("basename(") {
        return Ok(line.to_owned());
    }
    let mut parts = line.split("==");
    match (parts.next(), parts.next()) {
        (Some(left), Some(right)) => Ok(format!("basename({left}) == {right}")),
        _ => Err("a line about datasource_path must compare it with `==`".into()),
    }
}

/// What the reference takes for the left side: the characters other than space and `=` in front of
/// the first ` == ` that has any (`variableRE`).
fn variable(line: &str) -> Option<&str> {
    let mut places = line.match_indices(" == ").map(|(at, _)| line.get(..at).unwrap_or(""));
    places.find_map(|before| {
        let start = before.rfind([' ', '=']).map_or(0, |at| at + 1);
        before.get(start..).filter(|variable| !variable.is_empty())
    })
}

/// Base name of a path, for messages.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_side_is_what_the_reference_takes_for_it() {
        assert_eq!(variable(r#"len(results) == 3"#), Some("len(results)"));
        assert_eq!(variable(r#"results[0].M["a b"] == "x == y""#), Some(r#"b"]"#));
        assert_eq!(variable(r#""1.2.3.4" in results"#), None);
        assert_eq!(variable(" == x"), None);
        assert_eq!(variable("a = == b == c"), Some("b"));
    }

    #[test]
    fn a_data_source_is_compared_by_its_name() {
        let line = r#"results[0].Evt.Meta["datasource_path"] == "a.log""#;
        let shimmed = with_basename(line).unwrap();
        assert_eq!(shimmed, r#"basename(results[0].Evt.Meta["datasource_path"] ) ==  "a.log""#);
        assert!(with_basename("x.datasource_path").is_err());
    }
}
