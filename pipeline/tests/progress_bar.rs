//! The progress bar: there on a terminal, of any width, and nowhere else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

fn log(root: &Path) -> String {
    let line = "2026-03-01T10:00:00Z 203.0.113.7 login of anna\n";
    let path = root.join("app.log");
    fs::write(&path, line.repeat(200_000)).unwrap();
    path.display().to_string()
}

/// What a replay writes to a terminal of so many columns, by util-linux `script`; `None` where
/// that is not installed.
fn on_terminal(columns: u32, log: &str) -> Option<String> {
    let replay = format!(
        "stty cols {columns} rows 24 && {} replay --type app {log}",
        env!("CARGO_BIN_EXE_spillway")
    );
    let mut script = Command::new("script");
    // A dumb terminal gets none, and the caller may have been started from one.
    let run = script.args(["-qec", &replay, "/dev/null"]).env("TERM", "xterm").output();
    let Ok(output) = run else {
        eprintln!("skipped: `script` of util-linux is not installed");
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_terminal_shows_rate_and_time_left_in_one_line() {
    let root = tempfile::tempdir().unwrap();
    let log = log(root.path());
    for columns in [60, 80, 200] {
        let Some(shown) = on_terminal(columns, &log) else { return };
        let bars: Vec<&str> =
            shown.split(['\r', '\n']).filter(|piece| piece.contains("ETA")).collect();
        assert!(!bars.is_empty(), "{columns} columns: {shown:?}");
        for bar in bars {
            let bar = bar.trim_start_matches("\u{1b}[2K").split('\u{1b}').next().unwrap();
            assert!(bar.contains(" lines/s  ETA "), "{bar:?}");
            assert!(bar.chars().count() <= columns as usize, "{columns} columns: {bar:?}");
        }
        let (_, after) = shown.rsplit_once("ETA").unwrap();
        assert!(after.contains("lines "), "the summary follows: {after:?}");
    }
}

#[test]
fn a_pipe_gets_no_progress() {
    let root = tempfile::tempdir().unwrap();
    let log = log(root.path());
    let replay = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["replay", "--type", "app", &log])
        .output()
        .unwrap();
    let errors = String::from_utf8(replay.stderr).unwrap();
    assert!(!errors.contains("ETA") && !errors.contains(['\r', '\u{1b}']), "{errors:?}");
    assert!(errors.contains("lines           200,000"), "{errors}");
}
