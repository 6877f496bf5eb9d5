//! The patterns that rules can name: the standard ones, those of the user's files, those of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::compile::Grok;
use super::error::GrokError;
use super::expand::{self, Expansion};
use super::pattern;
use super::re2;
use super::standard;

/// Who defined a pattern: decides who may define it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Built in; a pattern file cannot replace it.
    Base,
    /// Built in; a pattern file of the user replaces it silently, for the files that CrowdSec
    /// installs define the same names.
    Common,
    /// A pattern file of the user.
    File,
    /// `pattern_syntax` of a rule.
    Rule,
}

#[derive(Clone, Debug)]
struct Definition {
    body: Arc<str>,
    origin: Origin,
}

/// What became of a definition of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The name now has this definition.
    New,
    /// The name had a definition already, which stays: the first one wins.
    Ignored,
}

/// A pattern file that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {error}")]
pub struct PatternFileError {
    /// The file's name, as given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong; its span lies in the line.
    pub error: GrokError,
}

/// Named patterns. Cheap enough to clone once per rule set, not per event.
#[derive(Clone, Debug, Default)]
pub struct Library {
    definitions: BTreeMap<Arc<str>, Definition>,
    compiled: Option<Arc<Mutex<Compiled>>>,
}

/// Compiled patterns by the pattern as written, its expression and its names.
type Compiled = BTreeMap<(String, String, BTreeMap<String, usize>), Grok>;

impl Library {
    /// The patterns that every installation has.
    pub fn standard() -> Self {
        static STANDARD: OnceLock<Library> = OnceLock::new();
        STANDARD
            .get_or_init(|| {
                let mut library = Self::default();
                for (name, body) in standard::base() {
                    library.define(name, &body, Origin::Base);
                }
                for (name, body) in standard::common() {
                    library.define(name, &body, Origin::Common);
                }
                library
            })
            .clone()
    }

