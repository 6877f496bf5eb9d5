//! A service that is served by this build, and its command line.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use integration::ports::free_port;

use crate::http::{Answer, Request, send, send_unix};

/// `spillway run --role serve` in a directory of its own.
pub(crate) struct Served {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: String,
    pub(crate) metrics: String,
    child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprint!("{}", std::fs::read_to_string(self.path("log.txt")).unwrap_or_default());
        }
    }
}

/// The binary of this build.
pub(crate) fn spillway() -> Command {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("spillway");
    assert!(path.exists(), "{} is missing: build it first", path.display());
    let mut command = Command::new(path);
    command.env("USER", "tester").env_remove("SUDO_USER").stdin(Stdio::null());
    command
}

fn spawn(configuration: &Path) -> Child {
    let log = configuration.with_file_name("log.txt");
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = spillway();
    command.args(["run", "--role", "serve", "--config"]).arg(configuration);
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "")
    }

    /// Starts it with more keys of `api`, in a directory with the files that they name.
    pub(crate) fn start_in(folder: tempfile::TempDir, api: &str) -> Self {
        let (address, metrics) = (free_address(), free_address());
        let configuration = folder.path().join("spillway.yaml");
        let text = format!(
            "data: data\nmetrics: {{listen: '{metrics}'}}\napi: {{listen: '{address}'{api}}}\n"
        );
        std::fs::write(&configuration, text).unwrap();
        let child = spawn(&configuration);
        let served = Self { folder, address, metrics, child };
        served.wait_until_it_answers();
        served
    }

    /// Starts it again, after it ended in order or was killed.
    pub(crate) fn restart(&mut self, killed: bool) {
        match killed {
            true => self.child.kill().unwrap(),
            false => self.signal("-TERM"),
        }
        self.child.wait().unwrap();
        self.child = spawn(&self.path("spillway.yaml"));
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        let socket = self.folder.path().join("data/spillway.sock");
        let ask = Request {
            method: "GET".into(),
            target: "/v1/alerts?limit=1".into(),
            ..Request::default()
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let listens = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
        while !listens() || send_unix(&socket, &ask).status != 200 {
            assert!(Instant::now() < deadline, "it does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in its directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Asks its API.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.post(method, target, headers, "")
    }

    /// What comes back for bytes as they are.
    pub(crate) fn bytes(&self, request: &str) -> Vec<u8> {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Sends something to its API.
    pub(crate) fn post(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let request = Request {
            method: method.into(),
            target: target.into(),
            headers: headers.collect(),
            body: body.into(),
        };
        send(&self.address, &request)
    }

    /// Asks its Unix socket.
    pub(crate) fn local(&self, method: &str, target: &str, body: &str) -> Answer {
        let (method, target, body) = (method.into(), target.into(), body.into());
        let request = Request { method, target, body, ..Request::default() };
        send_unix(&self.path("data/spillway.sock"), &request)
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log.txt")).unwrap()
    }

    /// A command that asks on the socket that the configuration tells.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut command = spillway();
        command.args(arguments).arg("--config").arg(self.path("spillway.yaml"));
        command.output().unwrap()
    }

    /// A command that must succeed; what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// A command that must succeed; what it said on standard error.
    pub(crate) fn said(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments);
        let errors = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success(), "{arguments:?}: {errors}");
        errors
    }

    /// A command that must fail; what it said.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments);
        assert!(!done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stdout));
        String::from_utf8(done.stderr).unwrap()
    }
}
