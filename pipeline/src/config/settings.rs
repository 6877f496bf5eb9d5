//! A configuration as meant: what `spillway run` is started with.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::auth::Proxies;
use api::filter::Net;
use api::limits::Limits;
use api::listen::tls::{ClientVerification, Files};
use api::service::{AutoRegistration, Policy};
use ipnet::IpNet;
use operators::yaml::Reading;

use super::acquisition::{self, Acquired, Place, Start, endpoint};
use super::outputs::{self, OutputSettings, Target};
use super::values::Values;
use crate::cli::rules::RuleArgs;
use crate::live::pace::Pace;
use crate::serve::flush::Retention;
use crate::serve::silence::Silence;
use crate::state::Budget;
use crate::telemetry::traces::TraceSettings;

/// Name of the Unix socket of administration in the data directory.
pub const SOCKET: &str = "spillway.sock";
/// How long it counts that a client certificate was not revoked, CrowdSec's.
const REVOCATION_AGE: Duration = Duration::from_secs(3_600);
/// A shared secret has at least so many characters (crowdsec pkg/csconfig/api.go).
const LEAST_SECRET: usize = 32;

/// How often changes may be kept.
const EPOCH: RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_secs(10);
/// With less there is no room for buckets and the store. Unit: bytes.
const LEAST_MEMORY: usize = 64 << 20;
/// What the program takes, with its rules, what is on its way through it, and the merging of files while
/// the processors are busy. Unit: bytes.
const PROGRAM: usize = 256 << 20;

/// What the service is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As written, for those who want to see it.
    pub values: Values,
    /// Directory of the file; relative paths begin here.
    pub directory: PathBuf,
    /// Directory of the store.
    pub data: PathBuf,
    /// Who detects, as alerts say it.
    pub machine: Arc<str>,
    /// Threads that detect.
    pub workers: usize,
    /// Times.
    pub pace: Pace,
    /// What the service may take, all in all. Unit: bytes.
    pub memory: usize,
    /// Which rules run.
    pub rules: RuleArgs,
    /// Whether changed rules are taken up by themselves.
    pub watch: bool,
    /// Acquisition files; `None` for those in the directory.
    pub acquisition: Option<Vec<PathBuf>>,
    /// Sources of the file itself.
    pub sources: Vec<Acquired>,
    /// Where alerts and decisions go besides the API.
    pub outputs: Vec<OutputSettings>,
    /// Where goes what is set aside.
    pub unparsed: Vec<OutputSettings>,
    /// Where a first start begins.
    pub start: Start,
    /// The API.
    pub api: ApiSettings,
    /// Metrics and health.
    pub metrics: MetricsSettings,
    /// Where traces go, if anywhere.
    pub tracing: Option<TraceSettings>,
    /// What the service says of itself.
    pub log: LogSettings,
}

/// The API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Its address.
    pub listen: String,
    /// Unix socket of administration; `None` for [`SOCKET`] in the data directory.
    pub socket: Option<PathBuf>,
    /// Its certificates; without any it is asked by http.
    pub tls: Option<Files>,
    /// Who may do what.
    pub policy: Policy,
    /// What is forgotten when.
    pub retention: Retention,
}

impl ApiSettings {
    /// Where clients of this host reach it: an address that stands for all of the host's is no place
    /// to connect to.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let (host, port) = self.listen.rsplit_once(':').unwrap_or((&self.listen, "8080"));
        let host = match host {
            "" | "0.0.0.0" => "127.0.0.1",
            "[::]" => "[::1]",
            host => host,
        };
        format!("{scheme}://{host}:{port}")
    }
}

/// Metrics and health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Their address.
    pub listen: String,
    /// Which of CrowdSec's metrics there are.
    pub level: Level,
}

/// Which of CrowdSec's metrics there are (crowdsec pkg/metrics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// All.
    #[default]
    Full,
    /// Those without many label values.
    Aggregated,
    /// None.
    None,
}

/// What the service says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How much.
    pub level: String,
    /// As JSON lines.
    pub json: bool,
}

