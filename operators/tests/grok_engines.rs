//! The swift engine finds what the plain one finds, on random expressions and texts.

use operators::grok::{Captures, Grok, Library};
use proptest::prelude::*;

/// Expressions over a small alphabet, so that texts often match them, or nearly.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a", "b", "ab", "é", "-", "[ab]", "[^a]", ".", r"\w", r"\S", r"\d", "[aé]", r"\b", "^",
        "$", "(?i)b", r"\B", "[^-]", "a*", ".*", ".*?", "[ab]+", r"\w+?", r"\S{2,3}", ".{1,2}",
        "[é-]{2}", "(?m)^", "(?m:$)",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let times = prop::sample::select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}?"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("({})", parts.join("|"))),
            (inner, times).prop_map(|(sub, times)| format!("(?:{sub}){times}")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "b", "é", "-", " ", "\n", "1", "B"]),
        0..24,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2000 }))]

    #[test]
    fn engines_agree(
        parts in prop::collection::vec(expression(), 3),
        between in prop::collection::vec(expression(), 2),
        repeat in prop::sample::select(vec!["", "?", "+", "*", "{1,2}"]),
        texts in prop::collection::vec(text(), 1..6),
    ) {
        let mut library = Library::default();
        for (name, part) in ["A", "B", "C"].iter().zip(&parts) {
            library.add(name, part).unwrap();
        }
        let (one, two) = (&between[0], &between[1]);
        for pattern in [
            "%{A:a}%{B:b}".to_owned(),
            format!("%{{A:a}}{one}%{{B:b}}"),
            format!("{one}(?:{two}%{{A:a}}|%{{B:b}}{two}){repeat}%{{C:c}}"),
            format!("(?:%{{A:a}}-|%{{B:b}} ){repeat}{one}(%{{C:c}}|{two})$"),
        ] {
            let swift = Grok::compile(&library, &pattern).unwrap();
            let plain = Grok::plain(&library, &pattern).unwrap();
            let (mut ours, mut theirs) = (Captures::new(), Captures::new());
            // Long texts exhaust patience: then the engine remembers, and at last gives way.
            let long = texts.iter().map(|text| text.repeat(15));
            for text in texts.iter().cloned().chain(long) {
                let text = text.as_str();
                let matched = swift.matches(text, &mut ours);
                let told = format!("{} on {text:?}", swift.expression());
                prop_assert_eq!(matched, plain.matches(text, &mut theirs), "{}", told);
                if matched {
                    prop_assert_eq!(ours.spans(), theirs.spans(), "{}", told);
                }
            }
        }
    }
}

/// Lines and patterns that make a backtracker go back for long.
#[test]
fn stubborn_texts_end_in_linear_time() {
    let library = Library::standard();
    let text = "a".repeat(20_000);
    let path = "/x".repeat(5_000);
    for (pattern, text) in [
        (r"(?:%{WORD:w}\s*)*!", &text),
        (r"(?:a|a)*%{INT:i}b", &text),
        (r"%{DATA:a}%{DATA:b}%{DATA:c}!", &text),
        (r"%{UNIXPATH:p}!", &path),
        (r"(?:(?:/x)*)*%{INT:i}", &path),
        (r"%{GREEDYDATA:a} %{GREEDYDATA:b} %{GREEDYDATA:c}", &text),
    ] {
        let grok = Grok::compile(&library, pattern).unwrap();
        let mut captures = Captures::new();
        assert!(!grok.matches(text, &mut captures), "{pattern}");
    }
}
