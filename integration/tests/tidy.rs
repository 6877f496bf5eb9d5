//! Rules about the tree itself. What a reviewer would say twice is a test here.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a source file may have.
const FILE_BUDGET: usize = 600;

/// What each crate may depend on, of ours. Nobody depends on the last two.
const MAY_DEPEND_ON: [(&str, &[&str]); 7] = [
    ("operators", &[]),
    ("connectors", &["steady"]),
    ("connectors/steady", &[]),
    ("api", &["operators"]),
    ("pipeline", &["operators", "connectors", "api"]),
    ("benchmarks", &["operators", "connectors", "api", "pipeline"]),
    ("integration", &["operators", "connectors", "api", "pipeline", "benchmarks"]),
];

/// The crate with `unsafe`, whose lints are its own: they cannot take back what the workspace forbids.
const UNSAFE: &str = "connectors/steady";

/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "stuff"];

/// What stands at the root of the tree, besides hidden files.
const TOP_LEVEL: [&str; 18] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "clippy.toml",
    "connectors",
    "deny.toml",
    "integration",
    "api",
    "deploy",
    "operators",
    "pipeline",
    "rustfmt.toml",
];

/// Folders of build products and of fuzzers.
const MADE_BY_TOOLS: [&str; 4] = ["target", "artifacts", "corpus", "coverage"];

/// Where strangers show what nobody else may know, and what it is called there.
const DOORS: [&str; 2] = ["api/src", "connectors/src/listener"];
const SECRETS: [&str; 5] = ["password", "secret", "token", "signature", "credential"];

/// The world as code would reach it. `operators` is a function of its arguments.
const WORLD: [&str; 14] = [
    "SystemTime",
    "Instant::",
    "time::Instant",
    "std::env",
    "env::var",
    "std::fs",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "RandomState",
    "DefaultHasher",
];

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let headless = sources().filter(|file| {
        let text = read(file);
        let head = text.lines().next().unwrap_or_default();
        head.strip_prefix("//!").is_none_or(|words| words.split_whitespace().count() < 3)
    });
    report(
        "open each file with `//! what it is for, its place in the flow`",
        headless.map(|file| shown(&file)),
    );
}

#[test]
fn no_source_file_is_over_budget() {
    let long = sources().filter_map(|file| {
        let lines = read(&file).lines().count();
        (lines > FILE_BUDGET).then(|| format!("{}: {lines} lines", shown(&file)))
    });
    report(&format!("a file has at most {FILE_BUDGET} lines: cut it at a concept"), long);
}

#[test]
fn names_are_nouns_of_the_domain() {
    let vague = sources().filter(|file| {
        let path = file.strip_prefix(root()).unwrap().with_extension("");
        path.iter().any(|part| BANNED_NAMES.contains(&part.to_str().unwrap()))
    });
    report(
        "a file is named after its concept; what has none belongs to its caller",
        vague.map(|file| shown(&file)),
    );
}

#[test]
fn crates_depend_as_the_table_allows() {
    let mut broken = Vec::new();
    for (name, allowed) in MAY_DEPEND_ON {
        for dependency in internal_dependencies(&read(&root().join(name).join("Cargo.toml"))) {
            if !allowed.contains(&dependency.as_str()) {
                broken.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    report("leaves know nothing of each other; pipeline joins them", broken);
}

#[test]
fn every_member_has_its_row_in_the_table() {
    let manifest = read(&root().join("Cargo.toml"));
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, MAY_DEPEND_ON.iter().map(|row| row.0).collect());
}

#[test]
fn only_operator_files_know_timely() {
    let knowing = under("operators/src").filter(|file| {
        let name = file.file_name().unwrap();
        name != "operator.rs" && name != "epoch.rs" && code_contains(file, &["timely::"])
    });
    report(
        "logic and driver are two files: streams belong to operator.rs",
        knowing.map(|file| shown(&file)),
    );
}

#[test]
fn operators_read_nothing_but_their_arguments() {
    let reading = under("operators/src").filter(|file| code_contains(file, &WORLD));
    report(
        "take it as an argument, or through `lookup::Lookups`",
        reading.map(|file| shown(&file)),
    );
}

/// Who measures how long a comparison takes must not learn how far a guess is right.
#[test]
fn secrets_are_compared_in_constant_time() {
    let compared = DOORS.into_iter().flat_map(under).flat_map(|file| {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().enumerate().filter(|(_, line)| compares_a_secret(line));
        lines.map(|(at, line)| format!("{}:{}: {line}", shown(&file), at + 1)).collect::<Vec<_>>()
    });
    report("compare hashes, or by `subtle::ConstantTimeEq`", compared);
}

/// Whether what stands beside `==` or `!=` is called a secret.
fn compares_a_secret(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let no_name = |c: char| !c.is_alphanumeric() && !"_.&*()".contains(c);
    ["==", "!="].into_iter().flat_map(|sign| code.match_indices(sign)).any(|(at, _)| {
        let left = code[..at].trim_end().rsplit(no_name).next();
        let right = code[at + 2..].trim_start().split(no_name).next();
        let mut names = left.into_iter().chain(right);
        names.any(|name| SECRETS.iter().any(|secret| name.contains(secret)))
    })
}

#[test]
fn nothing_is_put_off_or_switched_off() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let switches = [concat!("#[", "ignore"), concat!("should", "_panic")];
    let off = sources().filter(|file| {
        let text = read(file);
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| marks.contains(&word)) || switches.iter().any(|one| text.contains(one))
    });
    report(
        "do it, or describe it in an issue; a test that may not fail is none",
        off.map(|file| shown(&file)),
    );
}

