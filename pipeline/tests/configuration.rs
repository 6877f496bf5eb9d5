//! Configurations as people write them: what is wrong, and where; what is right, and what it means.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use pipeline::config::load::{Loaded, load};
use pipeline::config::schema::schema;
use pipeline::config::sections::ROOT;
use pipeline::config::show::show;

fn read_in(folder: &Path, text: &str) -> Loaded {
    let path = folder.join("spillway.yaml");
    fs::write(&path, text).unwrap();
    load(Some(&path), &|name| (name == "TOKEN").then(|| "s3cret".to_owned()))
}

fn read(text: &str) -> Loaded {
    read_in(tempfile::tempdir().unwrap().path(), text)
}

/// `line:column: message`, of all errors.
fn errors(loaded: &Loaded) -> Vec<String> {
    let one = |error: &operators::yaml::RuleError| {
        format!("{}:{}: {}", error.line, error.column, error.message)
    };
    loaded.errors.iter().map(one).collect()
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    assert_eq!(errors(&read(text)), expected, "{text}");
}

#[test]
fn everything_that_is_wrong_is_said_with_its_place() {
    refused(
        "hodl: 1s\nhold: never\nworkers: 0\nmemory: lots\n",
        &[
            "1:1: unknown key `hodl` in spillway.yaml",
            "2:7: `hold`: invalid duration \"never\"",
            "3:10: `workers` is a number from 1 to 256, or auto",
            "4:9: `memory`: \"lots\" is no number of bytes",
        ],
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let usual = "the program";
    for (text, expected) in [
        ("epoch: 1h\n", "1:8: `epoch` is from 5ms to 10s"),
        ("epoch: 0s\n", "1:8: `epoch` is from 5ms to 10s"),
        ("memory: 1\n", "1:9: `memory` is at least 64MiB"),
        ("memory: 63MiB\n", "1:9: `memory` is at least 64MiB"),
    ] {
        refused(text, &[expected]);
    }
    let loaded = read("memory: 512\n");
    assert!(loaded.errors[0].help.as_ref().unwrap().contains(usual));
    refused("epoch: 20ms\nmemory: 64MiB\n", &[]);
    refused("epoch: 10s\n", &[]);
}

#[test]
fn what_listens_on_the_same_address_is_refused_with_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spillway.yaml");
    let file = file.display();
    let told = |text: &str| errors(&read_in(folder.path(), text));
    assert_eq!(
        told("api: {listen: '127.0.0.1:7'}\nmetrics: {listen: '0.0.0.0:7'}\n"),
        [format!(
            "2:19: `metrics.listen` and `api.listen` ({file}:1:15) listen on the same address"
        )]
    );
    assert_eq!(
        told("api: {listen: '127.0.0.1:6060'}\n"),
        ["1:15: `api.listen` and `metrics.listen` (by default) listen on the same address"]
    );
    let source = |keys: &str| format!("- {keys}\n  labels: {{type: x}}\n");
    let loki = source("source: loki\n  listen_addr: 127.0.0.1:9");
    let syslog = |protocol: &str| {
        source(&format!("source: syslog\n  listen_port: 9\n  protocol: {protocol}"))
    };
    let listening = |all: &[String]| format!("sources:\n{}", all.concat());
    assert_eq!(
        told(&listening(&[loki.clone(), syslog("tcp")])),
        [format!("6:16: syslog source and loki source ({file}:3:16) listen on the same address")]
    );
    // Datagrams are another matter.
    assert_eq!(told(&listening(&[loki.clone(), syslog("udp")])), [""; 0]);
    assert_eq!(told(&listening(&[syslog("relp"), syslog("udp")])), [""; 0]);
    let other = folder.path().join("acquis.yaml");
    fs::write(&other, "source: loki\nname: mine\nlisten_addr: '[::]:9'\nlabels: {type: x}\n")
        .unwrap();
    assert_eq!(
        told(&listening(&[loki])),
        [format!(
            "3:14: loki source mine and loki source ({file}:3:16) listen on the same address"
        )]
    );
}

#[test]
fn a_file_that_two_sources_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.log", "b.log", "c.log", "a.log.1"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let source = |keys: &str| format!("- source: file\n  {keys}\n  labels: {{type: syslog}}\n");
    let all = [
        source("filename: '*.log'\n  exclude_regexps: [c.log]"),
        source("name: two\n  filenames: [a.log, c.log, b.log]"),
        source("filename: other.log"),
    ];
    let mut loaded = read_in(folder.path(), &format!("sources:\n{}", all.concat()));
    assert_eq!(errors(&loaded), [""; 0]);
    loaded.warn_of_shared_files();
    let here = folder.path().display();
    assert_eq!(
        warnings(&loaded),
        [format!(
            "0:0: sources file:{here}/*.log and two both read {here}/a.log and 1 more: each line \
             counts twice"
        )]
    );
}