impl Settings {
    /// What values mean that stand in a file of `directory`. What is wrong is noted.
    pub fn new(values: Values, directory: &Path, reading: &mut Reading<'_>) -> Self {
        let start = values.text("start").and_then(Start::named).unwrap_or_default();
        let place = Place { directory, start };
        let list = values.list("sources").iter();
        let sources = list
            .filter_map(|(module, source)| acquisition::of_values(module, source, place, reading));
        let sources = sources.collect();
        let outputs = values.list("outputs").iter();
        let outputs = outputs
            .filter_map(|(kind, output)| outputs::of_values(kind, output, directory, reading))
            .collect();
        let unparsed = values.list("unparsed").iter();
        let unparsed = unparsed
            .filter_map(|(kind, output)| outputs::of_unparsed(kind, output, directory, reading))
            .collect();
        let none = Values::defaults(values.section, reading);
        let section = |name: &str| values.section(name).or(none.section(name)).unwrap_or(&none);
        Self {
            directory: directory.to_owned(),
            machine: values.text("machine").map_or_else(hostname, Arc::from),
            workers: values.size("workers").unwrap_or_else(cores),
            pace: pace(&values, reading),
            memory: memory(&values, reading),
            rules: rules(section("rules"), directory),
            watch: values.flag("watch"),
            acquisition: values
                .entry("acquisition")
                .map(|_| values.paths("acquisition", directory)),
            sources,
            outputs,
            unparsed,
            start,
            api: api_settings(section("api"), directory, reading),
            metrics: metrics(section("metrics")),
            log: log(section("log")),
            tracing: values.section("tracing").map(|values| tracing(values, directory, reading)),
            data: values.path("data", directory).unwrap_or_default(),
            values,
        }
    }

    /// Whether what is decided is printed for people: where no output writes there itself.
    pub fn prints(&self) -> bool {
        let mut outputs = self.outputs.iter().chain(&self.unparsed);
        !outputs.any(|output| matches!(output.target, Target::Stdout))
    }

    /// Unix socket of administration.
    pub fn socket(&self) -> PathBuf {
        self.api.socket.clone().unwrap_or_else(|| self.data.join(SOCKET))
    }

    /// What state may take: buckets and the store. Unit: bytes.
    fn state_memory(&self) -> usize {
        self.memory.saturating_sub(PROGRAM).max(self.memory / 4)
    }

    /// What the store may take: a quarter of what there is for state. Another quarter is for what files
    /// of the store are made with, and what the allocator holds between all of it.
    pub fn budget(&self) -> Budget {
        Budget { cache: self.state_memory() / 4, writes: self.state_memory() / 8 }
    }

    /// What live buckets may take, and what finds those that are not in memory: half of it. Unit: bytes.
    pub fn bucket_memory(&self) -> usize {
        self.state_memory() / 2
    }
}

fn memory(values: &Values, reading: &mut Reading<'_>) -> usize {
    let memory = values.size("memory").unwrap_or(512 << 20);
    if memory < LEAST_MEMORY {
        let message = format!("`memory` is at least {}MiB", LEAST_MEMORY >> 20);
        let help = "the program with its rules takes more; without a unit these are bytes";
        reading.refuse_with(values.place("memory"), message, help);
    }
    memory
}

fn pace(values: &Values, reading: &mut Reading<'_>) -> Pace {
    let default = Pace::default();
    let epoch = values.duration("epoch").unwrap_or(default.epoch);
    if !EPOCH.contains(&epoch) {
        let message = format!("`epoch` is from {:?} to {:?}", EPOCH.start(), EPOCH.end());
        let help = "what is found is told when an epoch ends; 100ms is usual";
        reading.refuse_with(values.place("epoch"), message, help);
    }
    Pace {
        hold: values.duration("hold"),
        patience: values.duration("patience").unwrap_or(default.patience),
        epoch,
        ahead: default.ahead,
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The name of this host.
fn hostname() -> Arc<str> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => Arc::from("localhost"),
        name => Arc::from(name),
    }
}

fn rules(values: &Values, directory: &Path) -> RuleArgs {
    RuleArgs {
        rules: values.paths("directories", directory),
        item: values.words("items"),
        data: values.paths("data", directory),
        patterns: values.paths("patterns", directory),
        profiles: values.path("profiles", directory),
        simulation: values.path("simulation", directory),
        allowlist: values.path("allowlist", directory),
        answers: values.path("answers", directory),
        skip_broken: values.flag("skip_broken"),
        now: None,
    }
}