    /// The same library, whose clones compile no pattern twice: for many rule sets that have
    /// patterns in common.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.compiled = Some(Arc::default());
        self
    }

    /// A pattern that was compiled before, else a new one that `compile` makes.
    pub(super) fn known(
        &self,
        (pattern, expansion): (&str, &Expansion),
        compile: impl FnOnce() -> Result<Grok, GrokError>,
    ) -> Result<Grok, GrokError> {
        let Some(compiled) = &self.compiled else { return compile() };
        let compiled = || compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (pattern.to_owned(), expansion.text.clone(), expansion.semantics.clone());
        if let Some(grok) = compiled().get(&key) {
            return Ok(grok.clone());
        }
        let grok = compile()?;
        compiled().insert(key, grok.clone());
        Ok(grok)
    }

    /// Adds a definition of a rule (`pattern_syntax`). The first definition of a name wins; what
    /// it refers to must exist. Source: crowdsec `pkg/parser/node.go`, grokky `Host.Add`.
    ///
    /// # Errors
    /// An empty name or pattern, an unknown reference, an expression that RE2 refuses.
    pub fn add(&mut self, name: &str, body: &str) -> Result<Added, GrokError> {
        if self.definitions.contains_key(name) {
            return Ok(Added::Ignored);
        }
        if name.is_empty() {
            return Err(GrokError::new("pattern without a name", 0..0));
        }
        self.validate(body)?;
        self.define(name, body, Origin::Rule);
        Ok(Added::New)
    }

    /// Loads pattern files, given as (name, text) in the order of their names. A name may be
    /// defined once in all of them, and not if it is one of the base patterns.
    ///
    /// # Errors
    /// The first line that is refused; the library then holds the lines before it.
    pub fn load(&mut self, files: &[(&str, &str)]) -> Result<(), PatternFileError> {
        let mut seen = BTreeSet::new();
        for (file, text) in files {
            for (index, line) in text.lines().enumerate() {
                let Some((name, body)) = pattern::line(line) else { continue };
                let error = |error: GrokError, shift: usize| PatternFileError {
                    file: (*file).to_owned(),
                    line: index + 1,
                    error: GrokError {
                        span: error.span.start + shift..error.span.end + shift,
                        ..error
                    },
                };
                let replaceable =
                    self.definitions.get(name).is_none_or(|known| known.origin == Origin::Common);
                if !replaceable || !seen.insert(name.to_owned()) {
                    let message = format!("pattern `{name}` is defined already");
                    return Err(error(GrokError::new(message, 0..name.len()), 0));
                }
                self.replace(name, body).map_err(|e| error(e, line.len() - body.len()))?;
            }
        }
        Ok(())
    }

    /// Gives `name` a new definition, unless that is refused.
    fn replace(&mut self, name: &str, body: &str) -> Result<(), GrokError> {
        self.validate(body)?;
        let old = self.define(name, body, Origin::File);
        let Some(old) = old else { return Ok(()) };
        // Other patterns refer to the name: the new definition may close a circle.
        let result = expand::expand(self, body);
        if result.is_err() {
            self.definitions.insert(name.into(), old);
        }
        result.map(|_| ())
    }

    fn validate(&self, body: &str) -> Result<(), GrokError> {
        if body.is_empty() {
            return Err(GrokError::new("pattern is empty", 0..0));
        }
        let expansion = expand::expand(self, body)?;
        match re2::rewrite(&expansion.text) {
            Ok(_) => Ok(()),
            Err(error) => Err(GrokError::new(error.message, expansion.origin(error.offset))),
        }
    }

    fn define(&mut self, name: &str, body: &str, origin: Origin) -> Option<Definition> {
        self.definitions.insert(name.into(), Definition { body: body.into(), origin })
    }

    /// The pattern called `name`, and the name as the library keeps it.
    pub fn definition(&self, name: &str) -> Option<(&str, &str)> {
        let (name, definition) = self.definitions.get_key_value(name)?;
        Some((name, &definition.body))
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(AsRef::as_ref)
    }

    /// The known name that is most like `name`, for error messages.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        crate::yaml::nearest(name, self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_definition_of_a_name_wins() {
        let mut library = Library::default();
        assert_eq!(library.add("A", "x"), Ok(Added::New));
        assert_eq!(library.add("A", "y"), Ok(Added::Ignored));
        assert_eq!(library.definition("A"), Some(("A", "x")));
    }

    #[test]
    fn a_reference_must_exist_when_it_is_added() {
        let mut library = Library::default();
        let error = library.add("B", "x%{A}").unwrap_err();
        assert_eq!((error.message.as_str(), error.span), ("pattern `A` is not defined", 1..5));
        let error = Library::standard().add("B", "%{IPORHOTS}").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("did you mean `IPORHOST`?"));
    }

    #[test]
    fn pattern_files_replace_common_patterns_only() {
        let mut library = Library::standard();
        library.load(&[("ssh", "SSHD_CORRUPT_MAC x\n# note\n"), ("y", "NEW %{INT}\n")]).unwrap();
        assert_eq!(library.definition("SSHD_CORRUPT_MAC"), Some(("SSHD_CORRUPT_MAC", "x")));
        let error = library.load(&[("z", "\nINT x\n")]).unwrap_err();
        assert_eq!(error.to_string(), "z:2: pattern `INT` is defined already");
        let error = Library::standard().load(&[("z", "A x\nA y\n")]).unwrap_err();
        assert_eq!(error.to_string(), "z:2: pattern `A` is defined already");
    }

    #[test]
    fn swapped_letters_are_one_mistake() {
        assert_eq!(Library::standard().nearest("WROD"), Some("WORD"));
    }

    #[test]
    fn a_circle_of_patterns_is_refused() {
        let mut library = Library::standard();
        let error = library.load(&[("f", "SSHD_LISTEN %{SSHD_INIT}\n")]).unwrap_err();
        assert!(error.to_string().contains("refers to itself"), "{error}");
        assert_ne!(library.definition("SSHD_LISTEN").unwrap().1, "%{SSHD_INIT}");
    }

    #[test]
    fn the_error_of_a_line_points_into_it() {
        let error = Library::standard().load(&[("f", "NAME  a(%{INT}\n")]).unwrap_err();
        assert_eq!((error.line, error.error.span), (1, 7..8));
    }
}
