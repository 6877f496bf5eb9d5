//! Shapes of log lines: what one line looks like, told by cheap tests on its text. Used by
//! [`super::guess`], which lets the first lines of a file vote.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// A shape that is told apart. The order breaks ties: the earlier is the more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// A log of one program, whose label this is.
    Of(&'static str, &'static str),
    /// RFC 5424.
    Syslog5424,
    /// RFC 3164, or the same with an ISO date.
    Syslog,
    /// The access log that nginx and Apache share.
    Combined,
    /// The same as only Apache writes it.
    CombinedApache,
    /// JSON of an unknown kind.
    Json,
}

/// The shape of a line, if it has one.
pub(super) fn shape(line: &str) -> Option<Shape> {
    let line = line.trim_start_matches('\u{feff}').trim_end();
    if line.starts_with('{') {
        return json(line);
    }
    wrapped(line).or_else(|| program(line)).or_else(|| syslog(line)).or_else(|| web(line))
}

/// The text that a container runtime wrapped into a line.
pub(super) fn unwrapped(line: &str) -> Option<String> {
    if line.starts_with('{') {
        let mut document: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).ok()?;
        return match document.remove("log")? {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        };
    }
    iso_date(line)?.splitn(4, ' ').nth(3).map(str::to_owned)
}

/// Label, keys that all must be there at the top, what it is.
const DOCUMENTS: &[(&str, &[&str], &str)] = &[
    ("k8s-audit", &["auditID", "requestURI"], "Kubernetes audit events"),
    ("docker", &["log", "stream", "time"], "Docker's JSON log driver"),
    ("journald", &["__REALTIME_TIMESTAMP", "MESSAGE"], "journalctl -o json"),
    ("traefik", &["ClientAddr", "RequestMethod"], "Traefik's JSON access log"),
    ("caddy", &["ts", "logger", "request"], "Caddy's JSON access log"),
    ("aws-cloudtrail", &["eventVersion", "eventSource", "awsRegion"], "CloudTrail events"),
    ("suricata-evelogs", &["event_type", "flow_id"], "Suricata's EVE log"),
    ("teleport", &["ei", "event", "code"], "Teleport's audit log"),
    ("laurel", &["ID", "SYSCALL"], "audit events of Laurel"),
    ("gitlab", &["correlation_id", "meta.caller_id"], "GitLab's JSON log"),
    ("cowrie", &["eventid", "session", "src_ip"], "Cowrie's JSON log"),
    ("envoy", &["start_time", "response_code", "downstream_remote_address"], "Envoy's access log"),
    ("authelia", &["level", "msg", "remote_ip", "path"], "Authelia's JSON log"),
];

fn json(line: &str) -> Option<Shape> {
    let keys: BTreeMap<String, IgnoredAny> = serde_json::from_str(line).ok()?;
    let has = |wanted: &[&str]| wanted.iter().all(|key| keys.contains_key(*key));
    let known = DOCUMENTS.iter().find(|(_, wanted, _)| has(wanted));
    // Caddy's other log lines name their module.
    let caddy = has(&["level", "ts", "logger", "msg"]) && line.contains("\"logger\":\"http.");
    Some(match known {
        Some((label, _, what)) => Shape::Of(label, what),
        None if caddy => Shape::Of("caddy", "Caddy's JSON log"),
        None => Shape::Json,
    })
}

/// Lines in the envelope of a container runtime.
fn wrapped(line: &str) -> Option<Shape> {
    let mut words = iso_date(line)?.splitn(4, ' ').skip(1);
    let stream = matches!(words.next(), Some("stdout" | "stderr"));
    let whole = matches!(words.next(), Some("F" | "P"));
    (stream && whole).then_some(Shape::Of("containerd", "the CRI log format"))
}

type Test = fn(&str) -> bool;

