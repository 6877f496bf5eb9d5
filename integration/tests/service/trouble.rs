//! Trouble from outside: the log says once that a source or an output is in trouble and why, and that it
//! is over.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use crate::outputs::decisions;
use crate::process::Service;

/// Lines of the log about a source or an output.
fn about(service: &Service, name: &str, what: &str) -> Vec<String> {
    let errors = service.errors();
    let lines = errors.lines().filter(|line| line.contains(what) && line.contains(name));
    lines.map(str::to_owned).collect()
}

#[test]
fn trouble_is_logged_once_and_so_is_its_end() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let [of_tcp, of_http, of_udp] =
        [tcp.local_addr(), http.local_addr(), udp.local_addr()].map(|at| at.unwrap().port());
    let configuration = format!(
        "sources:
- {{source: syslog, name: by-tcp, protocol: tcp, listen_addr: 127.0.0.1, listen_port: {of_tcp}, labels: {{type: syslog}}}}
- {{source: syslog, name: by-udp, listen_addr: 127.0.0.1, listen_port: {of_udp}, labels: {{type: syslog}}}}
- {{source: http, name: by-http, listen_addr: '127.0.0.1:{of_http}', auth_type: none, labels: {{type: syslog}}}}
- {{source: docker, name: no-docker, docker_host: 'http://127.0.0.1:9', container_name: [none], labels: {{type: syslog}}}}
- {{source: loki, name: no-loki, url: 'http://127.0.0.1:9', query: '{{a=\"b\"}}', labels: {{type: syslog}}}}
- {{source: victorialogs, name: no-store, url: 'http://127.0.0.1:9', query: 'x', labels: {{type: syslog}}}}
outputs:
- {{output: webhook, name: no-hook, url: 'http://127.0.0.1:9/', streams: [decisions]}}
- {{output: file, name: no-folder, path: gone/told.jsonl, streams: [decisions]}}
"
    );
    let mut service = Service::start(&configuration, &[]);
    decisions(&service, &["add", "--ip", "203.0.113.160", "--duration", "4h"]);
    let sources = ["by-tcp", "by-udp", "by-http", "no-docker", "no-loki", "no-store"];
    let outputs = ["no-hook", "no-folder"];
    for name in sources.iter().chain(&outputs) {
        service.wait(name, || (!about(&service, name, "WARN").is_empty()).then_some(()));
    }
    std::thread::sleep(Duration::from_millis(2500));
    for name in sources.iter().chain(&outputs) {
        assert_eq!(about(&service, name, "WARN").len(), 1, "{}", service.errors());
        assert!(about(&service, name, "is out of trouble").is_empty(), "{}", service.errors());
    }
    let holder = format!("(process {}) listens there", std::process::id());
    for name in ["by-tcp", "by-udp", "by-http"] {
        let told = about(&service, name, "WARN").concat();
        assert!(told.contains(&holder), "{told}");
        let (_, status, _) = service.command(&["status"]);
        assert!(status.contains(&holder), "{status}");
    }
    drop((tcp, udp));
    std::fs::create_dir(service.folder().join("gone")).unwrap();
    for name in ["by-tcp", "by-udp", "no-folder"] {
        service
            .wait(name, || (about(&service, name, "is out of trouble").len() == 1).then_some(()));
    }
    service.terminate();
    assert!(!service.errors().contains("ERROR"), "{}", service.errors());
    for name in sources.iter().chain(&outputs) {
        assert_eq!(about(&service, name, "WARN").len(), 1, "{}", service.errors());
    }
}

#[test]
fn a_source_that_gives_up_is_an_error_once() {
    let configuration = "sources:\n- {source: http, name: nowhere, listen_addr: '192.0.2.256:80', \
                         auth_type: none, labels: {type: syslog}}\n";
    let service = Service::start(configuration, &[]);
    service.wait("it", || (!about(&service, "nowhere", "ERROR").is_empty()).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(about(&service, "nowhere", "ERROR").len(), 1, "{}", service.errors());
}
