//! Kafka: one or more brokers from their own jars (`integration/services/kafka`), each with four
//! listeners.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::runner::{Running, Service};
use super::{Certificates, poll_until};
use crate::ports::free_port;

/// Name of the user that every SASL mechanism knows.
pub const USER: &str = "alice";

/// Password of [`USER`].
pub const PASSWORD: &str = "alice-secret";

/// How long a broker may take to start.
const STARTING: Duration = Duration::from_secs(90);

/// How a listener is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// In the clear, by anybody.
    Plaintext,
    /// In the clear, by [`USER`].
    SaslPlaintext,
    /// By TLS, with a client certificate.
    Ssl,
    /// By TLS, by [`USER`].
    SaslSsl,
}

const LISTENERS: [(Listener, &str); 4] = [
    (Listener::Plaintext, "PLAINTEXT"),
    (Listener::SaslPlaintext, "SASL_PLAINTEXT"),
    (Listener::Ssl, "SSL"),
    (Listener::SaslSsl, "SASL_SSL"),
];

/// A cluster. The first broker is also its controller.
pub struct Kafka {
    brokers: Vec<Broker>,
    certificates: Certificates,
    _directory: TempDir,
}

struct Broker {
    ports: [u16; 4],
    running: Running,
    log: PathBuf,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("brokers", &self.bootstrap()).finish_non_exhaustive()
    }
}