/// Label, test, what it is.
const PROGRAMS: &[(&str, Test, &str)] = &[
    ("auditd", |l| l.starts_with("type=") && l.contains(" msg=audit("), "the Linux audit log"),
    ("modsecurity", |l| l.contains(" ModSecurity: ") && !is_syslog(l), "ModSecurity's messages"),
    ("iis", |l| l.starts_with("<Event ") && l.contains("IIS-Logging"), "IIS events in XML"),
    ("wineventlog", |l| l.starts_with("<Event "), "Windows events in XML"),
    ("aws-cloudfront", |l| l.starts_with("#Fields: date time x-edge"), "CloudFront's log"),
    ("aws-cloudfront", is_cloudfront, "CloudFront's log"),
    ("iis", |l| l.starts_with("#Software: Microsoft Internet Inf"), "the log of IIS"),
    ("aws-alb", is_load_balancer, "the log of AWS load balancers"),
    ("cef", |l| l.starts_with("CEF:"), "the Common Event Format"),
    ("nginx-proxy-manager", is_proxy_manager, "the log of Nginx Proxy Manager"),
    ("nginx", is_nginx_error, "nginx's error log"),
    ("apache2", is_apache_error, "Apache's error log"),
    ("haproxy", is_haproxy, "HAProxy's HTTP log"),
    ("mysql", is_mysql, "MySQL's error log"),
    ("mariadb", is_mariadb, "MariaDB's error log"),
    ("postgres", is_postgres, "PostgreSQL's log"),
    ("vsftpd", is_vsftpd, "vsftpd's log"),
    ("asterisk", is_asterisk, "Asterisk's log"),
    ("keycloak", |l| l.contains("[org.keycloak.events]"), "Keycloak's events"),
    ("grafana", |l| l.starts_with("logger=") && l.contains(" t=20"), "Grafana's log"),
    ("authelia", |l| l.starts_with("time=\"") && l.contains(" path=/api/"), "Authelia's log"),
    ("mikrotik", is_mikrotik, "RouterOS' log"),
    ("endlessh", is_endlessh, "endlessh's log"),
    ("proftpd", |l| bare_iso(l) && l.contains(" proftpd["), "ProFTPD's log"),
    ("smb", |l| l.starts_with("Auth: [SMB"), "Samba's authentication log"),
    ("cas", |l| l.contains(" [org.apereo."), "the log of Apereo CAS"),
    ("pve-firewall", |l| l.contains(" PVEFW-") && !is_syslog(l), "Proxmox' firewall log"),
];

fn program(line: &str) -> Option<Shape> {
    let found = PROGRAMS.iter().find(|(_, test, _)| test(line));
    found.map(|(label, _, what)| Shape::Of(label, what))
}

fn is_cloudfront(line: &str) -> bool {
    line.split('\t').count() > 20 && fits(line, "9999-99-99\t99:99:99\t").is_some()
}

fn is_load_balancer(line: &str) -> bool {
    let mut words = line.split(' ');
    let protocol = matches!(words.next(), Some("http" | "https" | "h2" | "grpcs" | "ws" | "wss"));
    protocol
        && words.next().is_some_and(|word| iso_date(word).is_some())
        && words.next().is_some_and(|word| word.starts_with("app/"))
}

fn is_proxy_manager(line: &str) -> bool {
    line.starts_with('[') && line.contains(" [Client ") && line.contains(" [Sent-to ")
}

fn is_nginx_error(line: &str) -> bool {
    fits(line, "9999/99/99 99:99:99 [").is_some_and(|rest| rest.contains("#"))
}

/// `[Thu Sep 30 13:27:06.009964 2021] [core:error] [pid …`
fn is_apache_error(line: &str) -> bool {
    let date = line.strip_prefix('[').and_then(|rest| rest.split_once("] ["));
    date.is_some_and(|(date, _)| {
        let mut words = date.split_ascii_whitespace();
        let day = words.next().is_some_and(|day| DAYS.contains(&day));
        day && words.next().is_some_and(is_month)
            && words.nth(1).is_some_and(|time| fits(time, "99:99:99").is_some())
    })
}

/// `192.0.2.1:14853 [14/Jan/2015:12:48:57.127] front back/server 170/0/0/3/173 …`
fn is_haproxy(line: &str) -> bool {
    let Some((client, rest)) = line.split_once(" [") else { return false };
    let port = client.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    port && !client.contains(' ') && rest.get(11..).is_some_and(|r| fits(r, ":99:99:99.").is_some())
}

fn is_mysql(line: &str) -> bool {
    let after = iso_date(line).and_then(|rest| rest.strip_prefix(' '));
    let level = after.and_then(|rest| rest.split_once(" [")).map(|(id, rest)| (id.trim(), rest));
    level.is_some_and(|(id, rest)| id.parse::<u64>().is_ok() && is_level(rest))
}

fn is_level(text: &str) -> bool {
    ["Note]", "Warning]", "ERROR]", "System]"].iter().any(|level| text.starts_with(level))
}

/// `2021-11-09  5:13:11 8 [Warning] …`
fn is_mariadb(line: &str) -> bool {
    let Some(rest) = fits(line, "9999-99-99 ") else { return false };
    let words: Vec<_> = rest.split_ascii_whitespace().take(3).collect();
    matches!(words[..], [time, id, level]
        if time.contains(':') && id.parse::<u64>().is_ok()
            && level.strip_prefix('[').is_some_and(is_level))
}

fn is_postgres(line: &str) -> bool {
    const LEVELS: [&str; 6] =
        ["FATAL:  ", "ERROR:  ", "LOG:  ", "STATEMENT:  ", "DETAIL:  ", "WARNING:  "];
    !is_syslog(line) && LEVELS.iter().any(|level| line.contains(level))
}

fn is_vsftpd(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    words.next().is_some_and(|day| DAYS.contains(&day))
        && words.next().is_some_and(is_month)
        && line.contains(" [pid ")
}

