//! Parser and postoverflow nodes as written (crowdsec pkg/parser/node_config.go), strictly decoded.
//! Expressions and grok patterns are still text here.

use crate::time::GoDuration;
use crate::yaml::{self, Documents, Fields, Located, Node, Position, Reading, format};

mod grok;
mod statics;
mod whitelist;

pub use grok::{GrokInput, GrokPattern, GrokSpec};
pub use statics::{Content, Destination, StaticSpec};
pub use whitelist::WhitelistSpec;

/// What a node does when it succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSuccess {
    /// The other nodes of the stage have their turn too.
    #[default]
    Continue,
    /// The event goes to the next stage.
    NextStage,
}

/// A node: a parser, a postoverflow or a child of one.
#[derive(Clone, Debug, Default)]
pub struct NodeSpec {
    /// Where it starts.
    pub at: Position,
    /// Its name; `child-<parent>` for a child without one.
    pub name: Located<String>,
    /// Who wrote it.
    pub author: String,
    /// What it is for.
    pub description: String,
    /// Whether its work is to be shown; children inherit it.
    pub debug: bool,
    /// What its success means for the stage. Read of a parent by its children too.
    pub on_success: OnSuccess,
    /// Which events it looks at.
    pub filter: Option<Located<String>>,
    /// Its children, in order.
    pub nodes: Vec<NodeSpec>,
    /// Named patterns for itself and everything that is loaded later, in order.
    pub pattern_syntax: Vec<(Located<String>, Located<String>)>,
    /// What it matches.
    pub grok: Option<GrokSpec>,
    /// What it writes on success.
    pub statics: Vec<StaticSpec>,
    /// What it remembers.
    pub stash: Vec<StashSpec>,
    /// What it lets go.
    pub whitelist: WhitelistSpec,
    /// Files that its expressions read. Of top-level nodes only, as CrowdSec does.
    pub data: Vec<DataSpec>,
}

/// A table of the rules: written by nodes, read by `GetFromStash`.
#[derive(Clone, Debug)]
pub struct StashSpec {
    /// Name of the table.
    pub name: Located<String>,
    /// Expression for the key.
    pub key: Located<String>,
    /// Expression for the value.
    pub value: Located<String>,
    /// How long an entry is kept.
    pub ttl: Located<GoDuration>,
    /// How many entries are kept, at least 1.
    pub size: u64,
    /// Which entry goes first when the table is full.
    pub strategy: Eviction,
}

/// Which entry of a full table goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// Least recently used.
    #[default]
    Lru,
    /// Least frequently used.
    Lfu,
    /// Adaptive.
    Arc,
}

/// A data file.
#[derive(Clone, Debug)]
pub struct DataSpec {
    /// Where it comes from, "" for a local file.
    pub source_url: String,
    /// Its name in the data directory and in expressions.
    pub dest_file: Located<String>,
    /// `string`, `regexp`, `regex`, `map`, `bots`, or one that is downloaded only.
    pub kind: Located<String>,
}

const NODE_KEYS: [&str; 17] = [
    "format",
    "debug",
    "profiling",
    "name",
    "author",
    "description",
    "references",
    "stage",
    "onsuccess",
    "filter",
    "nodes",
    "pattern_syntax",
    "grok",
    "statics",
    "stash",
    "whitelist",
    "data",
];
const STASH_KEYS: [&str; 6] = ["name", "key", "value", "ttl", "size", "strategy"];
const DATA_KEYS: [&str; 7] =
    ["source_url", "dest_file", "type", "cache", "strategy", "size", "ttl"];

/// The nodes of a parser or postoverflow file, in order. A document without name, author and
/// description, or of a foreign format, is left out.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Vec<NodeSpec> {
    let mut nodes = Vec::new();
    for document in &documents.nodes {
        if let Some(node) = top_level(document, reading) {
            nodes.push(node);
        }
    }
    nodes
}

/// A list of statics outside a node, such as the `override_statics` of a hub test.
pub fn read_statics(items: &[Node], reading: &mut Reading<'_>) -> Vec<StaticSpec> {
    statics::read(items, reading)
}

fn top_level(document: &Node, reading: &mut Reading<'_>) -> Option<NodeSpec> {
    let fields = Fields::open(document, "parser", &NODE_KEYS, reading)?;
    if ["name", "author", "description"].iter().all(|key| fields.node(key).is_none()) {
        reading.warn(document.at, "node left out: it has no name, author or description");
        return None;
    }
    if !format::is_supported(&fields, "parser", reading) {
        return None;
    }
    node(&fields, None, reading)
}