fn api_settings(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> ApiSettings {
    let tls = values.section("tls");
    let mut units = |name| tls.map(|tls| units(tls, name, reading)).unwrap_or_default();
    let (bouncer_units, agent_units) = (units("bouncers_allowed_ou"), units("agents_allowed_ou"));
    let policy = Policy {
        bouncer_units,
        agent_units,
        limits: values.section("limits").map(limits).unwrap_or_default(),
        proxies: Proxies {
            forwarded: values.flag("use_forwarded_for_headers"),
            trusted: nets(values.networks("trusted_proxies")),
        },
        trusted: nets(values.networks("trusted_ips")),
        local_registration_only: values.flag("disable_remote_lapi_registration"),
        auto_registration: values
            .section("auto_registration")
            .filter(|section| section.flag("enabled"))
            .and_then(|section| auto_registration(section, reading)),
    };
    ApiSettings {
        listen: values.text("listen").unwrap_or_default().to_owned(),
        socket: values.path("socket", directory),
        tls: tls.map(|tls| files(tls, directory, reading)),
        policy,
        retention: values.section("retention").map(retention).unwrap_or_default(),
    }
}

fn files(tls: &Values, directory: &Path, reading: &mut Reading<'_>) -> Files {
    let mut path = |name: &str| directory.join(tls.required(name, reading));
    Files {
        certificate: path("cert_file"),
        key: path("key_file"),
        authorities: tls.path("ca_cert_path", directory),
        revoked: tls.path("crl_path", directory),
        clients: match tls.text("client_verification") {
            Some("NoClientCert") => ClientVerification::None,
            Some("RequestClientCert") => ClientVerification::Request,
            Some("RequireAnyClientCert") => ClientVerification::RequireAny,
            Some("RequireAndVerifyClientCert") => ClientVerification::Required,
            _ => ClientVerification::IfGiven,
        },
        revocation_age: tls.duration("cache_expiration").unwrap_or(REVOCATION_AGE),
    }
}

/// Organisational units whose certificates count.
fn units(tls: &Values, name: &'static str, reading: &mut Reading<'_>) -> Vec<String> {
    let units = tls.words(name);
    if units.iter().any(String::is_empty) {
        reading.refuse_with(tls.place(name), format!("`{name}` has an empty unit"), "leave it out");
    }
    if !units.is_empty() && tls.text("ca_cert_path").is_none() {
        let message = format!("`{name}` needs `ca_cert_path`");
        reading.refuse_with(tls.place(name), message, "it says who may sign client certificates");
    }
    units
}

fn auto_registration(values: &Values, reading: &mut Reading<'_>) -> Option<AutoRegistration> {
    let token = values.required("token", reading);
    if !token.is_empty() && token.chars().count() < LEAST_SECRET {
        let message = format!("`token` has fewer than {LEAST_SECRET} characters");
        reading.refuse_with(values.place("token"), message, "make one with `openssl rand -hex 32`");
    }
    let networks = nets(values.networks("allowed_ranges"));
    if networks.is_empty() {
        let help = "write `allowed_ranges: [0.0.0.0/0]` to let machines come from everywhere";
        reading.refuse_with(values.at, "`auto_registration` needs `allowed_ranges`", help);
    }
    Some(AutoRegistration { token, networks })
}

fn nets(networks: &[IpNet]) -> Vec<Net> {
    networks.iter().filter_map(|network| Net::parse(&network.to_string()).ok()).collect()
}

fn limits(values: &Values) -> Limits {
    let default = Limits::default();
    let count = |name: &str| values.count(name).and_then(|count| u32::try_from(count).ok());
    Limits {
        requests: count("requests"),
        refusals: count("refusals"),
        connections: values.size("connections").unwrap_or(default.connections),
        body: values.size("body").unwrap_or(default.body),
    }
}

fn retention(values: &Values) -> Retention {
    let of = |values: &Values, name: &str| {
        values.duration(name).map(|age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
    };
    let nanos = |name: &str| of(values, name);
    let silent = |section: &str, name: &str| of(values.section(section)?, name);
    let default = Retention::default();
    Retention {
        alert_age: nanos("alert_age"),
        alerts: values.count("alerts"),
        metrics_age: nanos("metrics_age").unwrap_or(default.metrics_age),
        removal_age: nanos("removal_age").unwrap_or(default.removal_age),
        silence: Silence {
            machine_password: silent("agents_autodelete", "login_password"),
            machine_certificate: silent("agents_autodelete", "cert"),
            bouncer_key: silent("bouncers_autodelete", "api_key"),
            bouncer_certificate: silent("bouncers_autodelete", "cert"),
        },
    }
}

fn metrics(values: &Values) -> MetricsSettings {
    MetricsSettings {
        listen: values.text("listen").unwrap_or_default().to_owned(),
        level: match values.text("level") {
            Some("aggregated") => Level::Aggregated,
            Some("none") => Level::None,
            _ => Level::Full,
        },
    }
}

fn tracing(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> TraceSettings {
    let endpoint = values.required("endpoint", reading);
    if !endpoint.is_empty() && !["http://", "https://"].iter().any(|s| endpoint.starts_with(s)) {
        let message = format!("{endpoint:?} is no address of a collector");
        reading.refuse_with(values.place("endpoint"), message, "begin it with http:// or https://");
    }
    let written = values.text("ratio").unwrap_or("1");
    let ratio = written.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    if ratio.is_none() {
        let message = format!("`ratio` is a number from 0 to 1, not {written:?}");
        reading.refuse(values.place("ratio"), message);
    }
    let tls = values.section("tls").map(|tls| endpoint::client_tls(tls, directory, reading));
    TraceSettings {
        endpoint,
        ratio: ratio.unwrap_or(1.0),
        headers: values.pairs("headers"),
        tls: tls.unwrap_or_default(),
        timeout: values.duration("timeout").unwrap_or(Duration::from_secs(10)),
    }
}

fn log(values: &Values) -> LogSettings {
    LogSettings {
        level: values.text("level").unwrap_or("info").to_owned(),
        json: values.text("format") == Some("json"),
    }
}
