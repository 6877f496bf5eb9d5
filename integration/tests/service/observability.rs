//! Metrics as they are published: `deploy/observability/metrics.md` lists every family, and the
//! dashboard and the alert rules beside it ask for nothing else. `UPDATE_EXPECT=1` writes the list anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use connectors::metric::Reason;
use integration::ports::free_port;
use regex::Regex;

use crate::http::Request;
use crate::process::{Service, failures};

/// What Prometheus puts behind the name of a histogram.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Labels that Prometheus adds, to what it scrapes and to histograms.
const ADDED: [&str; 3] = ["instance", "job", "le"];

/// What the head of the list says.
const HEAD: &str = "\
# Metrics

What `/metrics` has, by default at 127.0.0.1:6060. Names with `cs_` are CrowdSec's, with its labels: `metrics.level`
chooses how many of them there are. Those of sources and outputs are there where one of that kind is configured.

| name | kind | what |
|---|---|---|
";

/// A family on the page.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/observability"))
}

/// A service with a source of every kind and an output, that found something and was asked for it.
fn everything() -> Service {
    let [push, syslog, http, audit] = [(); 4].map(|()| free_port());
    let configuration = format!(
        "metrics: {{level: full}}
patience: 100ms
sources:
- {{source: file, filenames: ['*.log'], labels: {{type: syslog}}}}
- {{source: journalctl, journalctl_filter: [_PID=1], labels: {{type: syslog}}}}
- {{source: syslog, listen_addr: 127.0.0.1, listen_port: {syslog}, labels: {{type: syslog}}}}
- {{source: docker, docker_host: 'http://127.0.0.1:9', container_name: [none], labels: {{type: syslog}}}}
- {{source: kafka, brokers: ['127.0.0.1:9'], topic: logs, group_id: test, labels: {{type: syslog}}}}
- {{source: loki, listen_addr: '127.0.0.1:{push}', labels: {{type: syslog}}}}
- {{source: victorialogs, url: 'http://127.0.0.1:9', query: 'x', labels: {{type: syslog}}}}
- {{source: http, listen_addr: '127.0.0.1:{http}', auth_type: none, labels: {{type: syslog}}}}
- {{source: k8s-audit, listen_addr: 127.0.0.1, listen_port: {audit}, webhook_path: /audit, labels: {{type: k8s-audit}}}}
outputs:
- {{output: file, path: decisions.jsonl}}
"
    );
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    std::fs::write(&log, "").unwrap();
    let service = Service::start_in(folder, &configuration, &[], &[]);
    service.wait("the file", || {
        let (_, status, _) = service.command(&["status", "-o", "raw"]);
        status.lines().any(|line| line.contains(",file,reading")).then_some(())
    });
    std::fs::write(&log, failures("203.0.113.50", 12).join("\n") + "\n").unwrap();
    service.wait_for_decision("203.0.113.50");
    service
}

fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let label = Regex::new(r#"([a-z_]+)=""#).unwrap();
    let mut now = String::new();
    for line in page.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                families.entry(name.into()).or_default().help = help.into();
            }
            ["#", "TYPE", name, kind] => {
                now = name.to_owned();
                families.entry(now.clone()).or_default().kind = kind.into();
            }
            _ => {
                let labels = label.captures_iter(line).map(|found| found[1].to_owned());
                families.get_mut(&now).unwrap().labels.extend(labels);
            }
        }
    }
    families
}

/// The family that a name in a query is of.
fn family_of<'a>(families: &'a BTreeMap<String, Family>, name: &str) -> Option<&'a Family> {
    let of_histogram = OF_HISTOGRAMS.iter().find_map(|end| {
        families.get(name.strip_suffix(end)?).filter(|family| family.kind == "histogram")
    });
    families.get(name).filter(|family| family.kind != "histogram").or(of_histogram)
}

/// Every query, with where it stands.
fn queries() -> Vec<(String, String)> {
    let text = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let mut found = Vec::new();
    let rules = text("alerts.yaml");
    let expression = Regex::new(r"(?ms)^    expr: (.*?)^    \w+:").unwrap();
    let label = Regex::new(r"\$labels\.([a-z_]+)").unwrap();
    for rule in rules.split("  - alert: ").skip(1) {
        // What is told of labels is asked for too.
        let labels: Vec<_> = label.captures_iter(rule).map(|one| one[1].to_owned()).collect();
        let expression = &expression.captures(rule).unwrap()[1];
        let place = format!("alert {}", rule.lines().next().unwrap());
        found.push((place, format!("{expression} by ({})", labels.join(","))));
    }
    let dashboard: serde_json::Value = serde_json::from_str(&text("dashboard.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = format!("panel {}", panel["title"]);
            found.push((title, target["expr"].as_str().unwrap().to_owned()));
        }
    }
    assert!(found.len() > 25, "{}", found.len());
    found
}

/// What is wrong with a query.
fn wrong(families: &BTreeMap<String, Family>, query: &str) -> Vec<String> {
    let name = Regex::new(r"\b(?:cs|spillway)_[a-z0-9_]+").unwrap();
    let by = Regex::new(r"\bby \(([^)]*)\)").unwrap();
    let matched = Regex::new(r#"([a-z_]+)(?:=~|!=|=)"([^"]*)""#).unwrap();
    let mut wrong = Vec::new();
    let mut known: BTreeSet<&str> = ADDED.into();
    let mut sampled = true;
    for name in name.find_iter(query) {
        match family_of(families, name.as_str()) {
            Some(family) => {
                sampled &= !family.labels.is_empty();
                known.extend(family.labels.iter().map(String::as_str));
            }
            None => wrong.push(format!("nothing is called {}", name.as_str())),
        }
    }
    let groups = by.captures_iter(query).flat_map(|found| {
        let (_, [labels]) = found.extract();
        labels.split(',').map(str::trim).filter(|label| !label.is_empty())
    });
    let selected: Vec<[&str; 2]> =
        matched.captures_iter(query).map(|found| found.extract().1).collect();
    for label in groups.chain(selected.iter().map(|[label, _]| *label)) {
        // Of what has not happened no labels are shown.
        if sampled && !known.contains(label) {
            wrong.push(format!("it has no label {label}"));
        }
    }
    for [label, value] in selected {
        let known = match label {
            "reason" => Reason::ALL.iter().any(|reason| reason.as_str() == value),
            "state" => ["starting", "reading", "retrying", "failed", "ended"].contains(&value),
            _ => true,
        };
        if !known {
            wrong.push(format!("{label} is never {value}"));
        }
    }
    wrong
}

#[test]
fn dashboard_alerts_and_list_are_of_this_build() {
    let service = everything();
    let (method, target) = ("GET".into(), "/v1/decisions".into());
    service.admin(&Request { method, target, ..Request::default() });
    let families = families(&service.page("/metrics").body);
    let untold: Vec<_> = families.iter().filter(|(_, one)| one.help.trim().is_empty()).collect();
    assert!(untold.is_empty(), "no help: {:?}", untold.iter().map(|one| one.0).collect::<Vec<_>>());

    let mut errors = Vec::new();
    for (place, query) in queries() {
        errors.extend(wrong(&families, &query).iter().map(|what| format!("{place}: {what}")));
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));

    let rows = families.iter().map(|(name, one)| {
        format!("| `{name}` | {} | {} |\n", one.kind, one.help.trim_end_matches('.'))
    });
    let list = HEAD.to_owned() + &rows.collect::<String>();
    let path = folder().join("metrics.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &list).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, list, "{}: UPDATE_EXPECT=1 writes it", path.display());
}