fn node(fields: &Fields<'_>, parent: Option<&str>, reading: &mut Reading<'_>) -> Option<NodeSpec> {
    let before = reading.errors.len();
    let mut name = fields.text("name", reading).unwrap_or_default();
    if let (true, Some(parent)) = (name.value.is_empty(), parent) {
        name = Located::new(format!("child-{parent}"), fields.at);
    }
    let spec = NodeSpec {
        at: fields.at,
        author: fields.text("author", reading).unwrap_or_default().value,
        description: fields.text("description", reading).unwrap_or_default().value,
        debug: fields.flag("debug", reading),
        on_success: on_success(fields, reading),
        filter: fields.text("filter", reading),
        nodes: children(fields, &name.value, reading),
        pattern_syntax: pattern_syntax(fields, reading),
        grok: grok::read(fields, reading),
        statics: statics::read(fields.items("statics", reading), reading),
        stash: stashes(fields, reading),
        whitelist: whitelist::read(fields, reading),
        data: data_files(fields, reading),
        name,
    };
    fields.flag("profiling", reading);
    fields.texts("references", reading);
    fields.text("stage", reading);
    let idle = spec.nodes.is_empty() && spec.statics.is_empty() && spec.whitelist.is_empty();
    if idle && spec.grok.is_none() && reading.errors.len() == before {
        reading.refuse_with(
            spec.at,
            "this node does nothing",
            "give it a grok, statics, a whitelist or child nodes",
        );
    }
    Some(spec)
}

fn on_success(fields: &Fields<'_>, reading: &mut Reading<'_>) -> OnSuccess {
    let Some(word) = fields.text("onsuccess", reading) else { return OnSuccess::Continue };
    match word.value.as_str() {
        "continue" => OnSuccess::Continue,
        "next_stage" => OnSuccess::NextStage,
        other => {
            let help = yaml::suggestion(other, &["continue", "next_stage"]).unwrap_or_default();
            reading.refuse_with(word.at, format!("unknown `onsuccess`: {other:?}"), help);
            OnSuccess::Continue
        }
    }
}

fn children(fields: &Fields<'_>, parent: &str, reading: &mut Reading<'_>) -> Vec<NodeSpec> {
    let mut nodes = Vec::new();
    for child in fields.items("nodes", reading) {
        let opened = Fields::open(child, "node", &NODE_KEYS, reading);
        nodes.extend(opened.and_then(|fields| node(&fields, Some(parent), reading)));
    }
    nodes
}

fn pattern_syntax(
    fields: &Fields<'_>,
    reading: &mut Reading<'_>,
) -> Vec<(Located<String>, Located<String>)> {
    let entries = fields.entries("pattern_syntax", reading);
    let read = |(name, node): &(Located<String>, Node)| {
        Some((name.clone(), reading.text_of(node, &name.value)?))
    };
    entries.iter().filter_map(read).collect()
}

fn stashes(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<StashSpec> {
    let items = fields.items("stash", reading).iter();
    items.filter_map(|item| stash(item, reading)).collect()
}

fn stash(item: &Node, reading: &mut Reading<'_>) -> Option<StashSpec> {
    let fields = Fields::open(item, "stash", &STASH_KEYS, reading)?;
    let name = fields.required("name", "a stash", reading);
    let key = fields.required("key", "a stash", reading);
    let value = fields.required("value", "a stash", reading);
    if fields.node("ttl").is_none() {
        reading.refuse(fields.at, "a stash needs `ttl`");
    }
    let ttl = fields.duration("ttl", reading);
    // CrowdSec means 100 too, but applies it too late and panics.
    let size = match fields.integer("size", reading) {
        None => 100,
        Some(size) if size.value == 0 => 100,
        Some(size) => u64::try_from(size.value).unwrap_or_else(|_| {
            reading.refuse(size.at, "`size` must not be negative");
            100
        }),
    };
    let strategy = match fields.text("strategy", reading) {
        None => Eviction::Lru,
        Some(word) => match word.value.as_str() {
            "LRU" => Eviction::Lru,
            "LFU" => Eviction::Lfu,
            "ARC" => Eviction::Arc,
            other => {
                let message = format!("unknown strategy {other:?}: LRU is used (LRU, LFU, ARC)");
                reading.warn(word.at, message);
                Eviction::Lru
            }
        },
    };
    Some(StashSpec { name, key, value, ttl: ttl?, size, strategy })
}

/// The `data` list of a parser or scenario. An entry without `dest_file` is left out.
pub fn data_files(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<DataSpec> {
    let items = fields.items("data", reading).iter();
    items.filter_map(|item| data_file(item, reading)).collect()
}

fn data_file(item: &Node, reading: &mut Reading<'_>) -> Option<DataSpec> {
    let fields = Fields::open(item, "data", &DATA_KEYS, reading)?;
    // How CrowdSec caches regexps is read, checked and without effect: ours need no cache.
    fields.optional_flag("cache", reading);
    fields.text("strategy", reading);
    fields.integer("size", reading);
    fields.duration("ttl", reading);
    let source_url = fields.text("source_url", reading).unwrap_or_default().value;
    let kind = fields.text("type", reading).unwrap_or_default();
    let Some(dest_file) = fields.text("dest_file", reading) else {
        reading.warn(fields.at, "data left out: it has no `dest_file`");
        return None;
    };
    Some(DataSpec { source_url, dest_file, kind })
}

#[cfg(test)]
mod tests;
