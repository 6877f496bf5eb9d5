//! Which fields of an event parsers fill, as they are written: what a context can carry along.

use std::collections::{BTreeMap, BTreeSet};

use operators::grok::{Grok, Library};
use operators::parse::spec::{Destination, GrokPattern, NodeSpec, StaticSpec};

use crate::hub::RuleSet;

/// Fields by parser.
pub type Fields = BTreeMap<String, BTreeSet<String>>;

/// What the parsers of a rule set fill. A pattern that does not compile names nothing: `spillway check`
/// says why.
pub fn of_parsers(set: &RuleSet) -> Fields {
    let mut library = Library::standard();
    let files: Vec<_> =
        set.patterns.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
    let _ = library.load(&files);
    let mut fields = Fields::new();
    for node in set.parsers.iter().flat_map(|file| &file.nodes) {
        let all = fields.entry(node.name.value.clone()).or_default();
        note(node, &mut library, all);
    }
    fields
}

fn note(node: &NodeSpec, library: &mut Library, all: &mut BTreeSet<String>) {
    for (name, body) in &node.pattern_syntax {
        let _ = library.add(&name.value, &body.value);
    }
    if let Some(grok) = &node.grok {
        let compiled = match &grok.pattern {
            GrokPattern::Name(name) => Grok::named(library, &name.value),
            GrokPattern::Pattern(text) => Grok::compile(library, &text.value),
        };
        let names = compiled.iter().flat_map(Grok::names);
        all.extend(names.map(|name| format!("evt.Parsed.{name}")));
        all.extend(grok.statics.iter().filter_map(field));
    }
    all.extend(node.statics.iter().filter_map(field));
    for child in &node.nodes {
        note(child, library, all);
    }
}

fn field(written: &StaticSpec) -> Option<String> {
    match &written.destination.value {
        Destination::Parsed(name) => Some(format!("evt.Parsed.{name}")),
        Destination::Meta(name) => Some(format!("evt.Meta.{name}")),
        Destination::Target(path) if path.starts_with("evt.") => Some(path.clone()),
        Destination::Target(path) => Some(format!("evt.{path}")),
        Destination::Method(_) | Destination::Enriched(_) => None,
    }
}
