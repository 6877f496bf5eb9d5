//! Every key of `spillway.yaml`: the one list.

use super::acquisition::{SOURCES, Start, endpoint};
use super::key::{Key, Kind, Section};
use super::outputs::{OUTPUTS, UNPARSED};

/// The whole file.
pub static ROOT: Section = Section { title: "spillway.yaml", groups: &[WHERE, WHAT, HOW, RIM] };

static WHERE: &[Key] = &[
    Key::new("data", Kind::Path, "directory of the store").or("/var/lib/spillway"),
    Key::new("machine", Kind::Text, "who detects, as alerts say it; the name of this host"),
];

static WHAT: &[Key] = &[
    Key::new("rules", Kind::Section(&RULES), "which rules run").or("{}"),
    Key::new("watch", Kind::Flag, "take up changed rules by itself").or("false"),
    Key::new(
        "acquisition",
        Kind::Paths,
        "acquis.yaml of CrowdSec, or directories of them; acquis.yaml and acquis.d beside this file",
    ),
    Key::new("sources", Kind::List(&SOURCES), "sources besides: documents of acquis.yaml"),
    Key::new("outputs", Kind::List(&OUTPUTS), "where alerts and decisions go besides the API"),
    Key::new(
        "unparsed",
        Kind::List(&UNPARSED),
        "where lines that no parser took go, and records that hold no line",
    ),
    Key::new("start", Kind::Choice(Start::WORDS), "where a source begins that was never read")
        .or("end"),
];

static HOW: &[Key] = &[
    Key::new(
        "hold",
        Kind::Duration(&["unlimited"]),
        "lines wait so long for those of other inputs",
    )
    .or("200ms"),
    Key::new("patience", Kind::Duration(&[]), "lines wait so long for sources in trouble")
        .or("10s"),
    Key::new("epoch", Kind::Duration(&[]), "what changed is kept so often").or("100ms"),
    Key::new("workers", Kind::Count(1, 256, &["auto"]), "threads that detect").or("auto"),
    Key::new(
        "memory",
        Kind::Size,
        "what the service may take, roughly; more buckets move to the disk",
    )
    .or("512MiB"),
];

static RIM: &[Key] = &[
    Key::new("api", Kind::Section(&API), "the API of bouncers and agents").or("{}"),
    Key::new("metrics", Kind::Section(&METRICS), "metrics for Prometheus, and health").or("{}"),
    Key::new("tracing", Kind::Section(&TRACING), "traces for a collector of OpenTelemetry"),
    Key::new("log", Kind::Section(&LOG), "what the service says of itself, on standard error")
        .or("{}"),
];

static RULES: Section = Section {
    title: "`rules`",
    groups: &[&[
        Key::new(
            "directories",
            Kind::Paths,
            "directories in the layout of a hub, or of /etc/crowdsec; without any the embedded rules",
        ),
        Key::new(
            "items",
            Kind::Texts,
            "only these items (author/name); a collection brings its members",
        ),
        Key::new("data", Kind::Paths, "directories of data files and GeoLite2 databases"),
        Key::new("patterns", Kind::Paths, "directories of grok pattern files"),
        Key::new("profiles", Kind::Path, "what alerts lead to (profiles.yaml)"),
        Key::new("simulation", Kind::Path, "which scenarios only pretend (simulation.yaml)"),
        Key::new("allowlist", Kind::Path, "addresses and networks that no decision may hit"),
        Key::new("answers", Kind::Path, "recorded DNS answers, JSON lines"),
        Key::new("skip_broken", Kind::Flag, "go on without the items that are broken").or("false"),
    ]],
};

static API: Section = Section {
    title: "`api`",
    groups: &[&[
        Key::new("listen", Kind::Address, "where bouncers and agents ask").or("127.0.0.1:8080"),
        Key::new(
            "socket",
            Kind::Path,
            "Unix socket of administration; spillway.sock in the data directory",
        ),
        Key::new(
            "use_forwarded_for_headers",
            Kind::Flag,
            "believe `X-Forwarded-For` of trusted proxies",
        )
        .or("false"),
        Key::new("trusted_proxies", Kind::Networks, "proxies that are believed"),
        Key::new(
            "trusted_ips",
            Kind::Networks,
            "networks that may delete alerts, besides this host",
        ),
        Key::new(
            "disable_remote_lapi_registration",
            Kind::Flag,
            "machines register from this host alone",
        )
        .or("false"),
        Key::new(
            "auto_registration",
            Kind::Section(&AUTO_REGISTRATION),
            "machines that need no validation",
        ),
        Key::new("tls", Kind::Section(&TLS), "certificates; the API is then asked by https"),
        Key::new("limits", Kind::Section(&LIMITS), "what one client may cost").or("{}"),
        Key::new("retention", Kind::Section(&RETENTION), "what is forgotten when").or("{}"),
    ]],
};

