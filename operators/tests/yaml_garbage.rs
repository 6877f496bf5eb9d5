//! No text makes the rule reader crash, and every place it names is in the text.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use operators::bucket::spec as bucket;
use operators::parse::spec as node;
use operators::profile::{allowlist, context_spec, simulation, spec as profile};
use operators::yaml::{Content, Node, Reading, Source, parse};
use proptest::prelude::*;

const SAMPLE: &str = "name: me/x # why\ndescription: \"d \\u00e9\\n\"\ntype: leaky\nfilter: >-\n  \
    evt.Meta.a == 'b'\n  && true\n\nlabels: &l {a: [1, 'it''s', ~], b: 0x1f}\ncapacity: -1\n\
    scope:\n  <<: *l\n  type: Range\nnodes:\n- grok: {pattern: x, apply_on: m}\n  statics:\n  - \
    meta: a\n    value: |2\n       b\n---\n? k\n: !!str 5\n...\n";

fn places(node: &Node, source: &Source) {
    match &node.content {
        Content::Scalar(_) => {
            let text = node.located_text().expect("a scalar is a text");
            let last = text.value.len() + 1;
            for offset in [0, 1, last / 2, last - 1, last] {
                let at = source.position_within(&text, offset);
                assert!(source.text().is_char_boundary(at.byte as usize), "{text:?} {offset}");
            }
        }
        Content::List(items) => items.iter().for_each(|item| places(item, source)),
        Content::Map(entries) => entries.iter().for_each(|(_, value)| places(value, source)),
    }
}

fn read(text: &str) {
    let source = Source::new("x.yaml", text);
    let documents = parse(&source);
    for document in &documents.nodes {
        places(document, &source);
    }
    let mut reading = Reading::new(&source);
    node::read(&documents, &mut reading);
    bucket::read(&documents, &mut reading);
    profile::read(&documents, &mut reading);
    simulation::read(&documents, &mut reading);
    context_spec::read(&documents, &mut reading);
    allowlist::read(&mut reading);
    for error in reading.errors.iter().chain(&documents.errors) {
        assert!(error.caret <= error.excerpt.chars().count(), "{error:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        read(&text);
    }

    #[test]
    fn signs_of_yaml_in_any_order_are_read_or_refused(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "- ", ": ", "? ", "a", "'", "\"", "|", ">", "\n", "  ", "\t", "[", "]", "{", "}", ", ",
                "&a ", "*a", "<<", "!", "!!str ", "#", "%", "---\n", "...\n", "\\", "é", "\r", "\r\n",
                "@", "`", "|2-", "\u{feff}", "\u{85}", "\u{2028}",
            ]),
            0..40,
        )
    ) {
        read(&parts.concat());
    }

    #[test]
    fn a_damaged_rule_is_read_or_refused(
        cuts in proptest::collection::vec((0_usize..600, 0_usize..8, "[-:?'\"|>\\[\\]{},&*!#%\\n\\t a]{0,4}"), 0..6)
    ) {
        let mut text: Vec<char> = SAMPLE.chars().collect();
        for (at, length, put) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, put.chars());
        }
        read(&text.into_iter().collect::<String>());
    }
}
