//! What nodes are as written: examples that decode, and ones that are refused.

use super::*;
use crate::yaml::{Source, parse};

fn decode(text: &str) -> (Vec<NodeSpec>, Vec<String>, Vec<String>) {
    let source = Source::new("p.yaml", text);
    let documents = parse(&source);
    assert!(documents.errors.is_empty(), "{:?}", documents.errors);
    let mut reading = Reading::new(&source);
    let nodes = read(&documents, &mut reading);
    let shown = |list: &[yaml::RuleError]| list.iter().map(ToString::to_string).collect();
    (nodes, shown(&reading.errors), shown(&reading.warnings))
}

#[track_caller]
fn errors(text: &str, expected: &[&str]) {
    assert_eq!(decode(text).1, expected);
}

#[test]
fn every_directive_is_read() {
    let (nodes, errors, warnings) = decode(
        "format: 2.0\nname: me/x\nauthor: me\ndescription: d\nreferences: [a]\nstage: s01\n\
         debug: true\nprofiling: no\nonsuccess: next_stage\nfilter: evt.Line.Raw != ''\n\
         pattern_syntax:\n  B: b+\n  A: 'a%{B}'\n\
         grok: {name: A, pattern: unused, apply_on: Line.Raw, statics: [{parsed: p, value: 1}]}\n\
         nodes:\n- grok: {pattern: x, expression: evt.Line.Raw}\n  nodes:\n  - statics: \
         [{enriched: e, expression: '1'}]\n\
         statics:\n- {method: ParseDate, expression: evt.StrTime}\n- {target: evt.StrTime, value: t}\n\
         stash: [{name: n, key: k, value: v, ttl: 10s}]\n\
         whitelist: {reason: r, ip: [192.0.2.1], cidr: [192.0.2.9/24], expression: ['true']}\n\
         data: [{source_url: u, dest_file: f, type: regexp, cache: true, size: 5, ttl: 1s, \
         strategy: LRU}]\n",
    );
    assert_eq!((errors.as_slice(), warnings.as_slice()), ([].as_slice(), [].as_slice()));
    let node = &nodes[0];
    assert_eq!((node.name.value.as_str(), node.debug), ("me/x", true));
    assert_eq!(node.on_success, OnSuccess::NextStage);
    let syntax: Vec<_> = node.pattern_syntax.iter().map(|(name, _)| name.value.as_str()).collect();
    assert_eq!(syntax, ["B", "A"], "the order of the file counts");
    let grok = node.grok.as_ref().unwrap();
    assert!(matches!(&grok.pattern, GrokPattern::Name(name) if name.value == "A"));
    assert!(matches!(&grok.statics[0].content, Content::Value(text) if text.value == "1"));
    assert_eq!(node.nodes[0].name.value, "child-me/x");
    assert_eq!(node.nodes[0].nodes[0].name.value, "child-child-me/x");
    assert_eq!(node.statics[0].destination.value, Destination::Method("ParseDate".into()));
    assert_eq!((node.stash[0].size, node.stash[0].ttl.value.0), (100, 10_000_000_000));
    assert_eq!(node.whitelist.cidrs[0].value.to_string(), "192.0.2.9/24");
    assert_eq!(node.data[0].dest_file.value, "f");
}

#[test]
fn all_mistakes_of_a_node_are_listed() {
    errors(
        "name: me/x\nfitler: a\nonsuccess: nextstage\ngrok: {apply_on: m}\nstatics:\n\
         - {value: x}\n- {meta: y}\nwhitelist: {ip: [1.2.3], cidr: [x/8]}\n\
         stash: [{name: n, key: k}]\n",
        &[
            "p.yaml:2:1: unknown key `fitler` in parser",
            "p.yaml:3:12: unknown `onsuccess`: \"nextstage\"",
            "p.yaml:4:7: grok needs `pattern` or `name`",
            "p.yaml:6:3: this static writes nowhere",
            "p.yaml:7:3: a static needs `value` or `expression`",
            "p.yaml:9:9: a stash needs `value`",
            "p.yaml:9:9: a stash needs `ttl`",
            "p.yaml:8:18: not an IP address: \"1.2.3\"",
            "p.yaml:8:33: not a network: \"x/8\"",
        ],
    );
}

#[test]
fn a_node_that_does_nothing_is_refused() {
    errors("name: a\nfilter: 'true'\n", &["p.yaml:1:1: this node does nothing"]);
    errors(
        "name: a\nstash: [{name: n, key: k, value: v, ttl: 1s}]\n",
        &["p.yaml:1:1: this node does nothing"],
    );
    errors("name: a\nwhitelist: {reason: r}\n", &["p.yaml:1:1: this node does nothing"]);
}

#[test]
fn nameless_and_foreign_documents_are_left_out() {
    let (nodes, errors, warnings) = decode(
        "filter: x\n---\nname: a\nformat: 4.0\nstatics: [{meta: a, value: b}]\n---\n\
         name: b\nformat: 3\nstatics: [{meta: a, value: b}]\n",
    );
    assert_eq!((nodes.len(), errors.len()), (1, 0));
    assert_eq!(
        warnings,
        [
            "p.yaml:1:1: node left out: it has no name, author or description",
            "p.yaml:4:9: parser left out: format 4.0 is not in 1.0 to 3.0",
        ]
    );
}

#[test]
fn a_misspelt_name_is_not_left_out_silently() {
    errors("nmae: a\nstatics: []\n", &["p.yaml:1:1: unknown key `nmae` in parser"]);
}

#[test]
fn a_stash_never_holds_nothing() {
    let stash = "name: a\nstatics: [{meta: a, value: b}]\nstash: [{name: n, key: k, value: v, ttl: \
                 1s, size: SIZE}]\n";
    assert_eq!(decode(&stash.replace("SIZE", "0")).0[0].stash[0].size, 100);
    assert_eq!(decode(&stash.replace("SIZE", "7")).0[0].stash[0].size, 7);
    errors(&stash.replace("SIZE", "-7"), &["p.yaml:3:52: `size` must not be negative"]);
}
