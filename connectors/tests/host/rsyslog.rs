//! Real senders: Debian's rsyslog over UDP, TCP, TLS and RELP, and `logger`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use connectors::listener::ServerTls;
use connectors::metric::{Counter, Reason};
use connectors::syslog::{Config, Limits, Listener, Protocol};

use crate::listening::{connect, free_address, is_ended, listen, listener, run, write};
use crate::service::{Service, Store};

const RSYSLOG: &str = "/usr/sbin/rsyslogd";
const MODULES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog"];

/// Whether rsyslog is here, with this module.
fn has(module: &str) -> bool {
    let has = MODULES.iter().any(|directory| Path::new(directory).join(module).exists());
    let here = Path::new(RSYSLOG).exists() && has;
    if !here {
        eprintln!("skipped: no rsyslog with {module} here");
    }
    here
}

/// An rsyslog that hands on what it is told over TCP.
struct Rsyslog {
    child: Child,
    input: SocketAddr,
    _root: tempfile::TempDir,
}

impl Rsyslog {
    /// Starts one with these global settings and this action.
    fn start(global: &str, action: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let input = free_address();
        let path = |name: &str| root.path().join(name).display().to_string();
        let config = format!(
            "global(workDirectory=\"{}\" {global})\nmodule(load=\"imtcp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\")\n{action}\n",
            root.path().display(),
            input.port()
        );
        fs::write(path("rsyslog.conf"), config).unwrap();
        let log = fs::File::create(path("log")).unwrap();
        let child = Command::new(RSYSLOG)
            .args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("pid")])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let rsyslog = Self { child, input, _root: root };
        drop(connect(input));
        rsyslog
    }

    /// Hands it messages.
    fn send(&self, numbers: std::ops::Range<usize>) {
        let mut stream = std::io::BufWriter::new(TcpStream::connect(self.input).unwrap());
        for number in numbers {
            writeln!(stream, "<38>Nov 26 16:00:00 web1 sshd[{}]: {}", number + 1, text(number))
                .unwrap();
        }
        stream.flush().unwrap();
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(number: usize) -> String {
    format!("Failed password for user{number} from 192.0.2.1 port 22 ssh2")
}

/// What is left of a line behind its time.
fn tail(line: &str) -> &str {
    line.find(" web1 ").map_or(line, |at| &line[at + 1..])
}

#[track_caller]
fn has_all(service: &mut Service, name: &str, count: usize) {
    service.until(|now| now.count(name) >= count);
    let lines = service.lines(name);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(tail(line), format!("web1 sshd[{}]: {}", number + 1, text(number)), "{line}");
    }
    assert_eq!(lines.len(), count);
}

/// All of rsyslog's forms over all that `omfwd` speaks.
#[test]
fn rsyslog_forwards_in_every_form_over_udp_and_tcp() {
    if !has("lmnsd_ptcp.so") {
        return;
    }
    let templates = [
        "RSYSLOG_TraditionalForwardFormat",
        "RSYSLOG_ForwardFormat",
        "RSYSLOG_SyslogProtocol23Format",
    ];
    for (protocol, framing) in
        [(Protocol::Udp, ""), (Protocol::Tcp, "octet-counted"), (Protocol::Tcp, "traditional")]
    {
        for template in templates {
            let (mut service, name, address) = listen(protocol, Limits::default());
            let (scheme, framing) = match protocol {
                Protocol::Udp => ("udp", String::new()),
                _ => ("tcp", format!("TCP_Framing=\"{framing}\"")),
            };
            let action = format!(
                "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"{scheme}\" \
                 template=\"{template}\" {framing})",
                address.port()
            );
            let rsyslog = Rsyslog::start("", &action);
            rsyslog.send(0..500);
            has_all(&mut service, &name, 500);
            let first = service.lines(&name)[0].to_owned();
            // A year where the sender has told one, and no word of ours where it has not.
            let expected = if template.starts_with("RSYSLOG_Trad") {
                "Nov 26 16:00:00 "
            } else {
                "-11-26T16:00:00"
            };
            assert!(first.contains(expected), "{template}: {first}");
        }
    }
}