#[test]
fn no_folder_is_an_empty_shell() {
    let mut empty = Vec::new();
    walk(root(), &mut |folder, entries| {
        if entries.is_empty() {
            empty.push(shown(folder));
        }
    });
    let hollow = sources().filter(|file| {
        let text = read(file);
        let mut lines = text.lines().map(str::trim);
        lines.all(|line| line.is_empty() || line.starts_with("//"))
    });
    let hollow = hollow.map(|file| shown(&file)).filter(|file| file != "integration/src/lib.rs");
    report("what is to come, comes with its content", empty.into_iter().chain(hollow));
}

#[test]
fn the_root_holds_what_is_expected() {
    let ignored = read(&root().join(".gitignore"));
    let ignored: Vec<&str> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let strange = fs::read_dir(root()).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = TOP_LEVEL.contains(&name.as_str());
        (!known && !name.starts_with('.') && !ignored.contains(&name.as_str())).then_some(name)
    });
    report("put it into a crate, or extend the list on purpose", strange);
}

/// A crate's clippy.toml replaces the root's; it is not merged with it.
#[test]
fn operators_repeat_the_roots_lint_settings() {
    let settings = |path: &str| -> BTreeMap<String, String> {
        let text = read(&root().join(path));
        let pairs = text.lines().filter_map(|line| line.split_once(" = "));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let own = settings("operators/clippy.toml");
    let missing =
        settings("clippy.toml").into_iter().filter(|(key, value)| own.get(key) != Some(value));
    report(
        "repeat it in operators/clippy.toml",
        missing.map(|(key, value)| format!("{key} = {value}")),
    );
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    let without = MAY_DEPEND_ON.iter().filter(|(name, _)| {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        *name != UNSAFE && !manifest.contains("[lints]\nworkspace = true")
    });
    report("add `[lints] workspace = true`", without.map(|(name, _)| (*name).to_owned()));
}

/// A promise in a document is a path that exists.
#[test]
fn documents_name_files_that_exist() {
    let mut broken = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(&root().join(document));
        for quoted in text.split('`').skip(1).step_by(2) {
            let first = quoted.split('/').next().unwrap_or_default();
            let ours = MAY_DEPEND_ON.iter().any(|(name, _)| *name == first);
            let is_path = quoted.contains('/') && !quoted.contains([' ', '<', '{', '*', ':']);
            if ours && is_path && !root().join(quoted).exists() {
                broken.push(format!("{document}: {quoted}"));
            }
        }
    }
    report("the document is behind the tree", broken);
}

#[track_caller]
fn report(rule: &str, broken: impl IntoIterator<Item = String>) {
    let broken: Vec<String> = broken.into_iter().collect();
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every Rust file of the tree, fuzz targets and build scripts too.
fn sources() -> impl Iterator<Item = PathBuf> {
    MAY_DEPEND_ON.into_iter().flat_map(|(name, _)| under(name))
}

fn under(path: &str) -> impl Iterator<Item = PathBuf> {
    let mut found = Vec::new();
    walk(&root().join(path), &mut |_, entries| {
        found.extend(
            entries.iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).cloned(),
        );
    });
    assert!(!found.is_empty(), "no sources under {path}");
    found.into_iter()
}

/// Visits folders with their entries, but not hidden ones and build products.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path, &[PathBuf])) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    visit(folder, &entries);
    for entry in entries.iter().filter(|entry| entry.is_dir() && !entry.is_symlink()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if !name.starts_with('.') && !MADE_BY_TOOLS.contains(&name) {
            walk(entry, visit);
        }
    }
}

/// Whether a file's code (its comments apart) has one of the words.
fn code_contains(file: &Path, words: &[&str]) -> bool {
    let text = read(file);
    let mut code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.any(|line| words.iter().any(|word| line.contains(word)))
}

/// Crates of ours that a manifest names in any table of dependencies.
fn internal_dependencies(manifest: &str) -> BTreeSet<String> {
    let mut table = "";
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            table = line;
        } else if table.contains("dependencies") {
            let key = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let key = key.strip_prefix("spillway-").unwrap_or(key);
            if MAY_DEPEND_ON.iter().any(|(name, _)| name.rsplit('/').next() == Some(key)) {
                found.insert(key.to_owned());
            }
        }
    }
    found
}