fn is_asterisk(line: &str) -> bool {
    const LEVELS: [&str; 5] = ["SECURITY[", "NOTICE[", "WARNING[", "VERBOSE[", "ERROR["];
    let rest = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    rest.is_some_and(|(_, rest)| LEVELS.iter().any(|level| rest.starts_with(level)))
}

/// `2023-03-18T20:35:05.73+01:00 192.0.2.1 firewall,info …`
fn is_mikrotik(line: &str) -> bool {
    const LEVELS: [&str; 5] = ["info", "warning", "error", "critical", "debug"];
    let topics = iso_date(line).and_then(|rest| rest.split(' ').nth(2));
    let level = topics.and_then(|topics| topics.rsplit_once(',')).map(|(_, level)| level);
    level.is_some_and(|level| LEVELS.contains(&level))
}

fn is_endlessh(line: &str) -> bool {
    let rest = iso_date(line).unwrap_or_default();
    rest.starts_with(" ACCEPT host=") || rest.starts_with(" CLOSE host=")
}

/// Whether the line begins with an ISO date as programs write it, without a `T`.
fn bare_iso(line: &str) -> bool {
    fits(line, "9999-99-99 99:99:99").is_some()
}

fn is_syslog(line: &str) -> bool {
    syslog(line).is_some()
}

fn syslog(line: &str) -> Option<Shape> {
    let body = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((priority, body)) if priority.parse::<u16>().is_ok() => body,
        _ => line,
    };
    if body.len() < line.len()
        && let Some(rest) = body.strip_prefix("1 ")
        && (iso_date(rest).is_some() || rest.starts_with("- "))
    {
        return Some(Shape::Syslog5424);
    }
    let rest = bsd_date(body).or_else(|| iso_date(body).filter(|_| !bare_iso(body)))?;
    let rest = rest.strip_prefix(' ')?;
    let (host, rest) = rest.split_once(' ')?;
    let tag_ends = rest.find([':', '[', ' ']);
    let tagged = tag_ends.is_some_and(|end| end > 0 && !rest[end..].starts_with(' '))
        || rest.starts_with("last message repeated");
    (!host.is_empty() && !host.starts_with(['[', '"']) && tagged).then_some(Shape::Syslog)
}

/// The access logs in Apache's formats and their relatives.
fn web(line: &str) -> Option<Shape> {
    let (before, rest) = line.split_once(" [")?;
    let (date, request) = rest.split_once("] \"")?;
    if !date.get(2..).is_some_and(|r| r.starts_with('/')) || date.split(':').count() != 4 {
        return None;
    }
    let words: Vec<_> = before.split(' ').collect();
    let after = request.rsplit_once("\" ").map_or("", |(_, after)| after);
    if after.ends_with("ms") && line.contains("\" \"") {
        return Some(Shape::Of("traefik", "Traefik's access log"));
    }
    let status_and_size = request.split("\" ").find(|part| fits(part, "999 ").is_some());
    let no_size =
        status_and_size.and_then(|part| part.split(' ').nth(1)).is_some_and(|size| size == "-");
    let port = words.len() == 4
        && words.first().is_some_and(|host| host.contains(':') && !host.contains("::"));
    match words.len() {
        5 if words.get(4) == Some(&"-") => Some(Shape::Of("bunkerweb", "BunkerWeb's access log")),
        3.. if port || no_size || line.contains("internal dummy connection") => {
            Some(Shape::CombinedApache)
        }
        3.. => Some(Shape::Combined),
        _ => None,
    }
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS.contains(&word)
}

/// What follows `Nov 21 04:05:06`, a year between or not.
fn bsd_date(text: &str) -> Option<&str> {
    let rest = text.get(3..).filter(|_| text.get(..3).is_some_and(is_month))?;
    let rest = rest.trim_start_matches(' ');
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(' ')?;
    fits(rest, "99:99:99").or_else(|| fits(rest, "9999 99:99:99"))
}

/// What follows an ISO 8601 date with a time, zone included.
fn iso_date(text: &str) -> Option<&str> {
    let rest = fits(text, "9999-99-99T99:99:99").or_else(|| fits(text, "9999-99-99 99:99:99"))?;
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let zone =
        rest.strip_prefix('Z').or_else(|| fits(rest, "+99:99")).or_else(|| fits(rest, "-99:99"));
    Some(zone.or_else(|| fits(rest, "+9999")).or_else(|| fits(rest, "-9999")).unwrap_or(rest))
}

/// What follows `pattern`, in which a 9 stands for any digit.
fn fits<'a>(text: &'a str, pattern: &str) -> Option<&'a str> {
    let head = text.as_bytes().get(..pattern.len())?;
    let same = |(byte, wanted): (&u8, u8)| match wanted {
        b'9' => byte.is_ascii_digit(),
        _ => *byte == wanted,
    };
    head.iter().zip(pattern.bytes()).all(same).then(|| text.get(pattern.len()..)).flatten()
}
