//! What is deployed: units, images and their compositions, as far as the tools of this machine judge
//! them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

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