/// A client is an address, of IPv6 a /64. This host is not limited.
static LIMITS: Section = Section {
    title: "`limits`",
    groups: &[&[
        Key::new(
            "requests",
            Kind::Count(1, 1_000_000, &["unlimited"]),
            "requests of a client in a second",
        )
        .or("10000"),
        Key::new(
            "refusals",
            Kind::Count(1, 1_000_000, &["unlimited"]),
            "wrong keys, passwords and tokens of a client in a minute",
        )
        .or("300"),
        Key::new(
            "connections",
            Kind::Count(1, 1_000_000, &[]),
            "connections of a client at the same time",
        )
        .or("16000"),
        Key::new("body", Kind::Size, "bytes of a body, unpacked").or("50MiB"),
    ]],
};

static AUTO_REGISTRATION: Section = Section {
    title: "`auto_registration`",
    groups: &[&[
        Key::new("enabled", Kind::Flag, "whether there are any").or("false"),
        Key::new("token", Kind::Secret, "what they show: at least 32 characters"),
        Key::new("allowed_ranges", Kind::Networks, "where they come from"),
    ]],
};

static TLS: Section = Section {
    title: "`tls`",
    groups: &[&[
        Key::new("cert_file", Kind::Path, "the certificate with its chain, PEM"),
        Key::new("key_file", Kind::Path, "its key, PEM"),
        Key::new("client_verification", Kind::Choice(VERIFICATIONS), "what is asked of clients")
            .or("VerifyClientCertIfGiven"),
        Key::new("ca_cert_path", Kind::Path, "authorities of client certificates, PEM"),
        Key::new("crl_path", Kind::Path, "revoked client certificates: lists of authorities, PEM"),
        Key::new(
            "agents_allowed_ou",
            Kind::Texts,
            "organisational units of certificates of machines",
        ),
        Key::new(
            "bouncers_allowed_ou",
            Kind::Texts,
            "organisational units of certificates of bouncers",
        ),
        Key::new(
            "cache_expiration",
            Kind::Duration(&[]),
            "it counts so long that a certificate was not revoked",
        )
        .or("1h"),
    ]],
};

/// Go's names of what is asked of clients.
const VERIFICATIONS: &[&str] = &[
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
];

static RETENTION: Section = Section {
    title: "`retention`",
    groups: &[&[
        Key::new(
            "alert_age",
            Kind::Duration(&["unlimited"]),
            "alerts without an active decision are forgotten after",
        )
        .or("168h"),
        Key::new(
            "alerts",
            Kind::Count(1, u64::MAX >> 1, &["unlimited"]),
            "alerts that are kept at most",
        )
        .or("5000"),
        Key::new("metrics_age", Kind::Duration(&[]), "usage metrics are forgotten after")
            .or("168h"),
        Key::new("removal_age", Kind::Duration(&[]), "ends of decisions are told so long")
            .or("168h"),
        Key::new(
            "agents_autodelete",
            Kind::Section(&SILENT_AGENTS),
            "machines that were silent so long are removed",
        )
        .or("{}"),
        Key::new(
            "bouncers_autodelete",
            Kind::Section(&SILENT_BOUNCERS),
            "bouncers that were silent so long are removed",
        )
        .or("{}"),
    ]],
};

static SILENT_AGENTS: Section = Section {
    title: "`agents_autodelete`",
    groups: &[&[
        Key::new("cert", Kind::Duration(&[]), "of those with a certificate"),
        Key::new("login_password", Kind::Duration(&[]), "of those with a password"),
    ]],
};

static SILENT_BOUNCERS: Section = Section {
    title: "`bouncers_autodelete`",
    groups: &[&[
        Key::new("cert", Kind::Duration(&[]), "of those with a certificate"),
        Key::new("api_key", Kind::Duration(&[]), "of those with a key"),
    ]],
};

static METRICS: Section = Section {
    title: "`metrics`",
    groups: &[&[
        Key::new("listen", Kind::Address, "where /metrics, /livez and /readyz are")
            .or("127.0.0.1:6060"),
        Key::new(
            "level",
            Kind::Choice(&["full", "aggregated", "none"]),
            "which of CrowdSec's metrics there are",
        )
        .or("full"),
    ]],
};

static TRACING: Section = Section {
    title: "`tracing`",
    groups: &[&[
        Key::new("endpoint", Kind::Text, "its OTLP over HTTP: http://HOST:4318"),
        Key::new("ratio", Kind::Text, "the share of traces that are kept, from 0 to 1").or("1"),
        Key::new("headers", Kind::Secrets, "headers of each request, such as credentials"),
        Key::new("tls", Kind::Section(&endpoint::TLS), "certificates"),
        Key::new("timeout", Kind::Duration(&[]), "an answer comes within").or("10s"),
    ]],
};

static LOG: Section = Section {
    title: "`log`",
    groups: &[&[
        Key::new("level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "how much")
            .or("info"),
        Key::new("format", Kind::Choice(&["text", "json"]), "how it is written").or("text"),
    ]],
};
