//! Real services as child processes, built by the scripts of `integration/services`. One that cannot be
//! had is said by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_port;

/// A service takes at most so long to start.
const START: Duration = Duration::from_secs(60);

/// A running service.
pub(crate) struct Service {
    pub(crate) address: String,
    child: Child,
    _folder: TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary that `integration/services/<name>/build.sh` builds, if it can be had here.
pub(crate) fn built(name: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../integration/services");
    let output = Command::new(script.join(name).join("build.sh")).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: no {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap().trim().into())
}

fn start(command: Command, address: String, folder: TempDir, ready: &str) -> Service {
    let mut command = command;
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let service = Service { address, child, _folder: folder };
    let client = client();
    let url = format!("http://{}{ready}", service.address);
    let deadline = Instant::now() + START;
    while client.get(&url).is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "{url} does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
    service
}

pub(crate) fn loki() -> Option<Service> {
    let binary = built("loki")?;
    let folder = tempfile::tempdir().unwrap();
    let (http, grpc) = (free_port(), free_port());
    let template =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../integration/services/loki/loki.yaml");
    let config = fs::read_to_string(template).unwrap();
    let config = config
        .replace("${HTTP_PORT}", &http.to_string())
        .replace("${GRPC_PORT}", &grpc.to_string())
        .replace("${DATA}", folder.path().to_str().unwrap());
    let path = folder.path().join("loki.yaml");
    fs::write(&path, config).unwrap();
    let mut command = Command::new(binary);
    command.arg(format!("-config.file={}", path.display()));
    Some(start(command, format!("127.0.0.1:{http}"), folder, "/ready"))
}

pub(crate) fn victorialogs() -> Option<Service> {
    let binary = built("victorialogs")?;
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(binary);
    command
        .arg(format!("-storageDataPath={}", folder.path().display()))
        .arg(format!("-httpListenAddr={address}"));
    Some(start(command, address, folder, "/health"))
}

/// A client for tests.
pub(crate) struct Client(tokio::runtime::Runtime, reqwest::Client);

pub(crate) fn client() -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    Client(runtime, client)
}

impl Client {
    /// Status and body, unless there is no answer.
    pub(crate) fn get(&self, url: &str) -> Option<(u16, String)> {
        self.send(self.1.get(url))
    }

    pub(crate) fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<(u16, String)> {
        let mut request = self.1.post(url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Option<(u16, String)> {
        self.0.block_on(async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.text().await.ok()?))
        })
    }
}
