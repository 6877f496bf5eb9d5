//! Paths into XML: the subset of XPath of `github.com/beevik/etree`.

use super::xml_tree::Tree;

/// Most elements that one search looks at: `//` within `//` is quadratic in deep documents.
const MOST_CANDIDATES: usize = 4_000_000;

/// A compiled path.
#[derive(Debug)]
pub(super) struct Path(Vec<Segment>);

#[derive(Debug)]
struct Segment {
    selector: Selector,
    filters: Vec<Filter>,
}

/// A name as written; without a prefix it fits any.
#[derive(Debug)]
struct Name {
    prefix: String,
    local: String,
}

#[derive(Debug)]
enum Selector {
    Root,
    Itself,
    Parent,
    Children,
    Descendants,
    Named(Name),
}

#[derive(Debug)]
enum Filter {
    /// `[n]`, from 0; negative from the end.
    Position(i64),
    Attribute(Name, Option<String>),
    Child(Name, Option<String>),
    Function(Function, Option<String>),
}

#[derive(Clone, Copy, Debug)]
enum Function {
    LocalName,
    Name,
    Prefix,
    Uri,
    Text,
}

impl Name {
    fn new(text: &str) -> Self {
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        Self { prefix: prefix.to_owned(), local: local.to_owned() }
    }

    fn fits(&self, prefix: &str, local: &str) -> bool {
        self.local == local && (self.prefix.is_empty() || self.prefix == prefix)
    }
}

/// The first attribute of that name (with a prefix or without).
pub(super) fn attribute<'a>(tree: &'a Tree, at: usize, name: &str) -> Option<&'a str> {
    let name = Name::new(name);
    tree.attributes(at)
        .find(|(prefix, local, _)| name.fits(prefix, local))
        .map(|(_, _, value)| value)
}

impl Path {
    /// Compiles a path, `None` where it is malformed.
    pub(super) fn new(text: &str) -> Option<Self> {
        let whole = if text.ends_with("//") { format!("{text}*") } else { text.to_owned() };
        let mut segments = Vec::new();
        let mut rest = whole.as_str();
        if let Some(relative) = rest.strip_prefix('/') {
            segments.push(Segment { selector: Selector::Root, filters: Vec::new() });
            rest = relative;
        }
        for piece in split(rest) {
            segments.push(segment(piece)?);
        }
        Some(Self(segments))
    }

    /// The first element on this path.
    pub(super) fn first(&self, tree: &Tree) -> Option<usize> {
        let mut queue = std::collections::VecDeque::from([(0, 0)]);
        // What was queued once leads to the same elements again: skipping it keeps this linear.
        let mut seen = vec![false; tree.len() * (self.0.len() + 1)];
        let mut budget = MOST_CANDIDATES;
        while let Some((element, index)) = queue.pop_front() {
            let segment = self.0.get(index)?;
            let mut candidates = segment.selector.select(tree, element);
            for filter in &segment.filters {
                candidates = filter.keep(tree, &candidates);
            }
            budget = budget.checked_sub(candidates.len())?;
            if index + 1 == self.0.len() {
                if let Some(first) = candidates.first() {
                    return Some(*first);
                }
                continue;
            }
            for candidate in candidates {
                let slot = &mut seen[(index + 1) * tree.len() + candidate];
                if !std::mem::replace(slot, true) {
                    queue.push_back((candidate, index + 1));
                }
            }
        }
        None
    }
}

/// Splits at `/` outside of quotes.
fn split(path: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, byte) in path.bytes().enumerate() {
        match (quote, byte) {
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'/') => {
                pieces.push(&path[start..at]);
                start = at + 1;
            }
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    pieces.push(&path[start..]);
    pieces
}

fn segment(text: &str) -> Option<Segment> {
    let mut pieces = text.split('[');
    let selector = match pieces.next()? {
        "." => Selector::Itself,
        ".." => Selector::Parent,
        "*" => Selector::Children,
        "" => Selector::Descendants,
        name => Selector::Named(Name::new(name)),
    };
    let filters = pieces.map(|piece| filter(piece.strip_suffix(']')?)).collect::<Option<_>>()?;
    Some(Segment { selector, filters })
}

