//! A map of a configuration as written: every key known, every value of its kind, defaults in place.
//! What is wrong is noted with its place, all of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use operators::time::GoDuration;
use operators::yaml::tree::Scalar;
use operators::yaml::{Content, Fields, Located, Node, Position, Reading, suggestion};

use super::key::{Key, Kind, Section, Tagged};
use super::{size, unset};

/// What stands behind a key.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text, path, address, or one of some words.
    Text(String),
    /// True or false.
    Flag(bool),
    /// A number.
    Count(u64),
    /// A duration.
    Duration(Duration),
    /// A list of texts.
    Texts(Vec<Located<String>>),
    /// A list of networks.
    Networks(Vec<IpNet>),
    /// A list of numbers.
    Counts(Vec<u64>),
    /// A map of texts.
    Pairs(BTreeMap<String, String>),
    /// A map.
    Section(Box<Values>),
    /// A list of maps with their kinds.
    List(Vec<(&'static str, Values)>),
}

/// A value with its place, and whether somebody wrote it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands; the map where it is a default.
    pub at: Position,
    /// What it is.
    pub value: Value,
    /// Whether it is the default.
    pub is_default: bool,
}

/// A map as written.
#[derive(Clone, Debug)]
pub struct Values {
    /// Where it starts.
    pub at: Position,
    /// Its keys.
    pub section: &'static Section,
    entries: BTreeMap<&'static str, Entry>,
    /// Keys whose values were refused.
    refused: Vec<&'static str>,
}

impl Values {
    /// Reads a map; `None` where it is none. What is wrong is noted.
    pub fn read(node: &Node, section: &'static Section, reading: &mut Reading<'_>) -> Option<Self> {
        let fields = Fields::open(node, section.title, &section.names(), reading)?;
        let (mut entries, mut refused) = (BTreeMap::new(), Vec::new());
        for key in section.keys() {
            let written = fields.node(key.name);
            let default = written.is_none().then(|| default(key, node.at)).flatten();
            let Some(found) = written.or(default.as_ref()) else { continue };
            let before = reading.errors.len();
            let value = value(key, found, reading);
            if reading.errors.len() > before {
                refused.push(key.name);
            }
            if let Some(value) = value {
                let is_default = written.is_none();
                entries.insert(key.name, Entry { at: found.at, value, is_default });
            }
        }
        Some(Self { at: node.at, section, entries, refused })
    }

    /// A map in which nothing is written.
    pub fn defaults(section: &'static Section, reading: &mut Reading<'_>) -> Self {
        let at = Position::default();
        let node = Node { at, content: Content::Map(Vec::new()) };
        let empty = Self { at, section, entries: BTreeMap::new(), refused: Vec::new() };
        Self::read(&node, section, reading).unwrap_or(empty)
    }

    /// Everything behind its keys, in their order.
    pub fn all(&self) -> impl Iterator<Item = (&'static Key, &Entry)> {
        self.section.keys().filter_map(|key| Some((key, self.entries.get(key.name)?)))
    }

    /// What stands behind a key.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Where a key's value stands; the map where it is absent.
    pub fn place(&self, name: &str) -> Position {
        self.entries.get(name).map_or(self.at, |entry| entry.at)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text with its place.
    pub fn located(&self, name: &str) -> Option<Located<String>> {
        Some(Located::new(self.text(name)?.to_owned(), self.place(name)))
    }

    /// A text that must be there; "" where it is not, which is noted.
    pub fn required(&self, name: &str, reading: &mut Reading<'_>) -> String {
        let text = self.text(name).unwrap_or_default();
        if text.is_empty() && !self.refused.contains(&name) {
            reading.refuse(self.at, format!("{} needs `{name}`", self.section.title));
        }
        text.to_owned()
    }

    /// A path; a relative one begins in `directory`.
    pub fn path(&self, name: &str, directory: &Path) -> Option<PathBuf> {
        self.text(name).map(|text| directory.join(text))
    }

    /// True or false; false where absent.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Flag(true)))
    }

    /// True or false, `absent` where absent.
    pub fn flag_or(&self, name: &str, absent: bool) -> bool {
        match self.value(name) {
            Some(Value::Flag(flag)) => *flag,
            _ => absent,
        }
    }

