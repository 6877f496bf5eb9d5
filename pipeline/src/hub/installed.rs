//! A directory like `/etc/crowdsec`: which items are installed, and where `config.yaml` puts the rest
//! (crowdsec pkg/csconfig).

use std::path::{Path, PathBuf};

use operators::yaml::{Content, Node, RuleError, Source, parse};

use super::environment::{expand, process};
use super::found::Text;
use super::layout::{Layout, find_items, read_index};
use super::local;
use super::text::read_text;

/// The file that makes a directory an installed configuration.
pub(super) const CONFIG: &str = "config.yaml";

/// What `config.yaml` says, with what `config.yaml.local` puts in its place.
#[derive(Debug, Default)]
struct Config {
    /// The local file's document first.
    documents: Vec<Node>,
}

/// What is installed there. Paths of `config.yaml` that do not exist (the directory was copied from
/// another machine) are looked for under their usual names in the directory itself.
pub(super) fn layout(directory: &Path) -> Layout {
    let mut layout = Layout::default();
    let config_path = directory.join(CONFIG);
    let config = Config::read(&config_path, &mut layout.errors);
    let place = |keys: &[&str], usual: &str| -> Option<PathBuf> {
        let named = config.path(keys).filter(|path| path.exists());
        named.or_else(|| Some(directory.join(usual)).filter(|path| path.exists()))
    };
    find_items(directory, &mut layout);
    let hub_dir = place(&["config_paths", "hub_dir"], "hub");
    if let Some(hub_dir) = &hub_dir {
        name_by_target(hub_dir, &mut layout);
        let index = config.path(&["config_paths", "index_path"]).filter(|path| path.is_file());
        let index = index.or_else(|| Some(hub_dir.join(".index.json")).filter(|p| p.is_file()));
        if let Some(index) = index {
            read_index(&index, &mut layout);
        }
    }
    layout.data_dirs.extend(place(&["config_paths", "data_dir"], "data"));
    if let Some(patterns) = place(&["config_paths", "pattern_dir"], "patterns") {
        layout.read_patterns(&patterns);
    }
    layout.simulation = place(&["config_paths", "simulation_path"], "simulation.yaml");
    layout.profiles = place(&["api", "server", "profiles_path"], "profiles.yaml");
    let context = ["crowdsec_service", "console_context_path"];
    layout.console_context = place(&context, "console/context.yaml");
    if layout.files.is_empty() && layout.errors.is_empty() {
        let shown = config_path.display().to_string();
        let error = RuleError::of_file(&shown, "nothing is installed here");
        let help = "install hub items with `cscli collections install …`, or give a hub directory";
        layout.errors.push(error.with_help(help));
    }
    layout
}

impl Config {
    fn read(path: &Path, errors: &mut Vec<RuleError>) -> Self {
        let mut config = Self::default();
        let mut base = None;
        for path in [Some(path.to_owned()), local::beside(path)].into_iter().flatten() {
            let shown = path.display().to_string();
            let text = match read_text(&path, &shown) {
                Ok(text) => expand(&text, &process),
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let source = Source::new(shown, &text);
            let documents = parse(&source);
            errors.extend(documents.errors);
            let document = documents.nodes.into_iter().next();
            if let (Some(base), Some(local)) = (&base, &document) {
                errors.extend(local::mismatch(base, local, &source));
            }
            config.documents.splice(0..0, document.clone());
            base = base.or(document);
        }
        config
    }

    /// The path that stands under these keys.
    fn path(&self, keys: &[&str]) -> Option<PathBuf> {
        for document in &self.documents {
            let mut node = document;
            let mut depth = 0;
            while let Some(next) = keys.get(depth).and_then(|key| node.entry(key)) {
                (node, depth) = (next, depth + 1);
            }
            // What is nothing here is nothing, whatever the other file says.
            if depth == keys.len() || (depth > 0 && node.is_null()) {
                let text = node.located_text().filter(|_| !node.is_null())?;
                return Some(PathBuf::from(text.value));
            }
            if !matches!(node.content, Content::Map(_)) {
                return None;
            }
        }
        None
    }
}

/// Gives items that are links into the hub their path there, which names the author.
fn name_by_target(hub_dir: &Path, layout: &mut Layout) {
    let Ok(hub_dir) = hub_dir.canonicalize() else { return };
    for file in &mut layout.files {
        let Text::File(path) = &file.text else { continue };
        let target = path.canonicalize().ok();
        let within = target.as_ref().and_then(|target| target.strip_prefix(&hub_dir).ok());
        if let Some(within) = within.and_then(Path::to_str) {
            // The stage is the directory of the link: moving a link moves the parser.
            file.path = within.replace(std::path::MAIN_SEPARATOR, "/");
        }
    }
}
