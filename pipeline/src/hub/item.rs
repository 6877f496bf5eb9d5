//! An item of a hub: which kind of content it is, where it stands and what identifies it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Kinds of content, as the directories of a hub name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// `parsers/<stage>/`.
    Parser,
    /// `postoverflows/<stage>/`.
    Postoverflow,
    /// `scenarios/`.
    Scenario,
    /// `contexts/`.
    Context,
    /// `collections/`.
    Collection,
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Parser, Self::Postoverflow, Self::Scenario, Self::Context, Self::Collection];

    /// Name of its directory, and of its list in an index or a collection.
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Parser => "parsers",
            Self::Postoverflow => "postoverflows",
            Self::Scenario => "scenarios",
            Self::Context => "contexts",
            Self::Collection => "collections",
        }
    }

    /// What one of them is called.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Parser => "parser",
            Self::Postoverflow => "postoverflow",
            Self::Scenario => "scenario",
            Self::Context => "context",
            Self::Collection => "collection",
        }
    }

    /// Whether its directory is divided into stages.
    pub const fn has_stages(self) -> bool {
        matches!(self, Self::Parser | Self::Postoverflow)
    }
}

/// An item that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// `author/name` as the hub calls it; the file's stem where there is no author.
    pub name: Arc<str>,
    /// The stage, "" where the kind has none.
    pub stage: Arc<str>,
    /// Where it was found, for people.
    pub path: Arc<str>,
    /// The version whose digest the index gives for this content, `?` where none is (it was
    /// changed), "" where no index knows the item (it is local).
    pub version: Arc<str>,
    /// SHA-256 of the file, hexadecimal: `scenario_hash` of alerts (crowdsec pkg/cwhub).
    pub hash: Arc<str>,
}

/// SHA-256 in hexadecimal digits.
pub fn hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
