//! What `spillway check` warns of: rules that load, and yet may not be what their author means.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

/// What a check says of one scenario, on standard error.
fn check(filter: &str, reprocess: bool) -> String {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("scenarios");
    fs::create_dir_all(&folder).unwrap();
    let scenario = format!(
        "name: t/own\ntype: trigger\ndescription: d\nfilter: |-\n  {filter}\nreprocess: {reprocess}\n"
    );
    fs::write(folder.join("own.yaml"), scenario).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["check", "--rules"])
        .arg(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_scenario_that_may_feed_itself_is_warned_of() {
    let others = "evt.GetType() == 'overflow' && evt.Overflow.Alert?.Scenario != 't/own'";
    for (filter, reprocess, warned) in [
        ("evt.GetType() == 'overflow'", true, true),
        ("evt.Overflow.Alert?.Scenario startsWith 't/'", true, true),
        ("evt.GetType() == 'overflow'", false, false),
        (others, true, false),
        ("evt.Meta.log_type == 'x'", true, false),
    ] {
        let said = check(filter, reprocess);
        let warning = "own.yaml:5:3\n";
        let own = said.contains("its own overflows may match") && said.contains(warning);
        assert_eq!(own, warned, "{filter}, reprocess: {reprocess}\n{said}");
        let help = "leave them out: evt.Overflow.Alert?.Scenario != 't/own'";
        assert_eq!(said.contains(help), warned, "{filter}\n{said}");
    }
}
