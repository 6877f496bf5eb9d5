//! From places to a rule set: finds, selects, reads and decodes; collects all that is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use operators::bucket::spec::{self as bucket, ScenarioSpec};
use operators::parse::spec::{self as node, NodeSpec};
use operators::profile::context_spec::{self as context, ContextSpec};
use operators::yaml::{Documents, Reading, RuleError, Source, parse};

use super::found::Found;
use super::index::Index;
use super::item::{Item, ItemKind, hash};
use super::layout::{Layout, PatternFile, RuleSource};
use super::select::{Named, Selection, named, select, unparsed};

/// Everything that rules say, decoded but not compiled.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Parser files by stage, then name of the file.
    pub parsers: Vec<NodeFile>,
    /// Postoverflow files by stage, then name of the file.
    pub postoverflows: Vec<NodeFile>,
    /// Scenarios by name.
    pub scenarios: Vec<Scenario>,
    /// Contexts by name of the item; the console's is last.
    pub contexts: Vec<ContextFile>,
    /// The console's file, if there is one.
    pub console_context: Option<PathBuf>,
    /// Directories of data files; the first that has a file gives it.
    pub data_dirs: Vec<PathBuf>,
    /// Data files inside the binary, looked at after the directories.
    pub embedded_data: Vec<(&'static str, &'static str)>,
    /// Grok pattern files in the order in which they are loaded.
    pub patterns: Vec<PatternFile>,
    /// Profiles of an installed configuration.
    pub profiles: Option<PathBuf>,
    /// Simulation file of an installed configuration.
    pub simulation: Option<PathBuf>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
    /// What does not work, with the file that it makes unusable.
    pub errors: Vec<RuleError>,
    /// These files as far as they could be decoded: their expressions may be wrong too.
    pub broken: Option<Box<RuleSet>>,
}

/// A parser or postoverflow file.
#[derive(Debug)]
pub struct NodeFile {
    /// What identifies it.
    pub item: Arc<Item>,
    /// Its text, for errors in expressions.
    pub source: Arc<Source>,
    /// Its nodes, in order.
    pub nodes: Vec<NodeSpec>,
}

/// A scenario with its file.
#[derive(Debug)]
pub struct Scenario {
    /// What identifies the file.
    pub item: Arc<Item>,
    /// The file's text, for errors in expressions.
    pub source: Arc<Source>,
    /// The scenario.
    pub spec: ScenarioSpec,
}

/// A context file.
#[derive(Debug)]
pub struct ContextFile {
    /// What identifies it; of the console's file the stem.
    pub item: Arc<Item>,
    /// Its text, for errors in expressions.
    pub source: Arc<Source>,
    /// Its keys.
    pub contexts: Vec<ContextSpec>,
}

const FIRST: &str = "of several --rules the first that has an item gives it";

/// Loads rules from several places. Of items of the same kind, stage and name the first place's
/// counts, as with a search path: one's own directory stands before the hub.
///
/// A file with an error is left out of the set and its errors are listed; whether that stops the
/// start is the caller's decision.
pub fn load(sources: &[RuleSource], selection: &Selection) -> RuleSet {
    let mut rules = RuleSet::default();
    let layouts: Vec<Layout> = sources.iter().map(RuleSource::layout).collect();
    let mut files: Vec<(usize, Named)> = Vec::new();
    let mut owners: BTreeMap<(ItemKind, String, String), (usize, Found)> = BTreeMap::new();
    for (place, layout) in layouts.iter().enumerate() {
        for item in named(layout) {
            let key = (item.file.kind, item.file.stage.clone(), item.name.clone());
            let (owner, first) = owners.entry(key).or_insert_with(|| (place, item.file.clone()));
            if *owner == place {
                files.push((place, item));
            } else if first.read().ok() != item.file.read().ok() {
                let message = format!("left out: `{}` is that of {}", item.name, first.shown);
                let error = RuleError::of_file(&item.file.shown, message);
                rules.warnings.push(error.with_help(FIRST));
            }
        }
    }
    let places: BTreeMap<String, usize> =
        files.iter().map(|(place, item)| (item.file.shown.clone(), *place)).collect();
    let mut items: Vec<Named> = files.into_iter().map(|(_, item)| item).collect();
    if let Selection::Named(wanted) = selection {
        let all = items.clone();
        items = select(items, wanted, &mut rules.errors);
        rules.warnings.extend(unparsed(&all, &items));
    }
    items.sort_by(|a, b| order(a).cmp(&order(b)));
    for item in &items {
        let layout = places.get(&item.file.shown).and_then(|place| layouts.get(*place));
        rules.add(item, layout);
    }
    rules.leave_out_named_twice(&places);
    rules.scenarios.sort_by(|a, b| a.spec.name.value.cmp(&b.spec.name.value));
    for layout in layouts {
        rules.take_surroundings(layout, matches!(selection, Selection::All));
    }
    rules
}

fn order(item: &Named) -> (ItemKind, &str, &str, &str) {
    let file = &item.file;
    let within = if file.kind.has_stages() { file.basename() } else { item.name.as_str() };
    (file.kind, &file.stage, within, &file.path)
}

