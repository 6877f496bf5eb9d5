//! An installed CrowdSec as its owner left it: `.local` files beside those of the package, and
//! variables in `config.yaml`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const PARSER: &str = "name: t/p\nfilter: \"true\"\nstatics:\n  - meta: source_ip\n    \
    expression: evt.Line.Raw\n";

fn scenario(name: &str) -> String {
    format!(
        "name: {name}\ndescription: d\ntype: trigger\nfilter: \"true\"\n\
         labels: {{remediation: true}}\n"
    )
}

fn profile(name: &str, kind: &str, filter: &str) -> String {
    format!(
        "name: {name}\nfilters: [{filter:?}]\ndecisions: [{{type: {kind}, duration: 1h}}]\n\
         on_success: break\n"
    )
}

/// `etc` with one parser and two triggers, its profiles and simulation elsewhere.
fn installation() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    write(at, "etc/parsers/s00-raw/p.yaml", PARSER);
    write(at, "etc/scenarios/a.yaml", &scenario("t/a"));
    write(at, "etc/scenarios/b.yaml", &scenario("t/b"));
    write(
        at,
        "etc/config.yaml",
        "config_paths:\n  simulation_path: $WHERE/etc2/simulation.yaml\napi:\n  server:\n    \
         profiles_path: ${WHERE}/nowhere.yaml\n",
    );
    write(at, "etc2/simulation.yaml", "simulation: false\nexclusions: [t/a]\n");
    write(at, "etc2/profiles.yaml", &profile("package", "ban", "true"));
    write(at, "in.log", "192.0.2.7\n");
    root
}

fn replay(root: &Path) -> (Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["replay", "-o", "json", "--decisions", "--type", "t", "--rules", "etc", "in.log"])
        .current_dir(root)
        .env("WHERE", root)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let decisions = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (decisions, String::from_utf8(output.stderr).unwrap())
}

fn shown(decisions: &[Value]) -> Vec<String> {
    let one = |decision: &Value| {
        let pretended = if decision["simulated"] == true { " pretended" } else { "" };
        format!("{} {}{pretended}", decision["scenario"], decision["type"]).replace('"', "")
    };
    decisions.iter().map(one).collect()
}

#[test]
fn variables_of_the_configuration_are_those_of_the_environment() {
    let root = installation();
    let (decisions, errors) = replay(root.path());
    assert_eq!(shown(&decisions), ["t/a ban pretended", "t/b ban"], "{errors}");
}

#[test]
fn local_files_change_those_of_the_package() {
    let root = installation();
    let at = root.path();
    write(
        at,
        "etc/config.yaml.local",
        "api: {server: {profiles_path: $WHERE/etc2/profiles.yaml}}\n",
    );
    let mine = profile("mine", "captcha", "Alert.GetScenario() == 't/a'");
    write(at, "etc2/profiles.yaml.local", &mine);
    write(at, "etc2/simulation.yaml.local", "exclusions: [t/b]\n");
    let (decisions, errors) = replay(at);
    assert_eq!(shown(&decisions), ["t/a captcha", "t/b ban pretended"], "{errors}");
}

#[test]
fn what_is_wrong_in_a_local_file_has_its_place() {
    let root = installation();
    let at = root.path();
    write(at, "etc/config.yaml.local", "config_paths:\n  simulation_path: [a]\n");
    write(at, "etc2/simulation.yaml.local", "exclusion: [t/b]\n");
    let (_, errors) = replay(at);
    assert!(errors.contains("etc/config.yaml.local:2:20"), "{errors}");
    write(at, "etc/config.yaml.local", "\n");
    let (_, errors) = replay(at);
    assert!(errors.contains("simulation.yaml.local:1:1"), "{errors}");
    assert!(errors.contains("did you mean `exclusions`?"), "{errors}");
}

#[test]
fn a_file_without_profiles_is_refused() {
    let root = installation();
    write(root.path(), "etc/profiles.yaml", "# none\n");
    let (_, errors) = replay(root.path());
    assert!(errors.contains("no profiles here"), "{errors}");
}
