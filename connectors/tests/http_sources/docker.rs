//! Following the containers of a real daemon, where one runs here or can be started.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use connectors::docker::{Config, Docker, Selection};
use connectors::metric::{Gauge, Reason};

use crate::pipe::{Kept, Pipe, SOON, each_once};

/// A daemon of its own.
struct Daemon {
    host: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let ids = self.docker(&["ps", "-aq"]).unwrap_or_default();
        for id in ids.split_whitespace() {
            drop(self.docker(&["rm", "-f", id]));
        }
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}

impl Daemon {
    /// Starts one with an image that holds a shell: that of this machine.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let host = format!("unix://{}", path("docker.sock"));
        let child = daemon(folder.path(), &host);
        let Ok(child) = child else {
            eprintln!("skipped: no dockerd");
            return None;
        };
        let daemon = Self { host, child, folder };
        let deadline = Instant::now() + SOON;
        while daemon.docker(&["version"]).is_none() {
            if Instant::now() > deadline {
                eprintln!("skipped: dockerd does not start here");
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let import = "mkdir -p $0/bin $0/root && cp -L /bin/sh $0/bin/ && \
            for lib in $(ldd /bin/sh | grep -o '/[^ ]*'); do mkdir -p $0/root$(dirname $lib) && cp -L $lib $0/root$lib; done && \
            mv $0/bin $0/root/ && tar -C $0/root -c . | docker -H $1 import - sh:latest";
        let image = daemon.folder.path().join("image").display().to_string();
        let made = Command::new("sh").args(["-c", import, &image, &daemon.host]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Some(daemon)
    }

    fn restart(&mut self) {
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
        self.child = daemon(self.folder.path(), &self.host).unwrap();
    }

    fn docker(&self, arguments: &[&str]) -> Option<String> {
        let output =
            Command::new("docker").args(["-H", &self.host]).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Starts a container with a script; gives its id.
    #[track_caller]
    fn run(&self, options: &[&str], script: &str) -> String {
        let fixed = ["run", "-d", "--network", "none", "--log-driver", "json-file"];
        let command = ["sh:latest", "/bin/sh", "-c", script];
        self.docker(&[&fixed, options, &command].concat()).unwrap()
    }

    fn config(&self, selection: Selection) -> Config {
        let mut config = Config::new(selection);
        config.host.clone_from(&self.host);
        config
    }
}

fn daemon(folder: &Path, host: &str) -> std::io::Result<Child> {
    let path = |name: &str| folder.join(name).display().to_string();
    Command::new("dockerd")
        .args(["-H", host, "--bridge", "none", "--iptables=false", "--live-restore"])
        .args([
            "--data-root",
            &path("data"),
            "--exec-root",
            &path("exec"),
            "--pidfile",
            &path("pid"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn named(name: &str) -> Selection {
    Selection { names: vec![name.to_owned()], ..Selection::default() }
}

/// A script that writes lines `from` to `to`.
fn count(from: usize, to: usize) -> String {
    format!("i={from}; while [ $i -lt {to} ]; do echo line $i; i=$((i+1)); done;")
}

fn lines(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|line| format!("line {line}")).collect()
}

/// Containers come, go, start again and outlive us; one test, since a daemon takes its time.
#[test]
fn containers_come_and_go_and_each_line_comes_once() {
    let Some(mut daemon) = Daemon::start() else { return };
    come_and_go(&daemon);
    labels_choose(&daemon);
    crashes_lose_nothing(&daemon);
    odd_lines(&daemon);
    a_daemon_that_restarts(&mut daemon);
}

fn come_and_go(daemon: &Daemon) {
    let before = daemon.run(&["--name", "before", "-i"], "echo old; read x");
    let selection =
        Selection { name_regexps: vec!["^/(before|web)$".to_owned()], ..Selection::default() };
    std::thread::sleep(Duration::from_millis(1100));
    let mut pipe = Pipe::start(Docker::new(daemon.config(selection)), Kept::default());
    pipe.until(SOON, |pipe| pipe.ready && pipe.meter.gauge(Gauge::Open) <= 1);
    let web = daemon.run(&["--name", "web"], &(count(0, 1000) + "echo error >&2"));
    pipe.until_lines(1001);
    daemon.docker(&["start", &web]).unwrap();
    pipe.until_lines(2002);
    daemon.docker(&["rm", "-f", &web]).unwrap();
    daemon.docker(&["rm", "-f", &before]).unwrap();
    pipe.until(SOON, |pipe| pipe.closed >= 1 && pipe.meter.gauge(Gauge::Open) == 0);
    let kept = pipe.stop();
    let mut expected = [lines(0, 1000), lines(0, 1000)].concat();
    expected.extend(["error".to_owned(), "error".to_owned()]);
    each_once(&kept, expected);
    assert!(
        kept.lines
            .iter()
            .all(|line| line.source == "web" && line.lane == web && line.time.is_some())
    );
}

fn labels_choose(daemon: &Daemon) {
    let selection = Selection { use_container_labels: true, ..Selection::default() };
    let mut pipe = Pipe::start(Docker::new(daemon.config(selection)), Kept::default());
    pipe.until(SOON, |pipe| pipe.ready);
    let ours = ["--label", "crowdsec.enable=true", "--label", "crowdsec.labels.type=nginx"];
    daemon.run(&["--name", "unlabelled"], "echo no");
    daemon.run(&[&ours[..], &["--name", "labelled"]].concat(), "echo yes");
    pipe.until_lines(1);
    let kept = pipe.stop();
    assert_eq!(kept.texts(), ["yes"]);
    assert_eq!(kept.lines[0].labels, [("type".to_owned(), "nginx".to_owned())].into());
}

fn crashes_lose_nothing(daemon: &Daemon) {
    let mut dice = crate::pipe::Dice(9);
    let mut config = daemon.config(named("busy"));
    config.since = Some(0);
    daemon.run(&["--name", "busy"], &count(0, 3000));
    let mut kept = Kept::default();
    let deadline = Instant::now() + SOON * 3;
    while kept.lines.len() < 3000 {
        let mut pipe = Pipe::start(Docker::new(config.clone()), kept);
        pipe.linger(Duration::from_millis(200 + dice.below(300)));
        pipe.step_keeping(Duration::from_millis(50), dice.below(20) as usize);
        kept = pipe.stop();
        assert!(Instant::now() < deadline, "{} lines", kept.lines.len());
    }
    each_once(&kept, lines(0, 3000));
    assert_eq!(kept.texts(), lines(0, 3000));
    // It ended while nobody looked; there is nothing more.
    let mut pipe = Pipe::start(Docker::new(config), kept);
    pipe.linger(Duration::from_secs(1));
    assert_eq!(pipe.stop().lines.len(), 3000);
}

fn odd_lines(daemon: &Daemon) {
    let mut config = daemon.config(named("odd"));
    (config.since, config.follow, config.max_line) = (Some(0), false, 50_000);
    let long = "x=0123456789; i=0; while [ $i -lt 12 ]; do x=$x$x; i=$((i+1)); done; echo ${x}end; echo; echo short; printf unfinished";
    daemon.run(&["--name", "odd"], long);
    let (kept, ended) = wait_for(daemon, "odd", &config);
    assert!(ended.is_ok());
    assert_eq!(kept.texts()[0].len(), 40_960 + 3, "a line of several frames is one");
    daemon.docker(&["rm", "-f", "odd"]).unwrap();
    daemon.run(&["--name", "odd", "-t"], "echo one; echo two >&2");
    let (kept, _) = wait_for(daemon, "odd", &config);
    assert_eq!(kept.texts(), ["one", "two"], "a terminal has no frames");
    daemon.docker(&["rm", "-f", "odd"]).unwrap();
    daemon.run(&["--name", "odd"], "echo one; echo two >&2");
    for (stdout, line) in [(true, "one"), (false, "two")] {
        (config.stdout, config.stderr) = (stdout, !stdout);
        assert_eq!(wait_for(daemon, "odd", &config).0.texts(), [line]);
    }
}

/// Waits for a container to end, then reads it.
fn wait_for(
    daemon: &Daemon,
    name: &str,
    config: &Config,
) -> (Kept, Result<(), connectors::SourceError>) {
    daemon.docker(&["wait", name]).unwrap();
    let pipe = Pipe::start(Docker::new(config.clone()), Kept::default());
    let meter = pipe.meter.clone();
    let ended = pipe.ended();
    assert_eq!(meter.rejected(Reason::Framing), 0);
    ended
}

fn a_daemon_that_restarts(daemon: &mut Daemon) {
    let mut config = daemon.config(named("lives"));
    config.since = Some(0);
    let mut pipe = Pipe::start(Docker::new(config), Kept::default());
    let id = daemon.run(&["--name", "lives", "-i"], "echo first; read x; echo second; read x");
    pipe.until_lines(1);
    daemon.restart();
    pipe.until(SOON, |pipe| pipe.health.state().name() == "retrying");
    let deadline = Instant::now() + SOON;
    while daemon.docker(&["version"]).is_none() {
        assert!(Instant::now() < deadline);
        pipe.linger(Duration::from_millis(100));
    }
    pipe.until(SOON * 2, |pipe| pipe.health.state().name() == "reading");
    daemon.docker(&["restart", "-t", "0", &id]).unwrap();
    pipe.until(SOON * 2, |pipe| pipe.kept.lines.len() >= 2);
    assert_eq!(pipe.stop().texts(), ["first", "first"]);
}
