//! A file of a hub that was found, unread.

use std::path::PathBuf;

use operators::yaml::RuleError;

use super::item::ItemKind;
use super::text::read_text;

/// A file of a hub.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is, after its directory.
    pub kind: ItemKind,
    /// Stage, "" where the kind has none.
    pub stage: String,
    /// Path relative to the hub, `/` between its parts.
    pub path: String,
    /// Path for people.
    pub shown: String,
    /// Where its text is.
    pub text: Text,
}

/// Where a text is.
#[derive(Clone, Debug)]
pub enum Text {
    /// On disk.
    File(PathBuf),
    /// Inside the binary.
    Static(&'static str),
}

impl Found {
    /// Name of the file without its directories: parsers of a stage run in this order.
    pub fn basename(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// `author/stem`, or the stem where there is no author.
    pub fn path_name(&self) -> String {
        let skipped = if self.kind.has_stages() { 2 } else { 1 };
        let stem = self.path.strip_suffix(".yaml").or_else(|| self.path.strip_suffix(".yml"));
        let parts: Vec<&str> = stem.unwrap_or(&self.path).split('/').skip(skipped).collect();
        parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join("/")
    }

    /// Its text.
    ///
    /// # Errors
    /// The file cannot be read, is too large or no UTF-8.
    pub fn read(&self) -> Result<String, RuleError> {
        match &self.text {
            Text::Static(text) => Ok((*text).to_owned()),
            Text::File(path) => read_text(path, &self.shown),
        }
    }
}
