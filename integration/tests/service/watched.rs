//! What others see of the service: status, metrics, health, log, the service manager.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;

use integration::ports::free_port;

use crate::process::{Service, failures};
use crate::pushed;

#[test]
fn status_and_metrics_tell_what_happened() {
    let port = free_port();
    let service = Service::start(&pushed(port), &[]);
    let mut lines = failures("203.0.113.20", 12);
    lines.push("no parser takes this".to_owned());
    service.push(port, &lines);
    service.wait_for_output("203.0.113.20", "ban for 4h");
    let status: Value = service.wait("all lines", || {
        let (done, status, errors) = service.command(&["status", "-o", "json"]);
        assert!(done, "{status} {errors}");
        let status: Value = serde_json::from_str(&status).unwrap();
        (status["lines"]["read"] == 13 && status["scenarios"][0]["overflowed"] != 0)
            .then_some(status)
    });
    assert_eq!(status["trouble"], serde_json::json!([]));
    assert_eq!(status["lines"]["unparsed"], 1);
    assert_eq!(status["sources"][0]["state"], "reading");
    assert_eq!(status["sources"][0]["lines"], 13);
    assert_eq!(status["values"][0][0], "203.0.113.20");
    assert_eq!(status["decisions"][0]["value"], "203.0.113.20");
    let (_, unparsed, _) = service.command(&["unparsed", "-o", "raw"]);
    assert_eq!(unparsed, "no parser takes this\n");
    let (_, top, _) = service.command(&["top", "--once", "--interval", "0.1"]);
    assert!(top.contains("203.0.113.20") && top.contains("ssh-bruteforce"), "{top}");

    let page = service.page("/metrics").body;
    let has =
        |text: &str| assert!(page.lines().any(|line| line.starts_with(text)), "{text}: {page}");
    let name = format!("loki-push:127.0.0.1:{port}");
    has(&format!("spillway_source_lines_total{{source=\"{name}\",module=\"loki\"}} 13"));
    has("spillway_lines_total{outcome=\"unparsed\"} 1");
    has("spillway_epoch_commit_seconds_bucket{le=\"+Inf\"}");
    has("spillway_ready 1");
    has("cs_parser_hits_ok_total{source=\"loki\",type=\"loki\",acquis_type=\"syslog\"} 12");
    has("cs_parser_hits_ko_total{source=\"loki\",type=\"loki\",acquis_type=\"syslog\"} 1");
    let lane = "source=\"loki\",type=\"loki\"";
    has(&format!("cs_bucket_poured_total{{{lane},name=\"spillway/ssh-bruteforce\"}}"));
    has("cs_bucket_instantiation_total{name=\"spillway/ssh-bruteforce\"}");
    has(&format!(
        "cs_node_hits_ok_total{{{lane},name=\"spillway/syslog\",stage=\"s00-raw\",acquis_type=\"syslog\"}}"
    ));
    has("cs_bucket_overflowed_total{name=\"spillway/ssh-bruteforce\"}");
    has(
        "cs_active_decisions{reason=\"spillway/ssh-bruteforce\",origin=\"crowdsec\",action=\"ban\"} 1",
    );
    has("cs_alerts{reason=\"spillway/ssh-bruteforce\"} 1");
    has("cs_buckets{name=\"spillway/ssh-bruteforce\"} ");
    has("cs_bucket_underflowed_total{name=\"spillway/ssh-bruteforce\"} ");
    has("cs_info{version=");
    has("cs_lapi_route_requests_total{route=\"/v1/admin/bouncers\",method=\"POST\"} 1");
    let (_, people, _) = service.command(&["metrics", "cs_bucket_overflowed"]);
    assert!(people.contains("spillway/ssh-bruteforce"), "{people}");
}

