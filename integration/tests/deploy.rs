//! What is deployed: units, images and their compositions, as far as the tools of this machine judge
//! them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What a tool says; `None` where it is not installed, which `test` then says.
fn said(test: &str, program: &str, command: &mut Command) -> Option<Output> {
    let output = command.output().ok();
    if output.is_none() {
        eprintln!("{test}: skipped, no {program} here");
    }
    output
}

#[test]
fn the_image_has_the_binary_of_the_makefile() {
    let makefile = read("Makefile");
    let build = makefile.lines().find_map(|line| line.strip_prefix("BUILD = ")).unwrap();
    let dockerfile = read("deploy/docker/Dockerfile").replace(" --locked", "");
    assert!(dockerfile.contains(build), "the Dockerfile does not run `{build}`");
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("spillway.service");
    // The unit names a binary that is not installed here.
    let text = read("deploy/systemd/spillway.service").replace("/usr/bin/spillway", "/bin/true");
    fs::write(&unit, text).unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).arg(&unit);
    let Some(output) = said("systemd_takes_the_unit", "systemd-analyze", &mut command) else {
        return;
    };
    let errors = String::from_utf8(output.stderr).unwrap();
    let ours: Vec<_> = errors.lines().filter(|line| line.contains("spillway")).collect();
    assert!(output.status.success() && ours.is_empty(), "{errors}");
}

#[test]
fn the_trial_is_one_that_docker_compose_takes() {
    let mut command = Command::new("docker-compose");
    command.arg("-f").arg(root().join("deploy/docker/compose.yaml")).args(["config", "-q"]);
    let test = "the_trial_is_one_that_docker_compose_takes";
    let Some(output) = said(test, "docker-compose", &mut command) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `make test-deploy` finds in the package, as far as the manifest says it.
#[test]
fn the_package_has_the_files_that_are_listed() {
    let manifest = read("pipeline/Cargo.toml");
    let (_, assets) = manifest.split_once("\nassets = [\n").unwrap();
    // cargo-deb adds the unit and the licence.
    let mut files = BTreeSet::from([
        "/usr/lib/systemd/system/spillway.service".to_owned(),
        "/usr/share/doc/spillway/copyright".to_owned(),
    ]);
    for asset in assets.lines().take_while(|line| *line != "]") {
        let words: Vec<&str> = asset.split('"').collect();
        let (from, to) = (words[1], words[3]);
        if let Some(folder) = from.strip_suffix("/*") {
            let entries = fs::read_dir(root().join("pipeline").join(folder)).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            files.extend(names.map(|name| format!("/{to}{name}")));
        } else if to.ends_with('/') {
            files.insert(format!("/{to}{}", from.rsplit('/').next().unwrap()));
        } else {
            files.insert(format!("/{to}"));
        }
        let there = from.starts_with("target/")
            || root().join("pipeline").join(from.trim_end_matches("/*")).exists();
        assert!(there, "{from} is in the package and not in the tree");
    }
    let listed = read("integration/deploy/package.files");
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    assert_eq!(files, listed);
}

#[test]
fn alert_rules_fire_for_whom_they_should() {
    let mut command = Command::new("promtool");
    command.args(["test", "rules"]).arg(root().join("integration/deploy/alerts.test.yaml"));
    let test = "alert_rules_fire_for_whom_they_should";
    let Some(output) = said(test, "promtool", &mut command) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Where a Docker daemon has the base. `make test-deploy` makes one, and does the rest.
#[test]
fn the_image_runs_without_privileges() {
    let test = "the_image_runs_without_privileges";
    let mut command = Command::new("docker");
    command.args(["image", "inspect", "debian:bookworm-slim"]);
    let Some(output) = said(test, "docker", &mut command) else { return };
    if !output.status.success() {
        eprintln!("{test}: skipped, no Docker daemon here that has debian:bookworm-slim");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let binary = own.parent().unwrap().parent().unwrap().join("spillway");
    let mut command = Command::new(root().join("integration/deploy/run.sh"));
    command.arg("image").env("SPILLWAY", binary).env("DEBIAN", "debian:bookworm-slim");
    let output = command.output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
