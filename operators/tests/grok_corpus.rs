//! Grok on the conformance corpus, where there is one: the reference's expressions against ours, on
//! log lines of many programs and on mutations of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use operators::grok::{Captures, Grok, Library, re2};
use regex_syntax::hir::{Class, Hir, HirKind};
use saphyr_parser::{Event, Parser};
use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "a test may be told where the corpus is")]
fn corpus() -> Option<PathBuf> {
    let path = match std::env::var_os("SPILLWAY_CONFORMANCE") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
    };
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no conformance corpus at {}", path.display());
    None
}

/// Files below `path` with one of the extensions, in order.
fn files(path: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() && !entry.is_symlink() {
            files(&entry, extensions, found);
        } else if entry.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(entry);
        }
    }
}

/// Log lines, one of each shape, and what stands behind the header of each.
fn lines(corpus: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    files(&corpus.join("tests"), &["log"], &mut paths);
    let mut shapes = BTreeSet::new();
    let mut lines = Vec::new();
    let stride = if cfg!(debug_assertions) { 7 } else { 1 };
    for path in paths {
        let bytes = std::fs::read(path).unwrap();
        for line in String::from_utf8_lossy(&bytes).lines() {
            let shape: String =
                line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            if shapes.insert(shape) {
                let line: String = line.chars().take(1500).collect();
                for mark in ["]: ", ": ", "- "] {
                    if let Some(at) = line.find(mark) {
                        lines.push(line.get(at + mark.len()..).unwrap().to_owned());
                    }
                }
                lines.push(line);
            }
        }
    }
    lines.into_iter().step_by(stride).collect()
}

/// Deterministic noise: deletes, doubles and replaces characters.
fn mutate(line: &str, seed: &mut u64) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    for _ in 0..2 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (*seed >> 33) as usize % chars.len().max(1);
        let other = ['é', ' ', ':', '"', '7', '.', 'a', '\n', '-', '/'];
        match (*seed >> 20) % 4 {
            0 if at < chars.len() => drop(chars.remove(at)),
            1 if at < chars.len() => chars.insert(at, chars[at]),
            2 if at < chars.len() => chars.truncate(at),
            _ => chars.insert(at.min(chars.len()), other[(*seed >> 40) as usize % other.len()]),
        }
    }
    chars.into_iter().collect()
}

fn random(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % below.max(1)
}

/// Appends a text that the expression matches, assertions aside.
fn generate(hir: &Hir, seed: &mut u64, out: &mut String) {
    match hir.kind() {
        HirKind::Literal(literal) => out.push_str(str::from_utf8(&literal.0).unwrap()),
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges();
            let range = ranges[random(seed, ranges.len())];
            let width = (range.end() as u32 - range.start() as u32).min(96) as usize;
            let c = range.start() as u32 + u32::try_from(random(seed, width + 1)).unwrap();
            out.push(char::from_u32(c).unwrap_or(range.end()));
        }
        HirKind::Capture(group) => generate(&group.sub, seed, out),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min + 6).min(repetition.min + 6);
            let count =
                repetition.min as usize + random(seed, (most - repetition.min) as usize + 1);
            (0..count).for_each(|_| generate(&repetition.sub, seed, out));
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| generate(part, seed, out)),
        HirKind::Alternation(parts) => {
            generate(&parts[random(seed, parts.len())], seed, out);
        }
        _ => {}
    }
}

/// Texts that an expression matches, mostly, and mutations of them.
fn generated(expression: &str, count: usize, seed: &mut u64) -> Vec<String> {
    let hir = regex_syntax::parse(&re2::translate(expression).unwrap()).unwrap();
    let mut texts = Vec::new();
    for _ in 0..count {
        let mut text = String::new();
        generate(&hir, seed, &mut text);
        texts.push(mutate(&text, seed));
        texts.push(format!("x {text} y"));
        texts.push(text);
    }
    texts
}