fn filter(text: &str) -> Option<Filter> {
    let first = text.chars().next()?;
    let (key, value) = match text.split_once('=') {
        Some((key, quoted)) if quoted.starts_with(['\'', '"']) => {
            let quote = quoted.chars().next()?;
            let end = quoted[1..].find(quote)?;
            if end + 2 != quoted.len() {
                return None;
            }
            (key, Some(quoted[1..=end].to_owned()))
        }
        _ => (text, None),
    };
    if first == '@' {
        return Some(Filter::Attribute(Name::new(&key[1..]), value));
    }
    if let Some(name) = key.strip_suffix("()") {
        let function = match name {
            "local-name" => Function::LocalName,
            "name" => Function::Name,
            "namespace-prefix" => Function::Prefix,
            "namespace-uri" => Function::Uri,
            "text" => Function::Text,
            _ => return None,
        };
        return Some(Filter::Function(function, value));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if value.is_none() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let position = text.parse::<i64>().unwrap_or(0);
        return Some(Filter::Position(if position > 0 { position - 1 } else { position }));
    }
    Some(Filter::Child(Name::new(key), value))
}

impl Selector {
    fn select(&self, tree: &Tree, at: usize) -> Vec<usize> {
        match self {
            Self::Root => vec![0],
            Self::Itself => vec![at],
            Self::Parent => tree.parent(at).into_iter().collect(),
            Self::Children => tree.children(at).to_vec(),
            Self::Descendants => {
                let mut found = vec![at];
                let mut next = 0;
                while let Some(here) = found.get(next) {
                    found.extend_from_slice(tree.children(*here));
                    next += 1;
                }
                found
            }
            Self::Named(name) => {
                let children = tree.children(at).iter().copied();
                children
                    .filter(|child| name.fits(tree.prefix(*child), tree.local(*child)))
                    .collect()
            }
        }
    }
}

impl Filter {
    fn keep(&self, tree: &Tree, candidates: &[usize]) -> Vec<usize> {
        let some = |keep: &dyn Fn(usize) -> bool| {
            candidates.iter().copied().filter(|candidate| keep(*candidate)).collect()
        };
        match self {
            Self::Position(position) => {
                let index = match usize::try_from(*position) {
                    Ok(index) => Some(index),
                    Err(_) => usize::try_from(position.unsigned_abs())
                        .ok()
                        .and_then(|back| candidates.len().checked_sub(back)),
                };
                index.and_then(|index| candidates.get(index).copied()).into_iter().collect()
            }
            Self::Attribute(name, wanted) => some(&|at| {
                tree.attributes(at).any(|(prefix, local, value)| {
                    name.fits(prefix, local) && wanted.as_deref().is_none_or(|w| w == value)
                })
            }),
            // One per child that fits, as etree counts them.
            Self::Child(name, wanted) => {
                let fits = |child: &&usize| {
                    name.fits(tree.prefix(**child), tree.local(**child))
                        && wanted.as_deref().is_none_or(|w| w == tree.text(**child))
                };
                let times = |at: usize| tree.children(at).iter().filter(fits).count();
                let all = candidates.iter().flat_map(|at| std::iter::repeat_n(*at, times(*at)));
                all.take(MOST_CANDIDATES).collect()
            }
            Self::Function(function, wanted) => some(&|at| {
                let value = function.value(tree, at);
                match wanted {
                    Some(wanted) => *wanted == value,
                    None => !value.is_empty(),
                }
            }),
        }
    }
}

impl Function {
    fn value(self, tree: &Tree, at: usize) -> String {
        match self {
            Self::LocalName => tree.local(at).to_owned(),
            Self::Name if tree.prefix(at).is_empty() => tree.local(at).to_owned(),
            Self::Name => format!("{}:{}", tree.prefix(at), tree.local(at)),
            Self::Prefix => tree.prefix(at).to_owned(),
            Self::Uri => tree.namespace(at).to_owned(),
            Self::Text => tree.text(at),
        }
    }
}
