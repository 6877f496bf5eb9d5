//! The servers that are asked: `spillway run` of this build, and CrowdSec 1.7.8 where its binaries
//! are (`SPILLWAY_CROWDSEC` names their directory, which `integration/reference/build.sh` prints).

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use integration::ports::free_port;

use crate::http::{Request, send, send_unix};

/// A server with one machine and one bouncer.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) password: String,
    /// Where processes of this machine reach it; ours alone has one.
    pub(crate) socket: PathBuf,
    child: Child,
    _folder: tempfile::TempDir,
}

/// The secret that signs tokens of [`ours`].
pub(crate) const SECRET: [u8; 64] = [b's'; 64];

impl Server {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(address: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "{address} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The binary of this build.
fn spillway() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().unwrap().parent().unwrap().join("spillway")
}

/// `spillway run`, with an allowlist as [`crowdsec`] has it.
pub(crate) fn ours() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let socket = folder.path().join("api.sock");
    let child = Command::new(spillway())
        .args(["run", "--role", "serve", "--listen", &address])
        .args(["--metrics", &format!("127.0.0.1:{}", free_port())])
        .arg("--data")
        .arg(folder.path().join("data"))
        .arg("--socket")
        .arg(&socket)
        .env("CS_LAPI_SECRET", str::from_utf8(&SECRET).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: build it first", spillway().display()));
    wait_for(&address);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !socket.exists() {
        assert!(Instant::now() < deadline, "the socket is missing");
        std::thread::sleep(Duration::from_millis(10));
    }
    let admin = |method: &str, target: &str, body: &str| {
        let (method, target) = (method.to_owned(), target.to_owned());
        let request = Request { method, target, body: body.to_owned(), ..Request::default() };
        let answer = send_unix(&socket, &request);
        assert!(answer.status < 300, "{body}: {answer:?}");
    };
    let (key, password) = ("testkey".to_owned(), "testpassword".to_owned());
    admin("POST", "/v1/admin/machines", r#"{"machine_id":"testm","password":"testpassword"}"#);
    admin("POST", "/v1/admin/bouncers", r#"{"name":"testb","key":"testkey"}"#);
    admin("POST", "/v1/admin/allowlists", r#"{"name":"office","description":"the office"}"#);
    let items =
        r#"{"items":[{"value":"192.0.2.0/24","description":"lan"},{"value":"198.51.100.200"}]}"#;
    admin("POST", "/v1/admin/allowlists/office/items", items);
    Server { address, key, password, socket, child, _folder: folder }
}

/// CrowdSec's own server; `None` where its binaries are not.
pub(crate) fn crowdsec() -> Option<Server> {
    let binaries = PathBuf::from(std::env::var_os("SPILLWAY_CROWDSEC")?);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let address = format!("127.0.0.1:{}", free_port());
    for part in ["hub", "data", "notifications", "plugins", "patterns"] {
        fs::create_dir(home.join(part)).unwrap();
    }
    fs::write(home.join("hub/.index.json"), "{}").unwrap();
    for file in ["profiles.yaml", "simulation.yaml", "console.yaml"] {
        fs::copy(binaries.join("config").join(file), home.join(file)).unwrap();
    }
    let config = home.join("config.yaml");
    fs::write(&config, configuration(home, &address)).unwrap();
    fs::write(home.join("credentials.yaml"), format!("url: http://{address}\n")).unwrap();
    let cscli = |arguments: &[&str]| {
        let mut command = Command::new(binaries.join("cscli"));
        let done = command.arg("-c").arg(&config).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    };
    let (key, password) = ("testkey".to_owned(), "testpassword".to_owned());
    let credentials = home.join("credentials.yaml").display().to_string();
    cscli(&["machines", "add", "testm", "-p", &password, "--force", "-f", &credentials]);
    cscli(&["bouncers", "add", "testb", "-k", &key]);
    cscli(&["allowlists", "create", "office", "-d", "the office"]);
    cscli(&["allowlists", "add", "office", "192.0.2.0/24", "-d", "lan"]);
    cscli(&["allowlists", "add", "office", "198.51.100.200"]);
    let child = Command::new(binaries.join("crowdsec"))
        .arg("-c")
        .arg(&config)
        .arg("-no-cs")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&address);
    let deadline = Instant::now() + Duration::from_secs(30);
    let health = Request { method: "GET".into(), target: "/health".into(), ..Request::default() };
    while send(&address, &health).status != 200 {
        assert!(Instant::now() < deadline, "CrowdSec does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    let socket = PathBuf::new();
    Some(Server { address, key, password, socket, child, _folder: folder })
}

fn configuration(home: &Path, address: &str) -> String {
    let home = home.display();
    format!(
        "common: {{log_media: stdout, log_level: error}}\n\
         config_paths: {{config_dir: {home}, data_dir: {home}/data, simulation_path: {home}/simulation.yaml, \
         hub_dir: {home}/hub, index_path: {home}/hub/.index.json, notification_dir: {home}/notifications, \
         plugin_dir: {home}/plugins, pattern_dir: {home}/patterns}}\n\
         crowdsec_service: {{enable: false}}\n\
         db_config: {{type: sqlite, db_path: {home}/data/crowdsec.db, use_wal: true}}\n\
         api:\n  client: {{credentials_path: {home}/credentials.yaml}}\n\
         \x20 server: {{enable: true, listen_uri: \"{address}\", profiles_path: {home}/profiles.yaml, \
         console_path: {home}/console.yaml}}\n\
         prometheus: {{enabled: false}}\n"
    )
}