/// `pattern_syntax` of a rule file, in order.
fn pattern_syntax(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<Option<String>> = Vec::new();
    let mut key: Option<String> = None;
    let mut inside = 0;
    for event in Parser::new_from_str(text) {
        let Ok((event, _)) = event else { return found };
        match event {
            Event::MappingStart(..) => {
                if key.as_deref() == Some("pattern_syntax") {
                    inside = open.len() + 1;
                }
                open.push(Some(String::new()));
                key = None;
            }
            Event::SequenceStart(..) => {
                open.push(None);
                key = None;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                if open.len() == inside {
                    inside = 0;
                }
                open.pop();
                key = None;
            }
            Event::Scalar(value, ..) => {
                let mapping = matches!(open.last(), Some(Some(_)));
                match key.take() {
                    Some(name) if open.len() == inside => found.push((name, value.to_string())),
                    None if mapping => key = Some(value.to_string()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found
}

/// The standard library with the patterns of all rule files.
fn library(corpus: &Path) -> Library {
    let mut paths = Vec::new();
    files(&corpus.join("hub"), &["yaml", "yml"], &mut paths);
    let mut library = Library::standard();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("pattern_syntax") {
            for (name, body) in pattern_syntax(&text) {
                library.add(&name, &body).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            }
        }
    }
    library
}

struct Twin {
    file: String,
    pattern: String,
    grok: Grok,
    reference_text: String,
    reference: regex::Regex,
    groups: Vec<usize>,
}

/// Every grok of the corpus with the reference's expression for it.
fn twins(corpus: &Path) -> Vec<Twin> {
    let library = library(corpus);
    let text = std::fs::read_to_string(corpus.join("groks.json")).unwrap();
    let nodes: Vec<Value> = serde_json::from_str(&text).unwrap();
    let twins: Vec<Twin> = nodes
        .iter()
        .map(|node| {
            let text = |key: &str| node[key].as_str().map(str::to_owned);
            let file = text("file").unwrap();
            let compiled = match (text("pattern"), text("name")) {
                (Some(pattern), _) if !pattern.is_empty() => Grok::compile(&library, &pattern),
                (_, Some(name)) => Grok::named(&library, &name),
                _ => panic!("{file}: neither pattern nor name"),
            };
            let grok = compiled.unwrap_or_else(|e| panic!("{file}: {e}: {node}"));
            let semantics = node["sem"].as_object().unwrap();
            let names: BTreeSet<&str> = semantics.keys().map(String::as_str).collect();
            assert_eq!(grok.names().iter().map(AsRef::as_ref).collect::<BTreeSet<&str>>(), names);
            let group = |name: &str| semantics[name].as_u64().unwrap() as usize;
            Twin {
                pattern: text("pattern").or(text("name")).unwrap(),
                reference_text: text("regex").unwrap(),
                reference: re2::compile(&text("regex").unwrap()).unwrap(),
                groups: grok.names().iter().map(|name| group(name)).collect(),
                grok,
                file,
            }
        })
        .collect();
    assert!(twins.len() > 250);
    twins
}

impl Twin {
    /// Whether the reference matches; both must agree.
    fn agree(&self, line: &str, captures: &mut Captures) -> bool {
        let ours = self.grok.matches(line, captures);
        let theirs = if self.groups.is_empty() { None } else { self.reference.captures(line) };
        let told = || format!("{}: {}\non {line:?}", self.file, self.pattern);
        assert_eq!(ours, theirs.is_some(), "{}", told());
        let Some(theirs) = theirs else { return false };
        for (index, group) in self.groups.iter().enumerate() {
            let span = captures.spans()[index].map(|(start, end)| (start as usize, end as usize));
            let expected = theirs.get(*group).map(|m| (m.start(), m.end()));
            assert_eq!(span, expected, "{}: {}", self.grok.names()[index], told());
        }
        true
    }
}

#[test]
fn every_grok_agrees_with_the_reference_on_every_line() {
    let Some(corpus) = corpus() else { return };
    let twins = twins(&corpus);
    let lines = lines(&corpus);
    let mut captures = Captures::new();
    let mut matched = 0;
    let mut used = BTreeSet::new();
    let mut seed = 7;
    for line in &lines {
        let mutant = mutate(line, &mut seed);
        for (index, twin) in twins.iter().enumerate() {
            if twin.agree(line, &mut captures) {
                matched += 1;
                used.insert(index);
            }
            twin.agree(&mutant, &mut captures);
        }
    }
    for twin in &twins {
        for text in generated(twin.reference_text.as_str(), 40, &mut seed) {
            twin.agree(&text, &mut captures);
        }
    }
    eprintln!("{} lines, {matched} matches, {} of {} groks", lines.len(), used.len(), twins.len());
    assert!(used.len() > 50);
}

/// Names and definitions of pattern files.
fn definitions(text: &str) -> Vec<(String, String)> {
    let split = |line: &str| {
        let (name, body) = line.split_once(char::is_whitespace)?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then(|| (name.to_owned(), body.trim_start().to_owned()))
    };
    text.lines().filter_map(split).collect()
}

#[test]
fn standard_patterns_mean_what_the_reference_means() {
    let Some(corpus) = corpus() else { return };
    let mut text = std::fs::read_to_string(corpus.join("patterns-builtin.txt")).unwrap();
    let mut paths: Vec<_> =
        std::fs::read_dir(corpus.join("patterns")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        text.push('\n');
        text.push_str(&std::fs::read_to_string(path).unwrap());
    }
    let definitions = definitions(&text);
    let standard = Library::standard();
    let theirs: BTreeMap<&str, &str> =
        definitions.iter().map(|(name, body)| (name.as_str(), body.as_str())).collect();
    assert_eq!(standard.names().collect::<Vec<_>>(), theirs.keys().copied().collect::<Vec<_>>());
    let mut reference = Library::default();
    for (name, body) in &definitions {
        reference.add(name, body).unwrap();
    }
    let lines = lines(&corpus);
    let mut seed = 3;
    let (mut ours, mut theirs) = (Captures::new(), Captures::new());
    let mut silent = Vec::new();
    for name in standard.names() {
        // The name itself captures, so that patterns without names take part.
        let pattern = format!("%{{{name}:whole_text}}");
        let ours_grok = Grok::compile(&standard, &pattern).unwrap();
        let their_grok = Grok::plain(&reference, &pattern).unwrap();
        let sort = |grok: &Grok| {
            let mut order: Vec<_> = grok.names().iter().cloned().enumerate().collect();
            order.sort_by(|a, b| a.1.cmp(&b.1));
            order
        };
        let (our_names, their_names) = (sort(&ours_grok), sort(&their_grok));
        let mut matches = 0;
        let mut texts = generated(their_grok.expression(), 40, &mut seed);
        // Chance seldom meets all the assertions of some patterns.
        for _ in 0..50 {
            if texts.iter().any(|text| their_grok.matches(text, &mut theirs)) {
                break;
            }
            texts = generated(their_grok.expression(), 40, &mut seed);
        }
        for line in lines.iter().step_by(9).chain(&texts) {
            for line in [line, &mutate(line, &mut seed)] {
                let matched = ours_grok.matches(line, &mut ours);
                assert_eq!(matched, their_grok.matches(line, &mut theirs), "{name} on {line:?}");
                if !matched {
                    continue;
                }
                matches += 1;
                for ((our, a), (their, b)) in our_names.iter().zip(&their_names) {
                    assert_eq!(a, b, "{name}");
                    assert_eq!(
                        ours.spans()[*our],
                        theirs.spans()[*their],
                        "{name}:{a} on {line:?}"
                    );
                }
            }
        }
        if matches == 0 {
            silent.push(name);
        }
    }
    // It ends in a number, a word boundary and a letter: nothing can match it.
    assert_eq!(silent, ["MONGO_SLOWQUERY"], "names that no text matched");
}
