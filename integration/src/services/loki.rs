//! Grafana Loki, built from its Go module (`integration/services/loki`): one process that keeps its data
//! in a folder, asked and sent to by HTTP.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::poll_until;
use super::runner::{Running, Service};
use crate::ports::free_port;

/// How long it may take to start.
const STARTING: Duration = Duration::from_secs(90);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// One Loki.
pub struct Loki {
    address: String,
    running: Running,
    _directory: TempDir,
}

impl fmt::Debug for Loki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loki").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Loki {
    /// A Loki; `None` where it cannot be had, which `test` then says.
    pub fn start(test: &str) -> Option<Self> {
        match Self::try_start() {
            Ok(loki) => Some(loki),
            Err(reason) => {
                eprintln!("{test}: skipped, no Loki here: {reason}");
                None
            }
        }
    }

    fn try_start() -> Result<Self, String> {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("services/loki");
        let built = Command::new(services.join("build.sh")).output();
        let built = built.map_err(|error| error.to_string())?;
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).trim().to_owned());
        }
        let binary = String::from_utf8_lossy(&built.stdout).trim().to_owned();
        let directory = TempDir::new().map_err(|error| error.to_string())?;
        let (http, grpc) = (free_port(), free_port());
        let config = fs::read_to_string(services.join("loki.yaml"));
        let config = config.map_err(|error| error.to_string())?;
        let config = config
            .replace("${HTTP_PORT}", &http.to_string())
            .replace("${GRPC_PORT}", &grpc.to_string())
            .replace("${DATA}", &directory.path().to_string_lossy());
        let file = directory.path().join("loki.yaml");
        fs::write(&file, config).map_err(|error| error.to_string())?;
        let argument = format!("-config.file={}", file.display());
        let service = Service {
            image: ("grafana/loki", "3.7.8"),
            in_image: vec!["/usr/bin/loki".to_owned(), argument.clone()],
            on_host: vec![binary, argument],
            directory: directory.path().to_owned(),
            log: directory.path().join("output"),
        };
        let running = Running::start(&service)?;
        let address = format!("127.0.0.1:{http}");
        let mut loki = Self { address, running, _directory: directory };
        poll_until("Loki starts", STARTING, || {
            assert!(!loki.running.has_ended(), "Loki ended");
            get(&loki.address, "/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        Ok(loki)
    }

    /// Its `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends lines of the stream `{app="…"}`, each with its time in nanoseconds since 1970.
    pub fn push(&self, app: &str, lines: impl IntoIterator<Item = (i64, impl AsRef<str>)>) {
        let values: Vec<_> = lines
            .into_iter()
            .map(|(time, line)| serde_json::json!([time.to_string(), line.as_ref()]))
            .collect();
        let body = serde_json::json!({"streams": [{"stream": {"app": app}, "values": values}]});
        let answer = post(&self.address, "/loki/api/v1/push", &body.to_string()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
}

/// What a server answers, head and body; nothing where it does not.
pub fn get(address: &str, target: &str) -> Option<String> {
    exchange(address, &format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))
}

/// Sends JSON; what a server answers, head and body; nothing where it does not.
pub fn post(address: &str, target: &str, json: &str) -> Option<String> {
    let length = json.len();
    exchange(
        address,
        &format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
        ),
    )
}

fn exchange(address: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}
