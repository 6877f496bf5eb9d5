//! The starter rules load without an error, each on its own and all together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pipeline::compile::{Options, compile};
use pipeline::content::CONTENT;
use pipeline::hub::data::Place;
use pipeline::hub::{RuleSet, RuleSource, Selection, load};
use pipeline::report::Report;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("content")
}

fn files(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let relative = path.strip_prefix(folder()).unwrap();
            found.insert(relative.to_str().unwrap().replace('\\', "/"));
        }
    }
}

#[track_caller]
fn assert_sound(rules: &RuleSet) {
    let compiled = compile(rules, Options::default());
    let errors: Vec<_> = rules.errors.iter().chain(&compiled.errors).cloned().collect();
    let warnings: Vec<_> = rules.warnings.iter().chain(&compiled.warnings).cloned().collect();
    let report = Report::new(false).all(&errors, &warnings);
    assert!(errors.is_empty() && warnings.is_empty(), "{report}");
}

#[test]
fn every_file_is_in_the_binary() {
    let mut there = BTreeSet::new();
    for kind in ["collections", "contexts", "data", "parsers", "postoverflows", "scenarios"] {
        files(&folder().join(kind), &mut there);
    }
    let listed: BTreeSet<_> = CONTENT.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed, there, "list them in pipeline/src/content.rs");
    assert_eq!(listed.len(), CONTENT.len(), "a file is listed twice");
}

#[test]
fn the_starter_rules_load_without_a_word() {
    let rules = load(&[RuleSource::Embedded(CONTENT)], &Selection::All);
    assert_sound(&rules);
    assert!(rules.parsers.len() > 10 && rules.scenarios.len() > 10);
    let missing = rules.data_files().into_iter().filter(|f| matches!(f.place, Place::Missing));
    assert_eq!(missing.map(|file| file.name).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_collection_is_complete() {
    let collections = CONTENT.iter().filter_map(|(path, _)| path.strip_prefix("collections/"));
    let mut count = 0;
    for name in collections.filter_map(|path| path.strip_suffix(".yaml")) {
        let selection = Selection::Named(vec![name.to_owned()]);
        let rules = load(&[RuleSource::Embedded(CONTENT)], &selection);
        assert_sound(&rules);
        assert!(!rules.parsers.is_empty(), "{name}");
        count += 1;
    }
    assert!(count > 2);
}

#[test]
fn the_optional_rules_load() {
    let optional = RuleSource::Directory(folder().join("optional"));
    assert_sound(&load(&[optional, RuleSource::Embedded(CONTENT)], &Selection::All));
}