#[test]
fn sources_are_refused_for_what_they_lack() {
    refused(
        "sources:\n- source: loki\n  url: http://l\n  labels: {type: x}\n",
        &["2:3: loki source needs `query`"],
    );
    refused(
        "sources:\n- source: s3\n",
        &["2:11: source s3 comes later: `spillway replay` reads archives that were fetched"],
    );
    refused(
        "sources:\n- source: wineventlog\n",
        &["2:11: source wineventlog will never be read: it is on Windows alone"],
    );
    refused("sources:\n- source: kakfa\n", &["2:11: unknown source \"kakfa\""]);
    refused(
        "sources:\n- source: syslog\n  protocol: tcp\n  labels: {type: x}\n  \
         tls: {server_cert: c, server_key: k, client_names: [a]}\n",
        &["5:8: clients' certificates are not looked at"],
    );
}

#[test]
fn a_source_may_wait_and_be_limited_by_itself() {
    let source = |keys: &str| format!("- source: stdin\n  labels: {{type: x}}\n{keys}");
    let all = [source(""), source("  hold: unlimited\n"), source("  hold: 5s\n  rate: 7\n")];
    let loaded = read(&format!("sources:\n{}", all.concat()));
    assert_eq!(errors(&loaded), [] as [&str; 0]);
    let meant: Vec<_> = loaded.sources.iter().map(|source| (source.hold, source.rate)).collect();
    let five = std::time::Duration::from_secs(5);
    assert_eq!(meant, [(None, None), (Some(None), None), (Some(Some(five)), Some(7))]);
}

#[test]
fn the_environment_is_put_in() {
    let source = |headers: &str, labels: &str| {
        format!(
            "sources:\n- source: http\n  listen_addr: 127.0.0.1:1\n  auth_type: headers\n  \
             headers: {headers}\n  labels: {labels}\n"
        )
    };
    let loaded = read(&source("{x: y}", "{type: \"${TOKEN}\", other: \"${OTHER}\"}"));
    assert_eq!(errors(&loaded), [] as [&str; 0]);
    let shown = format!("{:?}", loaded.sources);
    assert!(shown.contains("s3cret") && shown.contains("${OTHER}"), "{shown}");
    let loaded = read(&source("{x: \"${TOKEN}\"}", "{type: z}"));
    assert_eq!(errors(&loaded), [] as [&str; 0]);
    let shown = show(&loaded.settings.values);
    assert!(!shown.contains("s3cret"), "secrets are not shown: {shown}");
}

/// `line:column: message`, of all warnings.
fn warnings(loaded: &Loaded) -> Vec<String> {
    let one = |error: &operators::yaml::RuleError| {
        format!("{}:{}: {}", error.line, error.column, error.message)
    };
    loaded.warnings.iter().map(one).collect()
}

#[test]
fn a_secret_is_no_variable_that_nobody_has_set() {
    let source = |headers: &str, label: &str| {
        format!(
            "# ${{COMMENT}}\nsources:\n- source: http\n  listen_addr: 127.0.0.1:1\n  \
             auth_type: headers\n  headers: {headers}\n  labels: {{type: {label}}}\n"
        )
    };
    let all = source("{x: \"${ABSENT}\", y: $ABSENT, z: \"a${ABSENT}b\"}", "z");
    let expected = [
        "6:16: `headers`: nobody has set ${ABSENT}",
        "6:32: `headers`: nobody has set $ABSENT",
        "6:44: `headers`: nobody has set ${ABSENT}",
    ];
    refused(&all, &expected);
    assert_eq!(warnings(&read(&all)), [""; 0]);
    // A dollar in what somebody wrote is no reference, as far as one can see.
    let loaded = read(&source("{x: \"pa$word\", y: \"${TOKEN}\"}", "\"${OTHER}\""));
    assert_eq!(errors(&loaded), [""; 0]);
    let expected =
        ["7:18: `labels`: nobody has set ${OTHER}", "6:16: `headers`: nobody has set $word"];
    assert_eq!(warnings(&loaded), expected);
    // Files of acquisition are read alike.
    let folder = tempfile::tempdir().unwrap();
    let document = "source: http\nlisten_addr: 127.0.0.1:1\nauth_type: headers\n\
                    headers: {x: \"${ABSENT}\"}\nlabels: {type: x}\n";
    fs::write(folder.path().join("acquis.yaml"), document).unwrap();
    let loaded = read_in(folder.path(), "");
    assert_eq!(errors(&loaded), ["4:14: `headers`: nobody has set ${ABSENT}"]);
}

#[test]
fn what_is_shown_means_the_same() {
    let text = "hold: unlimited\nmemory: 1GiB\nworkers: 3\napi: {listen: \"127.0.0.1:9\"}\n\
                outputs:\n- output: kafka\n  brokers: [b:9092]\n  decisions: {topic: bans}\n";
    let folder = tempfile::tempdir().unwrap();
    let loaded = read_in(folder.path(), text);
    assert_eq!(errors(&loaded), [] as [&str; 0]);
    let shown = show(&loaded.settings.values);
    let again = read_in(folder.path(), &shown);
    assert_eq!(errors(&again), [] as [&str; 0], "{shown}");
    assert_eq!(loaded.settings.pace, again.settings.pace);
    assert_eq!(format!("{:?}", again.settings.outputs), format!("{:?}", loaded.settings.outputs));
}