impl Kafka {
    /// A cluster of one broker; `None` where it cannot be had, which `test` then says.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_cluster(test, 1)
    }

    /// A cluster of several brokers.
    pub fn start_cluster(test: &str, brokers: usize) -> Option<Self> {
        match Self::try_start(brokers) {
            Ok(kafka) => Some(kafka),
            Err(reason) => {
                eprintln!("{test}: skipped, no Kafka broker here: {reason}");
                None
            }
        }
    }

    fn try_start(brokers: usize) -> Result<Self, String> {
        let jars = jars()?;
        let directory = TempDir::new().map_err(|error| error.to_string())?;
        let certificates = Certificates::make(directory.path());
        let controller = free_port();
        let id = "spillwaySpillwayTests_".get(..22).unwrap_or_default();
        let brokers = (1..=brokers).map(|number| {
            let place = directory.path().join(format!("broker-{number}"));
            fs::create_dir_all(&place).map_err(|error| error.to_string())?;
            let ports = [(); 4].map(|()| free_port());
            let properties = properties(number, controller, &ports, &place, &certificates);
            let file = place.join("server.properties");
            fs::write(&file, properties).map_err(|error| error.to_string())?;
            fs::write(place.join("log4j2.properties"), LOGGING)
                .map_err(|error| error.to_string())?;
            format_storage(&jars, id, &file)?;
            let service = service(&jars, &place, directory.path());
            let log = service.log.clone();
            Ok(Broker { ports, running: Running::start(&service)?, log })
        });
        let brokers: Vec<Broker> = brokers.collect::<Result<_, String>>()?;
        let mut kafka = Self { brokers, certificates, _directory: directory };
        for number in 0..kafka.brokers.len() {
            kafka.await_start(number);
        }
        Ok(kafka)
    }

    /// Addresses of all brokers, in the clear.
    pub fn bootstrap(&self) -> String {
        self.addresses(Listener::Plaintext)
    }

    /// Addresses of all brokers by a kind of listener.
    pub fn addresses(&self, listener: Listener) -> String {
        let at = LISTENERS.iter().position(|(known, _)| *known == listener).unwrap();
        let addresses: Vec<String> =
            self.brokers.iter().map(|broker| format!("localhost:{}", broker.ports[at])).collect();
        addresses.join(",")
    }

    /// What its TLS listeners know.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Directory of a broker's logs. Brokers are numbered from 0 on.
    pub fn data(&self, number: usize) -> PathBuf {
        self.brokers[number].log.with_file_name("data")
    }

    /// Ends a broker at once.
    pub fn kill(&mut self, number: usize) {
        self.brokers[number].running.kill();
    }

    /// Ends a broker in good order.
    pub fn terminate(&mut self, number: usize) {
        self.brokers[number].running.terminate();
    }

    /// Starts a broker that was ended, and waits for it.
    pub fn start_again(&mut self, number: usize) {
        self.brokers[number].running.start_again().unwrap();
        self.await_start(number);
    }

    /// Stops a broker's time, or lets it go on.
    pub fn freeze(&mut self, number: usize, frozen: bool) {
        self.brokers[number].running.freeze(frozen);
    }

    fn await_start(&mut self, number: usize) {
        let broker = &mut self.brokers[number];
        let (port, log) = (broker.ports[0], broker.log.clone());
        poll_until("a broker starts", STARTING, || {
            let ended = broker.running.has_ended();
            assert!(!ended, "broker ended: {}", fs::read_to_string(&log).unwrap_or_default());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }
}

fn jars() -> Result<PathBuf, String> {
    if Command::new("java").arg("-version").output().is_err() {
        return Err("java is not installed".to_owned());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("services/kafka/fetch.sh");
    let output = Command::new(script).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(reason.lines().next().unwrap_or("the jars cannot be fetched").to_owned());
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn java(jars: &Path, place: &Path, main: &str, arguments: &[&str]) -> Vec<String> {
    let logging = place.join("log4j2.properties");
    let mut command = vec![
        "java".to_owned(),
        "-Xmx512m".to_owned(),
        "-XX:+UseSerialGC".to_owned(),
        format!("-Dlog4j2.configurationFile={}", logging.display()),
        "-cp".to_owned(),
        format!("{}/*", jars.display()),
        main.to_owned(),
    ];
    command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    command
}

fn service(jars: &Path, place: &Path, directory: &Path) -> Service {
    let properties = place.join("server.properties");
    let arguments = [&*properties.to_string_lossy()];
    Service {
        image: ("apache/kafka", "4.1.0"),
        in_image: java(Path::new("/opt/kafka/libs"), place, "kafka.Kafka", &arguments),
        on_host: java(jars, place, "kafka.Kafka", &arguments),
        directory: directory.to_owned(),
        log: place.join("output"),
    }
}

fn format_storage(jars: &Path, id: &str, properties: &Path) -> Result<(), String> {
    let mut arguments = vec!["format".to_owned(), "-t".to_owned(), id.to_owned()];
    arguments.extend(["-c".to_owned(), properties.to_string_lossy().into_owned()]);
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        arguments.push("--add-scram".to_owned());
        arguments.push(format!("{mechanism}=[name={USER},password={PASSWORD}]"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let place = properties.parent().unwrap_or(properties);
    let command = java(jars, place, "kafka.tools.StorageTool", &arguments);
    let output = Command::new(&command[0]).args(&command[1..]).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("storage: {}", String::from_utf8_lossy(&output.stderr)))
}

const LOGGING: &str = "\
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
";

fn properties(
    number: usize,
    controller: u16,
    ports: &[u16; 4],
    place: &Path,
    certificates: &Certificates,
) -> String {
    let roles = if number == 1 { "broker,controller" } else { "broker" };
    let listen: Vec<String> = (LISTENERS.iter().zip(ports))
        .map(|((_, name), port)| format!("{name}://localhost:{port}"))
        .collect();
    let advertised = listen.join(",");
    let own =
        if number == 1 { format!(",CONTROLLER://localhost:{controller}") } else { String::new() };
    let protocols: String = LISTENERS.iter().map(|(_, name)| format!(",{name}:{name}")).collect();
    let mut text = format!(
        "process.roles={roles}
node.id={number}
controller.quorum.voters=1@localhost:{controller}
controller.listener.names=CONTROLLER
listeners={advertised}{own}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={}
ssl.truststore.type=PEM
ssl.truststore.location={}
listener.name.ssl.ssl.client.auth=required
log.dirs={}
",
        certificates.server.display(),
        certificates.ca.display(),
        place.join("data").display(),
    );
    text.push_str(SETTINGS);
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        let modules = [
            ("plain", format!("plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\"")),
            ("scram-sha-256", "scram.ScramLoginModule required".to_owned()),
            ("scram-sha-512", "scram.ScramLoginModule required".to_owned()),
            ("oauthbearer", "oauthbearer.OAuthBearerLoginModule required".to_owned()),
        ];
        for (mechanism, module) in modules {
            let name = format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
            writeln!(text, "{name}=org.apache.kafka.common.security.{module};").unwrap();
        }
    }
    text
}

/// What is small where tests are, and large where they need it.
const SETTINGS: &str = "\
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
message.max.bytes=20000000
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=0
delete.topic.enable=true
";