#[test]
fn nodes_and_whitelists_are_counted_as_crowdsec_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        (
            "s00-raw",
            "filter: evt.Line.Labels.type == 'syslog'\nname: t/raw\nonsuccess: next_stage\nnodes:\n\
             - grok: {pattern: '^user %{WORD:user} from %{IP:ip}$', apply_on: Line.Raw}\n\
             - grok: {pattern: '^other %{WORD:user}$', apply_on: Line.Raw}\n\
             statics:\n- {meta: source_ip, expression: evt.Parsed.ip}\n",
        ),
        (
            "s01-parse",
            "name: t/list\nwhitelist:\n  reason: own\n  ip: [192.0.2.1]\n  \
             expression: [\"evt.Parsed.user == 'x'\"]\n",
        ),
    ];
    for (stage, text) in files {
        let stage = folder.path().join("rules/parsers").join(stage);
        std::fs::create_dir_all(&stage).unwrap();
        std::fs::write(stage.join("t.yaml"), text).unwrap();
    }
    let port = free_port();
    let configuration = format!("{}rules: {{directories: [rules]}}\n", pushed(port));
    let service = Service::start_in(folder, &configuration, &[], &[]);
    let lines =
        ["user a from 192.0.2.1", "user x from 192.0.2.2", "user b from 192.0.2.3", "other c"];
    service.push(port, &lines.map(str::to_owned));
    let of = |name: &str, stage: &str, more: &str| {
        format!(
            "{{source=\"loki\",type=\"loki\",name=\"{name}\",{more}stage=\"{stage}\",acquis_type=\"syslog\"}}"
        )
    };
    let (raw, child) = (of("t/raw", "s00-raw", ""), of("child-t/raw", "s00-raw", ""));
    let list = of("t/list", "s01-parse", "reason=\"own\",");
    // A list of addresses and one of expressions are two looks, unless the first one fits.
    let expected = [
        format!("cs_node_hits_total{raw} 4\n"),
        format!("cs_node_hits_ok_total{raw} 4\n"),
        format!("cs_node_hits_total{child} 5\n"),
        format!("cs_node_hits_ok_total{child} 4\n"),
        format!("cs_node_hits_ko_total{child} 1\n"),
        format!("cs_node_wl_hits_total{list} 7\n"),
        format!("cs_node_wl_hits_ok_total{list} 2\n"),
    ];
    service.wait(&format!("{expected:?}"), || {
        let page = service.page("/metrics").body;
        expected.iter().all(|line| page.contains(line)).then_some(())
    });
}

#[test]
fn overflows_that_feed_themselves_are_counted_where_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let parser = "filter: evt.Line.Labels.type == 'syslog'\nname: t/raw\n\
                  grok: {pattern: '^from %{IP:ip}$', apply_on: Line.Raw}\n\
                  statics:\n- {meta: source_ip, expression: evt.Parsed.ip}\n";
    let again = |name: &str, filter: &str| {
        format!(
            "type: trigger\nname: t/{name}\ndescription: d\nfilter: {filter}\nreprocess: true\n"
        )
    };
    let files = [
        ("parsers/s00-raw/t.yaml", parser.to_owned()),
        ("scenarios/first.yaml", again("first", "evt.GetType() == 'log'")),
        ("scenarios/endless.yaml", again("endless", "evt.GetType() == 'overflow'")),
    ];
    for (path, text) in files {
        let path = folder.path().join("rules").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let port = free_port();
    let configuration = format!("{}rules: {{directories: [rules]}}\n", pushed(port));
    let service = Service::start_in(folder, &configuration, &[], &[]);
    service.push(port, &["from 192.0.2.1".to_owned()]);
    let expected = "spillway_unmatched_overflows_total{scenario=\"t/endless\"} 1\n";
    let page = service.wait(expected, || {
        let page = service.page("/metrics").body;
        page.contains(expected).then_some(page)
    });
    assert!(!page.contains("scenario=\"t/first\""), "{page}");
    service.wait("a warning at the start", || {
        service.errors().contains("its own overflows may match this filter again").then_some(())
    });
}

#[test]
fn health_says_what_is_wrong() {
    // Nobody listens there.
    let gone = format!(
        "sources:\n- source: loki\n  name: away\n  url: http://127.0.0.1:{}\n  query: '{{a=\"b\"}}'\n  \
         labels: {{type: syslog}}\npatience: 100ms\n",
        free_port()
    );
    let service = Service::start(&gone, &[]);
    assert_eq!(service.page("/livez").status, 200);
    service.wait("trouble", || {
        let ready = service.page("/readyz");
        (ready.status == 503 && ready.body.contains("source away: retrying")).then_some(())
    });
    let (done, status, _) = service.command(&["status"]);
    assert!(!done, "{status}");
    assert!(status.contains("in trouble") && status.contains("away"), "{status}");
}

#[test]
fn the_log_can_be_json() {
    let configuration = format!("{}log: {{format: json}}\n", pushed(free_port()));
    let mut service = Service::start(&configuration, &[]);
    service.terminate();
    let errors = service.errors();
    assert!(errors.lines().count() >= 3, "{errors}");
    for line in errors.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string() && line["level"].is_string(), "{line}");
    }
}

#[test]
fn the_service_manager_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let told = UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap().to_owned()),
        ("WATCHDOG_USEC", "300000".to_owned()),
    ];
    let mut service = Service::start_in(folder, &pushed(free_port()), &[], &environment);
    let next = || {
        let mut bytes = [0; 256];
        let length = told.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    };
    let mut first = [next(), next()];
    first.sort();
    assert_eq!(first, ["READY=1", "WATCHDOG=1"]);
    assert_eq!(next(), "WATCHDOG=1");
    service.terminate();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while next() != "STOPPING=1" {
        assert!(std::time::Instant::now() < deadline);
    }
}
