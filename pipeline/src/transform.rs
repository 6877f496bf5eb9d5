//! `transform` of an acquisition: an expression that makes other lines of a line before any parser
//! sees it (crowdsec pkg/acquisition/acquisition.go, whose versions since 1.7.4 drop the result).
//!
//! A text stands in the line's place, a list gives a line for each of its texts. Where the
//! expression fails or gives something else, the line stays as it is; where an element of a list
//! is no text, the line itself stands in for it. Derived lines keep the place of theirs in the input.

use std::fmt;
use std::sync::Arc;

use operators::event::{Event, Line};
use operators::expr::{Compiler, Cx, Env, Expect, ExprId, Memo, Program};
use operators::lookup::Lookups;
use operators::origin::Origin;
use operators::text::RawLine;
use operators::value::{List, ListKind, Value};
use operators::yaml::{Located, Reading};

/// A compiled `transform`.
pub struct Transform {
    program: Arc<Program>,
    expression: ExprId,
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transform").field(&self.program.source(self.expression)).finish()
    }
}

impl Transform {
    /// Compiles the expression of an acquisition. What is wrong is noted in `reading`; then there
    /// is none.
    pub fn compile(text: &Located<String>, reading: &mut Reading<'_>) -> Option<Self> {
        let mut compiler = Compiler::new();
        let compiled = compiler.compile(&text.value, Env::Event, Expect::Any);
        let expression = compiled.map_err(|error| error.note(text, reading)).ok()?;
        let program = Arc::new(compiler.finish());
        if program.reads(expression).stash {
            let help = "parsers fill the stash, and they come later: use it in a parser";
            reading.refuse_with(text.at, "`transform` cannot ask the stash", help);
            return None;
        }
        Some(Self { program, expression })
    }
}

/// What becomes of a line.
#[derive(Clone, Debug)]
pub enum Derived {
    /// It stays as it is, for this reason.
    Same(String),
    /// This one stands in its place.
    One(Arc<str>),
    /// These stand in its place.
    Each(Arc<List>),
}

impl Derived {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Same(_) | Self::One(_) => 1,
            Self::Each(list) => list.items.len(),
        }
    }

    /// Whether the line is gone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Line `index` of them.
    ///
    /// # Errors
    /// Why the line itself stands there.
    pub fn get(&self, index: usize) -> Result<&str, String> {
        match self {
            Self::Same(reason) => Err(reason.clone()),
            Self::One(text) => Ok(text),
            Self::Each(list) => match list.items.get(index) {
                Some(Value::Str(text)) => Ok(text),
                Some(other) => Err(format!("an element is a {}", other.type_name())),
                None => Err("there are fewer elements".to_owned()),
            },
        }
    }
}

/// Transforms the lines of one source.
pub struct Transformer {
    transform: Arc<Transform>,
    lookups: Arc<dyn Lookups>,
    line: Line,
    event: Event,
    memo: Memo,
}

impl fmt::Debug for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformer").field("transform", &self.transform).finish_non_exhaustive()
    }
}

impl Transformer {
    /// For lines of this origin.
    pub fn new(transform: Arc<Transform>, origin: &Origin, lookups: Arc<dyn Lookups>) -> Self {
        let line = Line::of(origin, RawLine::from(""), lookups.now());
        let event = Event::new(Arc::clone(transform.program.schema()), line.clone());
        Self { transform, lookups, line, event, memo: Memo::new() }
    }

    /// What becomes of a line; a function of the line, its origin and the lookups.
    pub fn line(&mut self, raw: RawLine) -> Derived {
        self.event.reset(Line { raw, ..self.line.clone() });
        self.event.process = true;
        let Transform { program, expression } = &*self.transform;
        let mut cx = Cx::new(&mut self.event, &*self.lookups, &mut self.memo);
        match program.eval(*expression, &mut cx) {
            Ok(Value::Str(text)) => Derived::One(text),
            Ok(Value::List(list)) if list.kind != ListKind::Typed => Derived::Each(list),
            Ok(other) => Derived::Same(format!("it gave a {}", other.type_name())),
            Err(error) => Derived::Same(error.to_string()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use operators::lookup::Offline;
    use operators::time::Stamp;
    use operators::yaml::Source;

    use super::*;

    fn compiled(expression: &str) -> Result<Transform, String> {
        let text = format!("transform: {}", serde_json::Value::from(expression));
        let source = Source::new("acquis.yaml", &text);
        let mut reading = Reading::new(&source);
        let located = Located { at: source.position(1, 12), value: expression.to_owned() };
        let transform = Transform::compile(&located, &mut reading);
        let errors: Vec<_> = reading.errors.iter().map(ToString::to_string).collect();
        transform.ok_or_else(|| errors.join("; "))
    }

    /// Of this expression, without facts.
    pub(crate) fn transformer(expression: &str) -> Transformer {
        let labels = [("type".into(), "x".into())].into_iter().collect();
        let origin =
            Origin { source: "a.log".into(), labels: Arc::new(labels), module: "file", zone: None };
        let transform = Arc::new(compiled(expression).unwrap());
        let lookups = Arc::new(Offline::new(Stamp::from_unix(0)));
        Transformer::new(transform, &origin, lookups)
    }

    #[track_caller]
    fn check(expression: &str, line: &str, expected: &[&str]) {
        let derived = transformer(expression).line(RawLine::from(line));
        let shown = |index| match derived.get(index) {
            Ok(text) => text.to_owned(),
            Err(reason) => format!("same: {reason}"),
        };
        let lines: Vec<_> = (0..derived.len()).map(shown).collect();
        assert_eq!(lines, expected, "{expression}");
    }

    #[test]
    fn a_text_stands_in_the_place_of_the_line() {
        check("evt.Line.Raw + '!'", "a", &["a!"]);
        check("Upper(evt.Line.Labels.type) + evt.Line.Src + evt.Line.Module", "a", &["Xa.logfile"]);
        check("''", "a", &[""]);
    }

    #[test]
    fn a_list_gives_a_line_for_each_element() {
        check("Split(evt.Line.Raw, ',')", "a,b,c", &["a", "b", "c"]);
        check(
            "map(JsonExtractSlice(evt.Line.Raw, 'r'), ToJsonString(#))",
            r#"{"r":[{"a":1},2]}"#,
            &[r#"{"a":1}"#, "2"],
        );
        check("filter(Split(evt.Line.Raw, ','), # == 'x')", "a,b", &[]);
    }

    #[test]
    fn what_is_no_text_leaves_the_line() {
        check("nil", "a", &["same: it gave a nil"]);
        check("len(evt.Line.Raw)", "a", &["same: it gave a int"]);
        check("fromJSON(evt.Line.Raw)", r#"["a",1]"#, &["a", "same: an element is a float64"]);
        check("B64Decode(evt.Line.Raw)", "%", &["same: illegal base64 data at input byte 0"]);
    }

    #[test]
    fn mistakes_are_refused_at_their_place() {
        let error = |expression: &str| compiled(expression).unwrap_err();
        assert!(error("evt.Lin.Raw").starts_with("acquis.yaml:1:"), "{}", error("evt.Lin.Raw"));
        assert!(error("GetFromStash('a', 'b')").contains("stash"));
    }
}
