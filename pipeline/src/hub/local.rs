//! `.local` files, which people write beside those of a package (go-cs-lib `csyaml`): `profiles.yaml`
//! gets the profiles of `profiles.yaml.local` before its own; of `config.yaml` and `simulation.yaml`
//! maps are merged, everything else is replaced.

use std::path::{Path, PathBuf};

use operators::yaml::{Content, Node, RuleError, Source};

/// The local file beside `path`, if there is one.
pub fn beside(path: &Path) -> Option<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".local");
    Some(PathBuf::from(name)).filter(|local| local.is_file())
}

/// The first place where a local document has another kind of value than the one that it changes.
pub(super) fn mismatch(base: &Node, local: &Node, source: &Source) -> Option<RuleError> {
    if base.is_null() || local.is_null() {
        return None;
    }
    match (&base.content, &local.content) {
        (Content::Map(_), Content::Map(entries)) => {
            entries.iter().find_map(|(key, node)| mismatch(base.entry(&key.value)?, node, source))
        }
        (Content::List(_), Content::List(_)) | (Content::Scalar(_), Content::Scalar(_)) => None,
        _ => {
            let message = format!("this is {}, and {} without `.local`", local.kind(), base.kind());
            let help = "write the same kind of value as in the file that this one changes";
            Some(source.error(local.at, message).with_help(help))
        }
    }
}
