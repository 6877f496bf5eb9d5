//! What values of expressions become in statics and in alert contexts, and where they are true.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Events of lines `a.b.c.d`, where the parser writes `expression` into `meta.found`.
fn replay(expression: &str, filter: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    };
    let parser = format!(
        "name: t/p\nfilter: \"true\"\nstatics:\n  - meta: found\n    expression: |-\n      \
         {expression}\n  - meta: source_ip\n    expression: evt.Line.Raw\n"
    );
    put("rules/parsers/s00-raw/p.yaml", &parser);
    let scenario = format!(
        "name: t/s\ntype: trigger\ndescription: d\nfilter: |-\n  {filter}\nlabels:\n  \
         remediation: true\n"
    );
    put("rules/scenarios/s.yaml", &scenario);
    put("in.log", "192.0.2.7\n");
    spillway(dir.path(), &["-o", "raw", "--rules", "rules", "in.log"])
}

fn spillway(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["replay", "-q", "--type", "t"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn process_is_false_in_parsers_and_true_in_scenarios() {
    let found = replay("evt.Process ? 'yes' : 'no'", "evt.Process && evt.Meta.found == 'no'");
    assert_eq!(found.matches("t/s").count(), 1, "{found}");
}

#[test]
fn an_event_ends_at_a_static_of_no_text() {
    for (expression, goes_on) in [
        ("'x'", true),
        ("12", true),
        ("1.5", true),
        ("nil", true),
        ("[1, 2]", true),
        ("{'a': 1}", true),
        ("JsonExtractSlice('', 'a')", true),
        ("evt.Overflow.Alert?.Scenario", true),
        ("true", false),
        ("evt.Overflow.Alert", false),
        ("evt.ParseIPSources()", false),
        ("groupBy([1], #)", false),
        ("toPairs({'a': 1})", false),
        ("fromPairs([['a', 1]])", false),
        ("1..3", false),
        ("SplitN('a', ',', 0)", false),
        ("evt.Parsed", false),
        ("evt.Time", false),
        ("evt.Time.Unix()", false),
    ] {
        let found = replay(expression, "evt.Line.Raw != ''");
        assert_eq!(found.contains("t/s"), goes_on, "{expression}: {found}");
    }
}

#[test]
fn a_context_prints_maps_and_lists_as_go_does() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    };
    put(
        "rules/parsers/s00-raw/p.yaml",
        "name: t/p\nfilter: \"true\"\nstatics:\n  - meta: source_ip\n    expression: evt.Line.Raw\n",
    );
    put(
        "rules/scenarios/s.yaml",
        "name: t/s\ntype: trigger\ndescription: d\nfilter: \"true\"\nlabels:\n  remediation: true\n",
    );
    put(
        "rules/contexts/c.yaml",
        "context:\n  mp: [\"{a:1}\"]\n  ls: [\"[1, 'x']\"]\n  st: [\"Split('a,b', ',')\"]\n  \
         it: [\"1..2\"]\n  me: [evt.Meta]\n  no: [\"Flatten([])\"]\n",
    );
    put("in.log", "192.0.2.7\n");
    let found = spillway(dir.path(), &["-o", "json", "--rules", "rules", "in.log"]);
    for text in [
        r#"["map[a:1]"]"#,
        r#"["[1 x]"]"#,
        r#"["a","b"]"#,
        r#"["1","2"]"#,
        r#"["map[source_ip:192.0.2.7]"]"#,
    ] {
        let text = text.replace('"', "\\\"");
        assert!(found.contains(&text), "{text}: {found}");
    }
    assert!(!found.contains("\"no\""), "{found}");
}
