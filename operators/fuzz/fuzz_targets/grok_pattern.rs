//! A grok pattern on the first line, a text behind it: compiling and matching end, and the swift
//! engines find what the plain one finds.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use operators::grok::{Captures, Grok, Library};

static LIBRARY: LazyLock<Library> = LazyLock::new(Library::standard);

fuzz_target!(|text: &str| {
    let (pattern, text) = text.split_once('\n').unwrap_or((text, "10.0.0.1 GET /x"));
    let swift = Grok::compile(&LIBRARY, pattern);
    let plain = Grok::plain(&LIBRARY, pattern);
    let (Ok(swift), Ok(plain)) = (swift, plain) else { return };
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
});
