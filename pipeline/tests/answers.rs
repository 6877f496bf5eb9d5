//! `--answers`: recorded DNS answers instead of a network.

#[test]
fn recorded_answers_are_what_dns_says() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    put(
        "rules/parsers/s00-raw/name.yaml",
        "name: t/name\nfilter: \"true\"\nstatics:\n  - method: reverse_dns\n    expression: evt.Line.Raw\n  - meta: source_ip\n    expression: evt.Line.Raw\n",
    );
    put(
        "rules/scenarios/robot.yaml",
        "name: t/robot\ntype: trigger\ndescription: a robot\nfilter: \"evt.Enriched.reverse_dns endsWith '.example.org.'\"\nlabels:\n  remediation: true\n",
    );
    let log = put("in.log", "192.0.2.7\n192.0.2.8\n");
    let good = put(
        "good.jsonl",
        "{\"kind\":\"reverse_dns\",\"question\":\"192.0.2.7\",\"answer\":[\"bot.example.org.\"]}\n",
    );
    let bad = put("bad.jsonl", "{\"kind\":\"reverse_dns\"}\n");
    let rules = dir.path().join("rules").display().to_string();
    let replay = |answers: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_spillway"))
            .args(["replay", "-q", "-o", "raw", "--type", "t", "--rules", &rules])
            .args(["--answers", answers, &log])
            .output()
            .unwrap()
    };
    let found = String::from_utf8(replay(&good).stdout).unwrap();
    assert_eq!(found.matches("t/robot").count(), 1, "{found}");
    assert!(found.contains("192.0.2.7"), "{found}");
    let refused = replay(&bad);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("bad.jsonl:1:1"));
}
