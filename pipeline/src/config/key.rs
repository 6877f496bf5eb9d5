//! What may stand in a configuration: sections of keys, each with its kind, its default and what it is
//! for. The decoder ([`super::values`]), the JSON Schema ([`super::schema`]) and what is printed
//! ([`super::show`]) read the same lists, so that they cannot differ.

/// A map whose keys are known.
#[derive(Debug)]
pub struct Section {
    /// What errors call it: `api`, `file source`.
    pub title: &'static str,
    /// Its keys; several maps may share a group.
    pub groups: &'static [&'static [Key]],
}

/// A key.
#[derive(Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What stands behind it.
    pub kind: Kind,
    /// What counts where it is absent, as YAML; "" for nothing.
    pub default: &'static str,
    /// What it is for, in a few words.
    pub help: &'static str,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text that is not shown again.
    Secret,
    /// A path; a relative one begins in the directory of the file.
    Path,
    /// `HOST:PORT`.
    Address,
    /// True or false.
    Flag,
    /// A whole number between two, or one of some words.
    Count(u64, u64, &'static [&'static str]),
    /// A number of bytes: `64MiB`, `1000000`.
    Size,
    /// A duration in Go's notation, or one of some words.
    Duration(&'static [&'static str]),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of paths.
    Paths,
    /// A list of networks and addresses.
    Networks,
    /// A list of whole numbers.
    Counts,
    /// A map of texts.
    Pairs,
    /// A map of texts that are not shown again.
    Secrets,
    /// A map with keys of its own.
    Section(&'static Section),
    /// A list of maps, each of one of some kinds.
    List(&'static Tagged),
}

/// Maps of several kinds, told apart by one of their keys.
#[derive(Debug)]
pub struct Tagged {
    /// The key that names the kind.
    pub tag: &'static str,
    /// Names and keys of the kinds.
    pub kinds: &'static [(&'static str, &'static Section)],
    /// The kind of a map that has one of these keys and does not name its kind.
    pub implied: &'static [(&'static str, &'static str)],
    /// Names that are known and refused, and why.
    pub refused: &'static [(&'static str, &'static str)],
}

impl Key {
    /// A key without a default.
    pub const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, default: "", help }
    }

    /// The same with a default.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

impl Section {
    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.keys().map(|key| key.name).collect()
    }
}

impl Tagged {
    /// The names of the kinds.
    pub fn names(&self) -> Vec<&'static str> {
        self.kinds.iter().map(|(name, _)| *name).collect()
    }

    /// The keys of a kind.
    pub fn section(&self, kind: &str) -> Option<&'static Section> {
        self.kinds.iter().find(|(name, _)| *name == kind).map(|(_, section)| *section)
    }
}
