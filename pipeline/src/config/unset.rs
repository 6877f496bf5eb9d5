//! Variables of the environment that nobody has set: as in CrowdSec their references stay as they are
//! written, which for a secret would be one that everybody knows.

use operators::yaml::{Content, Located, Node, Reading};

use super::key::{Key, Kind};

/// Refuses secrets with references to variables that nobody has set, and warns of such in other texts.
pub(super) fn tell(key: &Key, node: &Node, reading: &mut Reading<'_>) {
    // Their keys are looked at one by one.
    if reading.source.unset().is_empty() || matches!(key.kind, Kind::Section(_) | Kind::List(_)) {
        return;
    }
    let is_secret = matches!(key.kind, Kind::Secret | Kind::Secrets);
    for text in texts(node) {
        for reference in reading.source.unset() {
            if !holds(&text.value, reference) {
                continue;
            }
            let message = format!("`{}`: nobody has set {reference}", key.name);
            let error = reading.source.error(text.at, message);
            // A secret that somebody wrote down may have a dollar in it.
            if is_secret && (reference.starts_with("${") || text.value == *reference) {
                let help = "set the variable; a text with this in it is put into a variable itself";
                reading.errors.push(error.with_help(help));
            } else {
                reading.warnings.push(error.with_help("it stays as it is written"));
            }
        }
    }
}

/// The scalars of a value.
fn texts(node: &Node) -> Vec<Located<String>> {
    match &node.content {
        Content::Scalar(_) => node.located_text().into_iter().collect(),
        Content::List(items) => items.iter().flat_map(texts).collect(),
        Content::Map(entries) => entries.iter().flat_map(|(_, node)| texts(node)).collect(),
    }
}

/// Whether a text has this reference, and not only a longer one.
fn holds(text: &str, reference: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(reference).any(|(at, _)| {
        let rest = text.get(at + reference.len()..).unwrap_or("");
        reference.ends_with('}') || !goes_on(rest)
    })
}
