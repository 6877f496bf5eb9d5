//! The service as a child process.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use integration::ports::free_port;
use operators::time::{EventTime, Stamp};

use crate::http::{Answer, Request, send, send_unix};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// `spillway run` in a directory of its own.
pub(crate) struct Service {
    folder: tempfile::TempDir,
    address: String,
    metrics: String,
    child: Child,
    output: Arc<Mutex<String>>,
    errors: Arc<Mutex<String>>,
    key: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary of this build.
pub(crate) fn spillway() -> Command {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("spillway");
    assert!(path.exists(), "{} is missing: build it first", path.display());
    Command::new(path)
}

/// The present. Unit: nanoseconds since the Unix epoch.
pub(crate) fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// The present as log lines write it.
pub(crate) fn now() -> String {
    Stamp::utc_at(EventTime(unix_nanos())).rfc3339()
}

/// Failed logins from an address, now.
pub(crate) fn failures(from: &str, count: usize) -> Vec<String> {
    let line = |number| {
        format!(
            "{} host sshd[{number}]: Failed password for invalid user u{number} from {from} port 4242 ssh2",
            now()
        )
    };
    (1000..1000 + count).map(line).collect()
}

/// What a file that is being written to holds so far, without the line that is under way.
pub(crate) fn whole_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    text[..end].to_owned()
}

/// What the service says when it does not start.
pub(crate) fn refused(configuration: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let child = launch(folder.path(), configuration, arguments).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        let late = Instant::now() > deadline;
        if late {
            child.kill().unwrap();
        }
        assert!(!late, "it starts");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!child.wait().unwrap().success(), "{errors}");
    errors
}

fn launch(folder: &Path, configuration: &str, arguments: &[&str]) -> Command {
    let file = folder.join("spillway.yaml");
    fs::write(&file, configuration).unwrap();
    let mut command = spillway();
    command.args(["run", "--config"]).arg(file).env_remove("RUST_LOG").stdin(Stdio::null());
    let has = |name: &str| arguments.contains(&name);
    if !has("--data") {
        command.arg("--data").arg(folder.join("data"));
    }
    if !has("--listen") {
        command.args(["--listen", &format!("127.0.0.1:{}", free_port())]);
    }
    if !has("--metrics") {
        command.args(["--metrics", &format!("127.0.0.1:{}", free_port())]);
    }
    command.args(arguments);
    command
}

impl Service {
    /// Starts it and waits until it runs.
    pub(crate) fn start(configuration: &str, arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), configuration, arguments, &[])
    }

    /// The same in a directory that holds something, with an environment.
    pub(crate) fn start_in(
        folder: tempfile::TempDir,
        configuration: &str,
        arguments: &[&str],
        environment: &[(&str, String)],
    ) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let metrics = format!("127.0.0.1:{}", free_port());
        let mut all = vec!["--listen", &address, "--metrics", &metrics];
        all.extend(arguments);
        let mut command = launch(folder.path(), configuration, &all);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let (child, output, errors) = spawn(command);
        let key = String::new();
        let mut service = Self { folder, address, metrics, child, output, errors, key };
        service.wait_until_it_runs();
        let bouncer = Request {
            method: "POST".into(),
            target: "/v1/admin/bouncers".into(),
            body: r#"{"name":"test","key":"test-key"}"#.into(),
            ..Request::default()
        };
        assert!(service.admin(&bouncer).status < 300);
        service.key = "test-key".into();
        service
    }

    /// Starts it again where it was.
    pub(crate) fn again(&mut self, arguments: &[&str]) {
        let configuration = fs::read_to_string(self.configuration()).unwrap();
        let mut all = vec!["--listen", self.address.as_str(), "--metrics", &self.metrics];
        all.extend(arguments);
        let command = launch(self.folder.path(), &configuration, &all);
        (self.child, self.output, self.errors) = spawn(command);
        self.wait_until_it_runs();
    }

    /// Its directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a command says to it: whether it succeeds, standard output, standard error.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String, String) {
        let mut command = spillway();
        command.args(arguments).arg("--data").arg(self.data());
        let done = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.success(), text(done.stdout), text(done.stderr))
    }

    /// What its metrics listener answers.
    pub(crate) fn page(&self, target: &str) -> Answer {
        let request = Request { method: "GET".into(), target: target.into(), ..Request::default() };
        send(&self.metrics, &request)
    }

    /// Its configuration.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.path().join("spillway.yaml")
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// What it logged so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Asks its socket.
    pub(crate) fn admin(&self, request: &Request) -> Answer {
        send_unix(&self.data().join("spillway.sock"), request)
    }

    /// Sends lines by Loki's protocol.
    pub(crate) fn push(&self, port: u16, lines: &[String]) {
        let address = format!("127.0.0.1:{port}");
        self.wait("the listener", || std::net::TcpStream::connect(&address).ok());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let values: Vec<_> = (since..)
            .zip(lines)
            .map(|(at, line)| serde_json::json!([at.to_string(), line]))
            .collect();
        let body = serde_json::json!({"streams": [{"stream": {}, "values": values}]});
        let request = Request {
            method: "POST".into(),
            target: "/loki/api/v1/push".into(),
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: body.to_string(),
        };
        let answer = send(&address, &request);
        assert!(answer.status < 300, "{answer:?}");
    }

    /// Waits until it printed a line with both texts.
    pub(crate) fn wait_for_output(&self, one: &str, other: &str) {
        self.wait(&format!("{one} … {other}"), || {
            let output = self.output();
            output.lines().any(|line| line.contains(one) && line.contains(other)).then_some(())
        });
    }

    /// What bouncers are told of an address.
    pub(crate) fn decisions(&self, address: &str) -> Answer {
        let request = Request {
            method: "GET".into(),
            target: format!("/v1/decisions?ip={address}"),
            headers: vec![("X-Api-Key".into(), self.key.clone())],
            ..Request::default()
        };
        send(&self.address, &request)
    }

    /// Waits until bouncers are told of a decision about an address.
    pub(crate) fn wait_for_decision(&self, address: &str) {
        self.wait(address, || {
            let answer = self.decisions(address);
            (answer.status == 200 && answer.body.contains("\"ban\"")).then_some(())
        });
    }

    /// Tells it to end; its code, and how long it took.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        let deadline = begun + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begun.elapsed());
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.errors());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn wait_until_it_runs(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.errors().contains("the service runs") {
            assert_eq!(self.child.try_wait().unwrap(), None, "{}", self.errors());
            assert!(Instant::now() < deadline, "it does not start: {}", self.errors());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until `found` finds something.
    pub(crate) fn wait<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found() {
                return found;
            }
            let (output, errors) = (self.output(), self.errors());
            assert!(Instant::now() < deadline, "{what} does not come: {output}\n{errors}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

type Text = Arc<Mutex<String>>;

fn spawn(mut command: Command) -> (Child, Text, Text) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = collect(child.stdout.take().unwrap());
    let errors = collect(child.stderr.take().unwrap());
    (child, output, errors)
}

/// What is written there, as it comes.
fn collect(mut from: impl Read + Send + 'static) -> Text {
    let text = Text::default();
    let shared = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
    text
}
