//! The commands of the daily work, and what the configuration says of the API: the binary of this build
//! against a service of this build, on its Unix socket and over the network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../lapi/http.rs"]
mod http;

mod access;
mod accounts;
mod acknowledged;
mod allowlists;
mod authority;
mod blocklist;
mod decisions;
mod failing;
mod limits;
mod metrics;
mod registration;
mod served;
mod stream;
mod tables;
mod tls;
mod visible;
mod waiting;

use std::process::Stdio;

use served::Served;

/// A line of CSV, by its header.
pub(crate) fn column(csv: &str, line: usize, name: &str) -> String {
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let place = rows[0].iter().position(|column| *column == name).unwrap();
    rows[line][place].to_owned()
}

#[test]
fn without_a_service_the_remedy_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let done =
        served::spillway().args(["decisions", "list", "--socket"]).arg(&socket).output().unwrap();
    assert!(!done.status.success());
    let errors = String::from_utf8(done.stderr).unwrap();
    assert!(errors.contains("no service runs here") && errors.contains("spillway run"), "{errors}");
}

#[test]
fn completions_that_nobody_reads_to_the_end_are_no_failure() {
    let mut command = served::spillway();
    command.args(["completion", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
}

#[test]
fn a_misspelt_name_gets_the_nearest() {
    let served = Served::start();
    served.run(&["bouncers", "add", "firewall"]);
    let errors = served.refused(&["bouncers", "delete", "firewal"]);
    assert!(
        errors.contains("no bouncer is called 'firewal'; did you mean 'firewall'?"),
        "{errors}"
    );
    let errors = served.refused(&["decisions", "lst"]);
    assert!(errors.contains("'list'"), "{errors}");
}

/// A small Debian, before anything asks for `ca-certificates`.
#[test]
fn a_host_without_authorities_has_its_commands() {
    let served = Served::start();
    let nowhere = served.folder.path().join("none");
    let done = served::spillway()
        .args(["decisions", "list", "--socket"])
        .arg(served.path("data/spillway.sock"))
        .env("SSL_CERT_FILE", &nowhere)
        .env("SSL_CERT_DIR", &nowhere)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