#[test]
fn acquisition_files_of_crowdsec_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("acquis.d")).unwrap();
    let loki = "source: loki\nurl: http://l:3100\nquery: '{a=\"b\"}'\nlabels:\n  type: nginx\n";
    let file =
        "filenames:\n  - /var/log/nginx/*.log\nforce_inotify: true\nlabels:\n  type: nginx\n";
    fs::write(folder.path().join("acquis.d/a.yaml"), file).unwrap();
    let http = "source: http\nlisten_addr: 127.0.0.1:1\nauth_type: headers\nheaders: {x: y}\n\
                labels: {type: x}\n";
    fs::write(folder.path().join("acquis.yaml"), format!("# mine\n---\n{loki}---\n{loki}"))
        .unwrap();
    fs::write(folder.path().join("acquis.d/b.yml"), loki).unwrap();
    fs::write(folder.path().join("acquis.d/c.yaml"), http).unwrap();
    fs::write(folder.path().join("acquis.d/readme.txt"), "no").unwrap();
    let loaded = read_in(folder.path(), "");
    assert_eq!(errors(&loaded), [] as [&str; 0]);
    let names: Vec<_> = loaded.sources.iter().map(|source| source.name.as_str()).collect();
    let asks = "loki:http://l:3100 {a=\"b\"}";
    let second = format!("{asks}#2");
    let expected =
        [asks, &second, "file:/var/log/nginx/*.log", "http:127.0.0.1:1", &format!("{asks}#3")];
    assert_eq!(names, expected);
    let loaded = read_in(folder.path(), "acquisition: []\n");
    assert!(loaded.sources.is_empty());
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema(&ROOT, "spillway.yaml");
    let properties = schema["properties"].as_object().unwrap();
    for key in ROOT.keys() {
        assert!(properties.contains_key(key.name), "{}", key.name);
        assert!(!key.help.is_empty(), "{}", key.name);
    }
    let kinds = schema["properties"]["sources"]["items"]["anyOf"].as_array().unwrap();
    assert!(kinds.iter().any(|kind| kind["properties"]["source"]["const"] == "loki"));
}

/// Comments in front of keys taken off, the file is one with every default and example in it.
#[test]
fn the_shipped_configuration_holds_what_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/spillway.yaml");
    let text = fs::read_to_string(path).unwrap();
    let as_it_is = read(&text);
    assert_eq!(errors(&as_it_is), [] as [&str; 0]);
    let is_key = |line: &&str| {
        let key = line.trim_start_matches("# ").trim_start().trim_start_matches("- ");
        let name = key.split(':').next().unwrap_or("");
        key.contains(':') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let uncommented: String = text
        .lines()
        .filter(|line| line.starts_with("# "))
        .filter(is_key)
        .map(|line| format!("{}\n", line.trim_start_matches("# ").split("  #").next().unwrap()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spillway.yaml");
    fs::write(&path, &uncommented).unwrap();
    let whole = load(Some(&path), &|_| Some("0123456789abcdef".repeat(2)));
    // The acquisition files of the example are those of another machine.
    let mut wrong = errors(&whole);
    wrong.retain(|error| !error.ends_with("there is no such file or directory"));
    assert_eq!(wrong, [] as [&str; 0], "{uncommented}");
    for key in ROOT.keys() {
        let written = whole.settings.values.entry(key.name).is_some_and(|entry| !entry.is_default);
        assert!(written, "{} is not in the file", key.name);
    }
    let (default, whole) = (read("sources: []\n").settings, whole.settings);
    assert_eq!(default.pace, whole.pace);
    assert_eq!(default.memory, whole.memory);
    assert_eq!(default.metrics, whole.metrics);
    assert_eq!(default.log, whole.log);
    assert_eq!(default.api.listen, whole.api.listen);
    // Machines and bouncers stay unless it is said how long.
    let mut retention = whole.api.retention;
    assert_ne!(retention.silence, default.api.retention.silence);
    retention.silence = default.api.retention.silence;
    assert_eq!(default.api.retention, retention);
}

#[test]
fn configurations_of_containers_are_sound() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/docker");
    for name in ["spillway.yaml", "trial/spillway.yaml"] {
        let environment = |name: &str| match name {
            "SPILLWAY_API" => Some("0.0.0.0:8080".to_owned()),
            "SPILLWAY_METRICS" => Some("0.0.0.0:6060".to_owned()),
            _ => None,
        };
        let loaded = load(Some(&deploy.join(name)), &environment);
        assert_eq!(errors(&loaded), [] as [&str; 0], "{name}");
        assert!(!loaded.sources.is_empty(), "{name}");
    }
}