impl RuleSet {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.errors.is_empty()
    }

    /// A scenario goes by the name in it, whatever its file is called: of several places the first that
    /// has one gives it. `places` knows the place of a file.
    fn leave_out_named_twice(&mut self, places: &BTreeMap<String, usize>) {
        let place = |one: &Scenario| places.get(&*one.item.path).copied();
        let mut first: BTreeMap<String, (Option<usize>, Arc<str>)> = BTreeMap::new();
        for one in &self.scenarios {
            let (at, path) = (place(one), Arc::clone(&one.item.path));
            let known = first.entry(one.spec.name.value.clone()).or_insert((at, Arc::clone(&path)));
            if at < known.0 {
                *known = (at, path);
            }
        }
        let warnings = &mut self.warnings;
        self.scenarios.retain(|one| {
            let Some((at, path)) = first.get(&one.spec.name.value) else { return true };
            let kept = place(one) == *at;
            if !kept {
                let message = format!("left out: `{}` is that of {path}", one.spec.name.value);
                warnings.push(RuleError::of_file(&one.item.path, message).with_help(FIRST));
            }
            kept
        });
    }

    fn add(&mut self, named: &Named, layout: Option<&Layout>) {
        self.add_file(&named.file, &named.name, layout.map(|layout| &layout.index));
    }

    /// Adds the item of one file, behind those that were added before. `index` knows its version.
    pub fn add_file(&mut self, file: &Found, name: &str, index: Option<&Index>) {
        let kind = file.kind;
        if kind == ItemKind::Collection {
            return;
        }
        let text = match file.read() {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(error);
                return;
            }
        };
        let digest = hash(text.as_bytes());
        let version = index.map(|index| index.version(kind, name, &digest));
        let item = Arc::new(Item {
            kind,
            name: name.into(),
            stage: file.stage.as_str().into(),
            path: file.shown.as_str().into(),
            version: version.unwrap_or_default().into(),
            hash: digest.into(),
        });
        self.decode(item, &text);
    }

    fn decode(&mut self, item: Arc<Item>, text: &str) {
        let source = Arc::new(Source::new(Arc::clone(&item.path), text));
        match item.kind {
            ItemKind::Parser | ItemKind::Postoverflow => {
                let (nodes, rules) = self.read(&source, node::read);
                let file = NodeFile { item, source, nodes };
                match file.item.kind {
                    ItemKind::Parser => rules.parsers.push(file),
                    _ => rules.postoverflows.push(file),
                }
            }
            ItemKind::Scenario => {
                let (specs, rules) = self.read(&source, bucket::read);
                let with_file =
                    |spec| Scenario { item: Arc::clone(&item), source: Arc::clone(&source), spec };
                rules.scenarios.extend(specs.into_iter().map(with_file));
            }
            ItemKind::Context => {
                let (contexts, rules) = self.read(&source, context::read);
                rules.contexts.push(ContextFile { item, source, contexts });
            }
            ItemKind::Collection => {}
        }
    }

    /// Decodes one file; with it, the set that it belongs to.
    fn read<T>(
        &mut self,
        source: &Source,
        decode: impl FnOnce(&Documents, &mut Reading<'_>) -> T,
    ) -> (T, &mut Self) {
        let documents = parse(source);
        let mut reading = Reading::new(source);
        let decoded = decode(&documents, &mut reading);
        self.warnings.extend(reading.warnings);
        let broken = !documents.errors.is_empty() || !reading.errors.is_empty();
        self.errors.extend(documents.errors);
        self.errors.extend(reading.errors);
        match broken {
            true => (decoded, &mut **self.broken.get_or_insert_default()),
            false => (decoded, self),
        }
    }

    fn take_surroundings(&mut self, layout: Layout, whole: bool) {
        // What was not asked for does not stop anything: a wanted item that is missing does.
        let unfound = if whole { &mut self.errors } else { &mut self.warnings };
        unfound.extend(layout.errors);
        self.warnings.extend(layout.warnings);
        self.data_dirs.extend(layout.data_dirs);
        self.embedded_data.extend(layout.embedded_data);
        // Of files of one name the first place's counts, as of items.
        for file in layout.patterns {
            if !self.patterns.iter().any(|known| known.name == file.name) {
                self.patterns.push(file);
            }
        }
        self.patterns.sort_by(|a, b| a.name.cmp(&b.name));
        self.profiles = self.profiles.take().or(layout.profiles);
        self.simulation = self.simulation.take().or(layout.simulation);
        if let (true, Some(path)) = (whole, layout.console_context) {
            self.add_context(&path);
            self.console_context = Some(path);
        }
    }

    /// Adds a console context file.
    pub fn add_context(&mut self, path: &std::path::Path) {
        let shown = path.display().to_string();
        let text = match super::text::read_text(path, &shown) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(error);
                return;
            }
        };
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("context");
        let item = Item {
            kind: ItemKind::Context,
            name: stem.into(),
            stage: "".into(),
            path: shown.into(),
            version: "".into(),
            hash: hash(text.as_bytes()).into(),
        };
        self.decode(Arc::new(item), &text);
    }
}
