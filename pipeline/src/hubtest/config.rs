//! `config.yaml` of a test (crowdsec pkg/hubtest/hubtest_item.go), read leniently: keys that nobody
//! knows are left alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use operators::parse::spec::{StaticSpec, read_statics};
use operators::yaml::scalar::Resolved;
use operators::yaml::{Content, Located, Node, Reading, RuleError, Source, parse};

use crate::hub::text::read_text;

/// What a test is made of.
#[derive(Clone, Debug, Default)]
pub struct TestConfig {
    /// Names or paths of parsers.
    pub parsers: Vec<String>,
    /// Names or paths of scenarios.
    pub scenarios: Vec<String>,
    /// Names or paths of postoverflows.
    pub postoverflows: Vec<String>,
    /// The log, relative to the test; "" where there is none.
    pub log_file: String,
    /// The `type` label.
    pub log_type: String,
    /// More labels.
    pub labels: BTreeMap<String, String>,
    /// Whether what the parsers did is not looked at.
    pub ignore_parsers: bool,
    /// What is written into each event before anything else.
    pub override_statics: Vec<StaticSpec>,
    /// Whether the test wants data files of its own.
    pub own_data_dir: bool,
    /// Requests for the WAF, relative to the test; "" in a test of logs.
    pub nuclei_template: String,
    /// The file.
    pub source: Option<Arc<Source>>,
}

impl TestConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// The file cannot be read, is no YAML, or has values of the wrong kind.
    pub fn read(path: &Path) -> Result<Self, RuleError> {
        let shown = path.display().to_string();
        let text = read_text(path, &shown)?;
        let source = Arc::new(Source::new(shown, &text));
        let documents = parse(&source);
        if let Some(error) = documents.errors.into_iter().next() {
            return Err(error);
        }
        let mut reading = Reading::new(&source);
        let mut config = match documents.nodes.first() {
            Some(document) => Self::decode(document, &mut reading),
            None => Self::default(),
        };
        if !reading.errors.is_empty() {
            return Err(reading.errors.swap_remove(0));
        }
        config.source = Some(source);
        Ok(config)
    }

    fn decode(document: &Node, reading: &mut Reading<'_>) -> Self {
        let mut text = |key| {
            let found = document.entry(key).and_then(|node| reading.text_of(node, key));
            found.map(|text| text.value).unwrap_or_default()
        };
        let (log_file, log_type) = (text("log_file"), text("log_type"));
        let nuclei_template = text("nuclei_template");
        let mut texts = |key| names(document, key, reading);
        let (parsers, scenarios) = (texts("parsers"), texts("scenarios"));
        let postoverflows = texts("postoverflows");
        let statics = document.entry("override_statics").map(|node| &node.content);
        let override_statics = match statics {
            Some(Content::List(items)) => read_statics(items, reading),
            _ => Vec::new(),
        };
        Self {
            parsers,
            scenarios,
            postoverflows,
            log_file,
            log_type,
            labels: labels(document, reading),
            ignore_parsers: flag(document, "ignore_parsers"),
            override_statics,
            own_data_dir: flag(document, "own_data_dir"),
            nuclei_template,
            source: None,
        }
    }

    /// Whether this is a test of the WAF, which looks at requests and not at lines.
    pub fn is_appsec(&self) -> bool {
        self.log_file.is_empty() && !self.nuclei_template.is_empty()
    }
}

/// The names of a list; empty ones are placeholders.
fn names(document: &Node, key: &str, reading: &mut Reading<'_>) -> Vec<String> {
    let Some(node) = document.entry(key).filter(|node| !node.is_null()) else { return Vec::new() };
    let Content::List(items) = &node.content else {
        reading.refuse(node.at, format!("`{key}` must be a list, this is {}", node.kind()));
        return Vec::new();
    };
    let texts = items.iter().filter_map(|item| reading.text_of(item, key));
    texts.map(|text| text.value).filter(|name| !name.is_empty()).collect()
}

fn labels(document: &Node, reading: &mut Reading<'_>) -> BTreeMap<String, String> {
    let Some(Content::Map(entries)) = document.entry("labels").map(|node| &node.content) else {
        return BTreeMap::new();
    };
    let entries = entries.iter();
    let text = |(key, node): &(Located<String>, Node)| {
        Some((key.value.clone(), reading.text_of(node, &key.value)?.value))
    };
    entries.filter_map(text).collect()
}

fn flag(document: &Node, key: &str) -> bool {
    let Some(Content::Scalar(scalar)) = document.entry(key).map(|node| &node.content) else {
        return false;
    };
    scalar.resolved() == Resolved::Bool(true)
}