/// A certificate authority of our own, and what it has signed.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Option<Self> {
        let authority = Self(tempfile::tempdir().unwrap());
        let made = authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "9",
            "-subj",
            "/CN=test authority",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ]);
        if !made {
            eprintln!("skipped: no openssl here");
            return None;
        }
        authority.sign("server");
        authority.sign("client");
        Some(authority)
    }

    fn openssl(&self, arguments: &[&str]) -> bool {
        let openssl = Command::new("openssl").args(arguments).current_dir(self.0.path()).output();
        openssl.is_ok_and(|done| done.status.success())
    }

    /// Makes a key and a certificate for this name.
    fn sign(&self, name: &str) {
        let (key, request, out) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        fs::write(self.file("extensions"), format!("subjectAltName=DNS:{name}\n")).unwrap();
        assert!(self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &key,
            "-out",
            &request,
        ]));
        assert!(self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "9",
            "-extfile",
            "extensions",
            "-out",
            &out,
        ]));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tls(&self, names: &[&str]) -> ServerTls {
        ServerTls {
            client_ca: Some(self.file("ca.pem")),
            client_names: names.iter().map(ToString::to_string).collect(),
            ..ServerTls::new(self.file("server.pem"), self.file("server.key"))
        }
    }

    /// Global settings of rsyslog for TLS.
    fn global(&self, client: &str) -> String {
        format!(
            "defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
             defaultNetstreamDriverKeyFile=\"{}\"",
            self.file("ca.pem").display(),
            self.file(&format!("{client}.pem")).display(),
            self.file(&format!("{client}.key")).display()
        )
    }
}

fn encrypted(protocol: Protocol, tls: ServerTls) -> (Service, String, SocketAddr) {
    let config = Config { listeners: vec![listener(protocol, Some(tls))], ..Config::default() };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    (run(config, Store::new()), name, address)
}

fn over_tls(address: SocketAddr) -> String {
    format!(
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" \
         StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" \
         StreamDriverPermittedPeers=\"server\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\")",
        address.port()
    )
}

#[test]
fn rsyslog_forwards_over_tls_with_a_client_certificate() {
    let Some(authority) = Authority::new().filter(|_| has("lmnsd_gtls.so")) else { return };
    let (mut service, name, address) = encrypted(Protocol::Tcp, authority.tls(&["client"]));
    let rsyslog = Rsyslog::start(&authority.global("client"), &over_tls(address));
    rsyslog.send(0..1000);
    has_all(&mut service, &name, 1000);
}

