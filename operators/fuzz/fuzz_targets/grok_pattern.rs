//! A grok pattern on the first line, a text behind it: compiling and matching end, and the swift
//! engines find what the plain one finds.
//!
//! Compiling is what costs, so that the library is small and so are the inputs: the standard
//! patterns are held against the plain engine by `operators/tests/grok_corpus.rs`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use operators::grok::{Captures, Grok, Library};

/// One pattern of each kind: classes, repeats, alternatives, references within references.
const PATTERNS: [(&str, &str); 12] = [
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", ".*?"),
    ("GREEDYDATA", ".*"),
    ("INT", "(?:[+-]?(?:[0-9]+))"),
    ("NUMBER", r"(?:[+-]?(?:[0-9]+(?:\.[0-9]+)?)|\.[0-9]+)"),
    ("QUOTED", r#""(?:\\.|[^\\"])*""#),
    ("OCTET", "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"),
    ("IP", "%{OCTET}[.]%{OCTET}[.]%{OCTET}[.]%{OCTET}"),
    ("VERB", "(?:GET|POST|HEAD)"),
    ("REQUEST", r#""%{VERB:verb} %{NOTSPACE:path}(?: HTTP/%{NUMBER:version})?""#),
];

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let mut library = Library::default();
    for (name, body) in PATTERNS {
        library.add(name, body).expect("patterns of our own");
    }
    library
});

/// Longer patterns and texts are left out. Unit: bytes.
const LONGEST: usize = 200;

/// Whether a repeat count has three digits or more: compiling it takes the time of many others.
fn repeats_often(pattern: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut counts = pattern.split(['{', ',']).skip(1);
    counts.any(|rest| digits(rest) > 2)
}

fuzz_target!(|text: &str| -> Corpus {
    let (pattern, text) = text.split_once('\n').unwrap_or((text, "10.0.0.1 GET /x"));
    if pattern.len() > LONGEST || text.len() > LONGEST || repeats_often(pattern) {
        return Corpus::Reject;
    }
    let swift = Grok::compile(&LIBRARY, pattern);
    let plain = Grok::plain(&LIBRARY, pattern);
    assert_eq!(swift.is_ok(), plain.is_ok(), "{pattern}");
    let (Ok(swift), Ok(plain)) = (swift, plain) else { return Corpus::Keep };
    let (mut ours, mut theirs) = (Captures::default(), Captures::default());
    let found = swift.matches(text, &mut ours);
    assert_eq!(found, plain.matches(text, &mut theirs), "{pattern}");
    if found {
        assert_eq!(ours.spans(), theirs.spans(), "{pattern}");
    } else {
        let progress = swift.progress(text);
        assert!(text.is_char_boundary(progress.text) && progress.text <= text.len());
        assert!(pattern.is_char_boundary(progress.pattern));
    }
    Corpus::Keep
});
