//! Tables on a terminal, by util-linux `script`: as wide as it, in colours where they are wanted.

use std::process::Command;

use crate::served::{Served, spillway};

/// What a command writes to a terminal of so many columns; `None` where `script` is not installed.
fn on_terminal(served: &Served, columns: u32, words: &str) -> Option<String> {
    let binary = spillway().get_program().to_owned();
    let configuration = served.path("spillway.yaml");
    let (binary, configuration) = (binary.to_str().unwrap(), configuration.to_str().unwrap());
    let line = format!("stty cols {columns} && {binary} {words} --config {configuration}");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    let Ok(done) = script.output() else {
        eprintln!("skipped: `script` of util-linux is not installed");
        return None;
    };
    assert!(done.status.success(), "{done:?}");
    Some(String::from_utf8(done.stdout).unwrap())
}

/// Without escapes (`ESC [ … m`).
fn plain(line: &str) -> String {
    let mut pieces = line.split('\x1b');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn tables_fit_the_terminal_and_have_colours_there_alone() {
    let served = Served::start();
    let reason = "a reason that takes more room than a narrow terminal has";
    served.run(&["decisions", "add", "-i", "192.0.2.7", "-R", reason]);
    served.run(&["decisions", "add", "-i", "2001:db8:1234:5678:9abc:def0:1234:5678"]);
    for columns in [60, 80, 132, 250] {
        for words in ["decisions list", "alerts list", "bouncers list", "machines list"] {
            let Some(shown) = on_terminal(&served, columns, words) else { return };
            assert!(shown.contains("\x1b["), "{words} has no colours: {shown:?}");
            let grey = on_terminal(&served, columns, &format!("{words} --color no")).unwrap();
            assert!(!grey.contains('\x1b'), "{grey:?}");
            for line in shown.lines().chain(grey.lines()) {
                let width = plain(line).trim_end().chars().count();
                assert!(width <= columns as usize, "{words}: {width} of {columns}: {line}");
            }
        }
        let shown = on_terminal(&served, columns, "decisions list").unwrap();
        assert_eq!(columns > 200, plain(&shown).contains(reason), "{shown}");
    }
    // In a pipe there is room for everything, and no colour but where it is asked for.
    let piped = served.run(&["decisions", "list"]);
    assert!(piped.contains(reason) && !piped.contains('\x1b'), "{piped}");
    assert!(served.run(&["decisions", "list", "--color", "yes"]).contains('\x1b'));
}
