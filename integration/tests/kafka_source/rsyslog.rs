//! Debian's rsyslog as a sender: `omkafka` with the templates of its guides.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use connectors::kafka::Payload;
use integration::services::poll_until;

use crate::{SOON, config, run, shared};

/// A running rsyslogd with a socket of its own.
struct Rsyslog {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Rsyslog {
    /// `None` where it is not installed, which `test` then says.
    fn start(test: &str, bootstrap: &str) -> Option<Self> {
        let module = "/usr/lib/x86_64-linux-gnu/rsyslog/omkafka.so";
        if !Path::new(module).exists() || !Path::new("/usr/sbin/rsyslogd").exists() {
            eprintln!("{test}: skipped, no rsyslog with omkafka here");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let configuration = CONFIGURATION
            .replace("SOCKET", &path("socket"))
            .replace("FOLDER", &folder.path().display().to_string())
            .replace("BROKER", bootstrap);
        fs::write(path("rsyslog.conf"), configuration).unwrap();
        let child = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("pid")])
            .stdin(Stdio::null())
            .stdout(fs::File::create(path("output")).unwrap())
            .stderr(fs::File::create(path("errors")).unwrap())
            .spawn()
            .unwrap();
        let rsyslog = Self { child, folder };
        poll_until("rsyslog listens", SOON, || rsyslog.socket().exists());
        Some(rsyslog)
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("socket")
    }
}

/// One template with the fields of a message, one with all that rsyslog knows of it, and the line as it
/// came.
const CONFIGURATION: &str = r#"
global(workDirectory="FOLDER")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" IgnoreTimestamp="off" Socket="SOCKET" ParseHostname="on" useSpecialParser="off")
module(load="omkafka")
template(name="fields" type="list" option.jsonf="on") {
  property(outname="timereported" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="hostname" name="hostname" format="jsonf")
  property(outname="syslogtag" name="syslogtag" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}
template(name="whole" type="list") { property(name="jsonmesg") }
template(name="line" type="list") { property(name="rawmsg") }
action(type="omkafka" broker=["BROKER"] topic="rsyslog-fields" template="fields" confParam=["linger.ms=5"])
action(type="omkafka" broker=["BROKER"] topic="rsyslog-whole" template="whole" confParam=["linger.ms=5"])
action(type="omkafka" broker=["BROKER"] topic="rsyslog-line" template="line" confParam=["linger.ms=5"])
"#;

#[test]
fn lines_of_rsyslog_are_put_together_again() {
    let test = "lines_of_rsyslog";
    let Some((kafka, topics)) = shared(test) else { return };
    for topic in ["rsyslog-fields", "rsyslog-whole", "rsyslog-line"] {
        topics.create(topic, 1, &[]);
    }
    let Some(rsyslog) = Rsyslog::start(test, &kafka.bootstrap()) else { return };
    let sender = UnixDatagram::unbound().unwrap();
    let time = "2026-11-20T08:15:30.123456+01:00";
    let messages =
        ["Failed password for root from 192.0.2.7 port 22 ssh2", r#"quotes " and \ and ümlauts"#];
    for message in messages {
        let line = format!("<38>{time} web-1 sshd[4711]: {message}");
        sender.send_to(line.as_bytes(), rsyslog.socket()).unwrap();
    }
    let expected = messages.map(|message| format!("{time} web-1 sshd[4711]: {message}"));
    for topic in ["rsyslog-fields", "rsyslog-whole"] {
        let mut config = config(kafka, &[topic]);
        config.payload = Payload::preset("rsyslog").unwrap();
        let mut run = run(&config, &Default::default());
        run.until(topic, SOON, |run| run.count() == 2);
        let lane = format!("{topic}/0");
        assert_eq!(run.texts(&lane), expected, "{topic}");
        let seconds = run.lines[&*lane].iter().map(|line| line.time / 1_000_000_000);
        assert!(seconds.eq([1_795_158_930; 2]), "{topic}");
        run.stop();
    }
    let mut run = run(&config(kafka, &["rsyslog-line"]), &Default::default());
    run.until("the lines", SOON, |run| run.count() == 2);
    let expected = expected.map(|line| format!("<38>{line}"));
    assert_eq!(run.texts("rsyslog-line/0"), expected);
}