#[test]
fn clients_of_another_name_and_those_that_speak_no_tls_are_turned_away() {
    let Some(authority) = Authority::new() else { return };
    let (mut service, name, address) =
        encrypted(Protocol::Tcp, authority.tls(&["somebody.example"]));
    service.during(Duration::from_millis(1));
    for rubbish in [&b"<13>no tls at all\n"[..], b"\x16\x03\x01\xff\xff\x00\x00", &[0xff; 20_000]] {
        let mut stream = connect(address);
        write(&mut stream, rubbish);
        assert!(is_ended(&mut stream, &mut service));
    }
    service.until(|now| now.meter.rejected(Reason::Handshake) == 3);
    if has("lmnsd_gtls.so") {
        let rsyslog = Rsyslog::start(&authority.global("client"), &over_tls(address));
        rsyslog.send(0..1);
        service.until(|now| now.meter.rejected(Reason::Handshake) > 3);
    }
    assert_eq!(service.count(&name), 0);
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let Some(authority) = Authority::new() else { return };
    let plain = ServerTls { client_ca: None, ..authority.tls(&[]) };
    let (mut service, _name, address) = encrypted(Protocol::Tcp, plain);
    let shown = |service: &mut Service| {
        let mut client = Command::new("openssl")
            .args(["s_client", "-connect", &address.to_string(), "-showcerts"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(client.stdin.take());
        while client.try_wait().unwrap().is_none() {
            service.during(Duration::from_millis(5));
        }
        let mut text = String::new();
        client.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text.split("-----").nth(2).unwrap_or_default().to_owned()
    };
    let first = shown(&mut service);
    assert!(!first.is_empty());
    authority.sign("server");
    service.during(Duration::from_millis(1100));
    let second = shown(&mut service);
    assert_ne!(first, second);
    fs::write(authority.file("server.pem"), "nothing").unwrap();
    service.during(Duration::from_millis(1100));
    assert_eq!(shown(&mut service), second);
}

#[test]
fn a_certificate_that_is_not_there_stops_the_start() {
    let Some(authority) = Authority::new() else { return };
    let tls = ServerTls { certificate: authority.file("gone.pem"), ..authority.tls(&[]) };
    let config =
        Config { listeners: vec![listener(Protocol::Tcp, Some(tls))], ..Config::default() };
    let mut service =
        Service::start(connectors::syslog::Syslog::new(config).unwrap(), Store::new());
    let error = service.finish().unwrap_err();
    let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(text.contains("gone.pem"), "{text}");
}

fn over_relp(address: SocketAddr, more: &str) -> String {
    format!(
        "module(load=\"omrelp\")\naction(type=\"omrelp\" target=\"127.0.0.1\" port=\"{}\" \
         action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" queue.type=\"LinkedList\" \
         queue.size=\"100000\" {more})",
        address.port()
    )
}

#[test]
fn rsyslog_loses_nothing_over_relp_whenever_the_service_stops() {
    if !has("omrelp.so") {
        return;
    }
    let config = Config { listeners: vec![listener(Protocol::Relp, None)], ..Config::default() };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    let mut service = run(config.clone(), Store::new());
    let rsyslog = Rsyslog::start("", &over_relp(address, ""));
    const MESSAGES: usize = 3000;
    for part in 0..3 {
        rsyslog.send(part * 1000..(part + 1) * 1000);
        // What it has sent is known to have come, and was not kept: it must come again.
        service.until(|now| now.count(&name) >= 300 * (part + 1));
        std::thread::sleep(Duration::from_millis(300));
        let store = service.crash();
        service = run(config.clone(), store);
    }
    let numbers = |service: &Service| -> BTreeSet<String> {
        service.lines(&name).into_iter().map(|line| tail(line).to_owned()).collect()
    };
    service.until(|now| now.count(&name) >= MESSAGES && numbers(now).len() == MESSAGES);
}

#[test]
fn rsyslog_speaks_relp_over_tls() {
    let Some(authority) = Authority::new().filter(|_| has("omrelp.so")) else { return };
    let (mut service, name, address) = encrypted(Protocol::Relp, authority.tls(&["client"]));
    let file = |name: &str| authority.file(name).display().to_string();
    let tls = format!(
        "tls=\"on\" tls.caCert=\"{}\" tls.myCert=\"{}\" tls.myPrivKey=\"{}\" tls.authMode=\"name\" \
         tls.permittedPeer=[\"server\"]",
        file("ca.pem"),
        file("client.pem"),
        file("client.key")
    );
    let rsyslog = Rsyslog::start("", &over_relp(address, &tls));
    rsyslog.send(0..1000);
    has_all(&mut service, &name, 1000);
}

/// Reads until it is silent.
fn heard(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        all.extend_from_slice(&bytes[..read]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn relp_acknowledges_what_is_kept_and_nothing_else() {
    let (mut service, name, address) =
        listen(Protocol::Relp, Limits { message: 100, ..Limits::default() });
    let mut stream = connect(address);
    assert!(write(&mut stream, "1 open 50 relp_version=0\nrelp_software=x\ncommands=syslog,eof\n"));
    assert!(heard(&mut stream).starts_with("1 rsp "));
    assert!(write(&mut stream, "2 syslog 10 <13>x: one\n3 syslog 10 <13>x: two\n"));
    // Nobody has taken them.
    assert_eq!(heard(&mut stream), "");
    service.until(|now| now.count(&name) == 2);
    assert_eq!(heard(&mut stream), "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
    assert!(write(&mut stream, format!("4 syslog 200 {}\n5 nonsense 0\n", "x".repeat(200))));
    // Of what is too long the beginning is handed on, so its answer waits too.
    assert_eq!(heard(&mut stream), "5 rsp 21 500 command not known\n");
    let mut later = (0..100).map(|_| {
        service.during(Duration::from_millis(10));
        heard(&mut stream)
    });
    assert_eq!(later.find(|heard| !heard.is_empty()).as_deref(), Some("4 rsp 6 200 OK\n"));
    assert_eq!(service.meter.rejected(Reason::TooLong), 1);
    assert!(write(&mut stream, "6 close 0\n"));
    assert_eq!(heard(&mut stream), "6 rsp 0\n0 serverclose 0\n");
    assert!(is_ended(&mut stream, &mut service));
    let mut rubbish = connect(address);
    assert!(write(&mut rubbish, "GET / HTTP/1.1\r\n\r\n"));
    assert!(is_ended(&mut rubbish, &mut service));
    service.until(|now| now.meter.rejected(Reason::Framing) == 1);
    assert_eq!(service.meter.count(Counter::Lines), 2);
}

#[test]
fn logger_is_understood_in_all_its_ways() {
    if Command::new("logger").arg("--version").output().is_err() {
        eprintln!("skipped: no logger here");
        return;
    }
    let listeners = vec![listener(Protocol::Udp, None), listener(Protocol::Tcp, None)];
    let names: Vec<String> = listeners.iter().map(Listener::name).collect();
    let ports: Vec<String> = listeners.iter().map(|one| one.address.port().to_string()).collect();
    let mut service = run(Config { listeners, ..Config::default() }, Store::new());
    for (number, port) in ports.iter().enumerate() {
        let transports: &[&[&str]] =
            if number == 0 { &[&["-d"]] } else { &[&["-T"], &["-T", "--octet-count"]] };
        let mut sent = 0;
        for transport in transports {
            for form in ["--rfc3164", "--rfc5424"] {
                let status = Command::new("logger")
                    .args([
                        "-n",
                        "127.0.0.1",
                        "-P",
                        port,
                        form,
                        "-t",
                        "app",
                        "--id=77",
                        "a message",
                    ])
                    .args(*transport)
                    .status()
                    .unwrap();
                assert!(status.success());
                sent += 1;
            }
        }
        service.until(|now| now.count(&names[number]) == sent);
        for line in service.lines(&names[number]) {
            assert!(line.ends_with(" app[77]: a message"), "{line}");
        }
    }
}