    /// A whole number; `None` where it is a word or absent.
    pub fn count(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Count(count) => Some(*count),
            _ => None,
        }
    }

    /// A number of bytes or things in memory.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.count(name).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// A duration; `None` where it is a word or absent.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.value(name)? {
            Value::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// A list of texts; empty where absent.
    pub fn texts(&self, name: &str) -> &[Located<String>] {
        match self.value(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The same without places.
    pub fn words(&self, name: &str) -> Vec<String> {
        self.texts(name).iter().map(|text| text.value.clone()).collect()
    }

    /// A list of paths; relative ones begin in `directory`.
    pub fn paths(&self, name: &str, directory: &Path) -> Vec<PathBuf> {
        self.texts(name).iter().map(|text| directory.join(&text.value)).collect()
    }

    /// A list of networks; empty where absent.
    pub fn networks(&self, name: &str) -> &[IpNet] {
        match self.value(name) {
            Some(Value::Networks(networks)) => networks,
            _ => &[],
        }
    }

    /// A list of numbers; empty where absent.
    pub fn counts(&self, name: &str) -> &[u64] {
        match self.value(name) {
            Some(Value::Counts(counts)) => counts,
            _ => &[],
        }
    }

    /// A map of texts; empty where absent.
    pub fn pairs(&self, name: &str) -> BTreeMap<String, String> {
        match self.value(name) {
            Some(Value::Pairs(pairs)) => pairs.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// A map; `None` where absent.
    pub fn section(&self, name: &str) -> Option<&Self> {
        match self.value(name)? {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    /// A list of maps with their kinds; empty where absent.
    pub fn list(&self, name: &str) -> &[(&'static str, Self)] {
        match self.value(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.entries.get(name).map(|entry| &entry.value)
    }
}

/// The default of a key as if somebody had written it; a section is always there.
fn default(key: &Key, at: Position) -> Option<Node> {
    let content = match (key.kind, key.default) {
        (_, "") => return None,
        (Kind::Section(_), _) => Content::Map(Vec::new()),
        (_, text) => Content::Scalar(Scalar { text: text.to_owned(), plain: true, tag: None }),
    };
    Some(Node { at, content })
}

/// What a node is by the kind of its key.
fn value(key: &Key, node: &Node, reading: &mut Reading<'_>) -> Option<Value> {
    let one = |node: &Node| [(Located::new(key.name.to_owned(), node.at), node.clone())];
    let map = Node { at: node.at, content: Content::Map(one(node).into()) };
    // The map was made of this one key: nothing in it is unknown.
    let fields = Fields::open(&map, "", &[key.name], reading)?;
    unset::tell(key, node, reading);
    match key.kind {
        Kind::Text | Kind::Secret | Kind::Path => {
            Some(Value::Text(fields.text(key.name, reading)?.value))
        }
        Kind::Address => address(fields.text(key.name, reading)?, reading).map(Value::Text),
        Kind::Flag => fields.optional_flag(key.name, reading).map(|flag| Value::Flag(flag.value)),
        Kind::Count(least, most, words) => count(&fields, key, (least, most, words), reading),
        Kind::Size => match size::parse(&fields.text(key.name, reading)?.value) {
            Ok(bytes) => Some(Value::Count(bytes)),
            Err(error) => {
                let help = "write bytes, or a number with KiB, MiB or GiB, such as 64MiB";
                reading.refuse_with(node.at, format!("`{}`: {error}", key.name), help);
                None
            }
        },
        Kind::Duration(words) => duration(&fields, key.name, words, reading),
        Kind::Choice(words) => word(&fields.text(key.name, reading)?, key.name, words, reading),
        Kind::Texts | Kind::Paths => Some(Value::Texts(fields.texts(key.name, reading))),
        Kind::Networks => {
            Some(Value::Networks(networks(&fields.texts(key.name, reading), reading)))
        }
        Kind::Counts => {
            Some(Value::Counts(counts(&fields.texts(key.name, reading), key.name, reading)))
        }
        Kind::Pairs | Kind::Secrets => Some(Value::Pairs(pairs(&fields, key.name, reading))),
        Kind::Section(section) => {
            Values::read(node, section, reading).map(Box::new).map(Value::Section)
        }
        Kind::List(tagged) => {
            let items = fields.items(key.name, reading);
            let maps = items.iter().filter_map(|item| tagged_map(item, tagged, reading));
            Some(Value::List(maps.collect()))
        }
    }
}

fn address(text: Located<String>, reading: &mut Reading<'_>) -> Option<String> {
    let port = text.value.rsplit_once(':').and_then(|(host, port)| {
        (!host.is_empty() && (!host.contains(':') || host.starts_with('['))).then_some(port)
    });
    if port.is_some_and(|port| port.parse::<u16>().is_ok()) {
        return Some(text.value);
    }
    let message = format!("{:?} is no address", text.value);
    reading.refuse_with(text.at, message, "write HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080");
    None
}

fn count(
    fields: &Fields<'_>,
    key: &Key,
    (least, most, words): (u64, u64, &[&'static str]),
    reading: &mut Reading<'_>,
) -> Option<Value> {
    if !words.is_empty()
        && let Some(text) = fields.node(key.name).and_then(Node::located_text)
        && words.contains(&text.value.as_str())
    {
        return Some(Value::Text(text.value));
    }
    let number = fields.integer(key.name, reading)?;
    match u64::try_from(number.value).ok().filter(|number| (least..=most).contains(number)) {
        Some(count) => Some(Value::Count(count)),
        None => {
            let or = words.iter().map(|word| format!(", or {word}")).collect::<String>();
            let message = format!("`{}` is a number from {least} to {most}{or}", key.name);
            reading.refuse(number.at, message);
            None
        }
    }
}

fn duration(
    fields: &Fields<'_>,
    name: &str,
    words: &[&'static str],
    reading: &mut Reading<'_>,
) -> Option<Value> {
    let text = fields.node(name).and_then(Node::located_text);
    if let Some(text) = text.filter(|text| words.contains(&text.value.as_str())) {
        return Some(Value::Text(text.value));
    }
    let Located { value: GoDuration(nanos), at } = fields.duration(name, reading)?;
    match u64::try_from(nanos) {
        Ok(nanos) => Some(Value::Duration(Duration::from_nanos(nanos))),
        Err(_) => {
            reading.refuse(at, format!("`{name}` must not be negative"));
            None
        }
    }
}

fn word(
    text: &Located<String>,
    name: &str,
    words: &[&str],
    reading: &mut Reading<'_>,
) -> Option<Value> {
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(&text.value)) {
        return Some(Value::Text((*word).to_owned()));
    }
    let message = format!("`{name}` is one of {}, not {:?}", words.join(", "), text.value);
    let error = reading.source.error(text.at, message);
    reading.errors.push(error.with_suggestion(suggestion(&text.value, words)));
    None
}

fn networks(texts: &[Located<String>], reading: &mut Reading<'_>) -> Vec<IpNet> {
    let mut all = Vec::new();
    for text in texts {
        let address = text.value.parse::<std::net::IpAddr>().map(IpNet::from);
        match text.value.parse::<IpNet>().or(address) {
            Ok(network) => all.push(network.trunc()),
            Err(_) => {
                let message = format!("{:?} is no network", text.value);
                reading.refuse_with(
                    text.at,
                    message,
                    "write 192.0.2.0/24, 2001:db8::/32 or an address",
                );
            }
        }
    }
    all
}

fn counts(texts: &[Located<String>], name: &str, reading: &mut Reading<'_>) -> Vec<u64> {
    let mut all = Vec::new();
    for text in texts {
        match text.value.parse() {
            Ok(number) => all.push(number),
            Err(_) => reading.refuse(text.at, format!("`{name}` is a list of whole numbers")),
        }
    }
    all
}

fn pairs(fields: &Fields<'_>, name: &str, reading: &mut Reading<'_>) -> BTreeMap<String, String> {
    let entries = fields.entries(name, reading).iter();
    let pair = |(key, node): &(Located<String>, Node)| {
        Some((key.value.clone(), reading.text_of(node, &key.value)?.value))
    };
    entries.filter_map(pair).collect()
}

/// One of several kinds of maps.
pub fn tagged_map(
    node: &Node,
    tagged: &'static Tagged,
    reading: &mut Reading<'_>,
) -> Option<(&'static str, Values)> {
    let said = node.entry(tagged.tag).and_then(Node::located_text);
    let implied = || tagged.implied.iter().find(|(key, _)| node.entry(key).is_some());
    let kind = match (&said, implied()) {
        (Some(said), _) => said.value.as_str(),
        (None, Some((_, kind))) => kind,
        (None, None) => {
            let help = format!("write `{}: ` and one of {}", tagged.tag, tagged.names().join(", "));
            reading.refuse_with(node.at, format!("this has no `{}`", tagged.tag), help);
            return None;
        }
    };
    let at = said.as_ref().map_or(node.at, |said| said.at);
    if let Some((name, why)) = tagged.refused.iter().find(|(name, _)| *name == kind) {
        reading.refuse(at, format!("{} {name} {why}", tagged.tag));
        return None;
    }
    let Some((name, section)) = tagged.kinds.iter().find(|(name, _)| *name == kind) else {
        let message = format!("unknown {} {kind:?}", tagged.tag);
        let error = reading.source.error(at, message).spanning(kind.chars().count());
        reading.errors.push(error.with_suggestion(suggestion(kind, &tagged.names())));
        return None;
    };
    Some((name, Values::read(node, section, reading)?))
}
