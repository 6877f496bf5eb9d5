//! Which of the files that were found are wanted: all, or those that names and collections name.

use std::collections::{BTreeMap, BTreeSet};

use operators::yaml::{Content, Node, RuleError, Source, nearest, parse};

use super::found::Found;
use super::item::ItemKind;
use super::layout::Layout;

/// What to load.
#[derive(Clone, Debug, Default)]
pub enum Selection {
    /// Everything.
    #[default]
    All,
    /// Items named `author/name`, members of collections included.
    Named(Vec<String>),
}

/// A file with the name of its item.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) file: Found,
    pub(super) name: String,
}

/// The files of a layout with their names: those of the index, else those of their paths.
pub(super) fn named(layout: &Layout) -> Vec<Named> {
    let by_path: Vec<_> = ItemKind::ALL.map(|kind| (kind, layout.index.names_by_path(kind))).into();
    let name = |file: &Found| {
        let known = by_path.iter().find(|(kind, _)| *kind == file.kind);
        let known = known.and_then(|(_, names)| names.get(file.path.as_str()));
        known.map_or_else(|| file.path_name(), |name| (*name).to_owned())
    };
    layout.files.iter().map(|file| Named { name: name(file), file: file.clone() }).collect()
}

/// Keeps what is wanted. A wanted name that nothing has is an error.
pub(super) fn select(
    files: Vec<Named>,
    wanted: &[String],
    errors: &mut Vec<RuleError>,
) -> Vec<Named> {
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    let mut names = Names::new(&files);
    // A name without a kind may be any item's; a member of a collection is of its list's kind.
    let mut open: Vec<(Option<ItemKind>, String, Option<String>)> =
        wanted.iter().rev().map(|name| (None, name.clone(), None)).collect();
    let mut seen = BTreeSet::new();
    while let Some((kind, name, within)) = open.pop() {
        if !seen.insert((kind, name.clone())) {
            continue;
        }
        let found = names.find(kind, &name);
        if found.is_empty() {
            errors.push(missing(kind, &name, within.as_deref(), &names));
        }
        for index in found {
            let Some(item) = files.get(index) else { continue };
            kept.insert(index);
            if item.file.kind == ItemKind::Collection {
                open.extend(members(item, errors));
            }
        }
    }
    let files = files.into_iter().enumerate();
    files.filter(|(index, _)| kept.contains(index)).map(|(_, file)| file).collect()
}

/// A remark where nothing that is wanted parses raw lines, but something else would: scenarios are
/// mostly asked for by a collection that leaves this to another one.
pub(super) fn unparsed(all: &[Named], wanted: &[Named]) -> Option<RuleError> {
    let parsers = |items: &[Named]| {
        let parsers = items.iter().filter(|item| item.file.kind == ItemKind::Parser);
        parsers.map(|item| (item.file.stage.clone(), item.name.clone())).collect::<BTreeSet<_>>()
    };
    let all = parsers(all);
    let (first, _) = all.first()?;
    let is_first = |(stage, _): &&(String, String)| stage == first;
    if wanted.is_empty() || parsers(wanted).iter().any(|parser| is_first(&parser)) {
        return None;
    }
    let names: Vec<_> = all.iter().filter(is_first).map(|(_, name)| name.as_str()).collect();
    let message = format!("no item of stage {first} is wanted: later stages may find nothing");
    let some = names.get(..names.len().min(3)).unwrap_or_default().join("`, `");
    let help = format!("add --item with one of `{some}`, or with a collection that has one");
    Some(RuleError::of_file("--item", message).with_help(help))
}

struct Names<'a> {
    files: &'a [Named],
    by_name: BTreeMap<&'a str, Vec<usize>>,
    /// Names inside the documents, read when a name is not found otherwise.
    inside: Option<BTreeMap<String, Vec<usize>>>,
}

impl<'a> Names<'a> {
    fn new(files: &'a [Named]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            by_name.entry(&file.name).or_default().push(index);
        }
        Self { files, by_name, inside: None }
    }

    fn find(&mut self, kind: Option<ItemKind>, name: &str) -> Vec<usize> {
        let files = self.files;
        let fits = |index: &usize| {
            kind.is_none_or(|kind| files.get(*index).is_some_and(|item| item.file.kind == kind))
        };
        let known = self.by_name.get(name).into_iter().flatten().copied();
        let mut known: Vec<usize> = known.filter(fits).collect();
        if !known.is_empty() {
            for index in scenarios_called(name, files).iter().filter(|index| fits(index)) {
                if !known.contains(index) {
                    known.push(*index);
                }
            }
            return known;
        }
        let inside = self.inside.get_or_insert_with(|| names_inside(files));
        inside.get(name).into_iter().flatten().copied().filter(fits).collect()
    }
}

/// Scenarios go by the name in them, whatever their files are called: one's own may stand for that
/// of a hub.
fn scenarios_called(name: &str, files: &[Named]) -> Vec<usize> {
    let scenario = |item: &Named| item.file.kind == ItemKind::Scenario;
    // Few texts hold the name at all; only these are parsed.
    let holds = |item: &Named| item.file.read().is_ok_and(|text| text.contains(name));
    let called = |item: &Named| names_in(item).iter().any(|one| one == name);
    let all = files.iter().enumerate();
    let found = all.filter(|(_, item)| scenario(item) && holds(item) && called(item));
    found.map(|(index, _)| index).collect()
}

fn names_inside(files: &[Named]) -> BTreeMap<String, Vec<usize>> {
    let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, item) in files.iter().enumerate() {
        for name in names_in(item) {
            names.entry(name).or_default().push(index);
        }
    }
    names
}

/// The `name` of each document.
fn names_in(item: &Named) -> Vec<String> {
    let Ok(text) = item.file.read() else { return Vec::new() };
    let documents = parse(&Source::new(item.file.shown.as_str(), &text)).nodes;
    let name = |document: &Node| document.entry("name").and_then(Node::located_text);
    documents.iter().filter_map(name).map(|name| name.value).collect()
}

fn missing(
    kind: Option<ItemKind>,
    name: &str,
    within: Option<&str>,
    names: &Names<'_>,
) -> RuleError {
    let noun = kind.map_or("item", ItemKind::noun);
    let error = RuleError::of_file(within.unwrap_or(name), format!("{noun} `{name}` is not here"));
    let inside = names.inside.iter().flat_map(BTreeMap::keys).map(String::as_str);
    let near = nearest(name, names.by_name.keys().copied().chain(inside));
    match near {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error.with_help("`spillway check` lists what is there"),
    }
}

/// What a collection names. Its lists of WAF content are not read.
fn members(
    item: &Named,
    errors: &mut Vec<RuleError>,
) -> Vec<(Option<ItemKind>, String, Option<String>)> {
    let text = match item.file.read() {
        Ok(text) => text,
        Err(error) => {
            errors.push(error);
            return Vec::new();
        }
    };
    let source = Source::new(item.file.shown.as_str(), &text);
    let documents = parse(&source);
    errors.extend(documents.errors);
    let mut members = Vec::new();
    for document in &documents.nodes {
        for kind in ItemKind::ALL {
            let Some(list) = document.entry(kind.directory()) else { continue };
            match &list.content {
                Content::List(items) => {
                    let names = items.iter().filter_map(Node::located_text);
                    let names = names.filter(|name| !name.value.is_empty());
                    let shown = Some(item.file.shown.clone());
                    members.extend(names.map(|name| (Some(kind), name.value, shown.clone())));
                }
                _ if list.is_null() => {}
                _ => errors.push(source.error(list.at, "a collection lists names here")),
            }
        }
    }
    members
}
