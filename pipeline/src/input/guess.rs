//! Guesses the `type` label of an input, which drives the parsers, from its path and its first
//! lines. A pure function: the same path and lines give the same label and reason.

use std::collections::BTreeMap;

use super::shape::{Shape, shape, unwrapped};

/// At most so many lines are looked at.
pub const LINES: usize = 50;

/// The label where nothing is recognised; no parser wants it.
pub const UNKNOWN: &str = "unknown";

/// What an input seems to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The value of the label `type`; [`UNKNOWN`] if nothing was recognised.
    pub label: &'static str,
    /// The label `program`, for lines in the envelope of a container runtime.
    pub program: Option<&'static str>,
    /// Why, as a sentence fragment for people.
    pub reason: String,
}

impl Guess {
    /// Whether the input was recognised; if not, `--type` is needed.
    pub fn is_known(&self) -> bool {
        self.label != UNKNOWN
    }

    fn new(label: &'static str, reason: impl Into<String>) -> Self {
        Self { label, program: None, reason: reason.into() }
    }
}

/// Guesses from the first [`LINES`] of `lines`. The lines decide; the path does where they could be
/// of several programs or are of an unknown shape.
pub fn guess<'a>(path: &str, lines: impl IntoIterator<Item = &'a str>) -> Guess {
    let lines: Vec<&str> = lines.into_iter().take(LINES).collect();
    if lines.is_empty() {
        return by_name(path, "no lines");
    }
    let mut votes: BTreeMap<Shape, usize> = BTreeMap::new();
    for found in lines.iter().filter_map(|line| shape(line)) {
        *votes.entry(found).or_default() += 1;
    }
    // Some lines of Apache look like those of nginx; none are the other way round.
    if let Some(shared) = votes.remove(&Shape::Combined) {
        let own = votes.contains_key(&Shape::CombinedApache);
        let family = if own { Shape::CombinedApache } else { Shape::Combined };
        *votes.entry(family).or_default() += shared;
    }
    let best = votes.iter().rev().max_by_key(|(_, votes)| **votes);
    match best {
        Some((found, votes)) if votes * 4 >= lines.len() => {
            of_shape(*found, path, &lines, &format!("{votes} of {} lines", lines.len()))
        }
        _ if is_binary(&lines) => Guess::new(UNKNOWN, "looks like binary data, not a log"),
        _ => by_name(path, "lines of no known shape"),
    }
}

fn of_shape(found: Shape, path: &str, lines: &[&str], share: &str) -> Guess {
    match found {
        Shape::Of(label, what) => {
            let mut guess = Guess::new(label, format!("{share} are {what}"));
            if matches!(label, "docker" | "containerd") {
                guess.program = program(path, lines);
            }
            guess
        }
        Shape::Syslog5424 => Guess::new("syslog", format!("{share} are syslog (RFC 5424)")),
        Shape::Syslog => Guess::new("syslog", format!("{share} have a syslog header")),
        Shape::Combined | Shape::CombinedApache => web(found, path, share),
        Shape::Json => by_name(path, "JSON of no known kind"),
    }
}

/// Servers that write the combined log format, by words of their paths.
const WEB: &[(&str, &str)] = &[
    ("nginx-proxy-manager", "nginx-proxy-manager"),
    ("npmplus", "npmplus"),
    ("bunkerweb", "bunkerweb"),
    ("litespeed", "litespeed"),
    ("lsws", "litespeed"),
    ("traefik", "traefik"),
    ("nginx", "nginx"),
    ("openresty", "nginx"),
    ("apache2", "apache2"),
    ("apache", "apache2"),
    ("httpd", "apache2"),
    ("other_vhosts_access", "apache2"),
];

fn web(found: Shape, path: &str, share: &str) -> Guess {
    let what = format!("{share} are access log in the combined format");
    if let Some((word, label)) = named(path, WEB) {
        return Guess::new(label, format!("{what}, the path says {word}"));
    }
    match found {
        Shape::CombinedApache => Guess::new("apache2", format!("{what} as only Apache writes it")),
        _ => Guess::new("nginx", format!("{what}, which nginx and Apache share")),
    }
}

/// What program wrote the lines within the envelopes.
fn program(path: &str, lines: &[&str]) -> Option<&'static str> {
    let inner: Vec<_> = lines.iter().filter_map(|line| unwrapped(line)).collect();
    let inner = guess(path, inner.iter().map(|line| line.trim_end()));
    inner.is_known().then_some(inner.label)
}

/// Labels of programs whose lines have no shape that is told apart, by words of their paths.
const NAMES: &[(&str, &str)] = &[
    ("adguardhome", "adguardhome"),
    ("apache-guacamole", "apache-guacamole"),
    ("guacamole", "apache-guacamole"),
    ("asterisk", "asterisk"),
    ("audiobookshelf", "audiobookshelf"),
    ("authelia", "authelia"),
    ("authentik", "authentik"),
    ("baikal", "baikal"),
    ("baserow", "baserow"),
    ("bitwarden", "bitwarden"),
    ("bookstack", "bookstack"),
    ("calibre-web", "calibre-web"),
    ("cowrie", "cowrie"),
    ("couchdb", "couchdb"),
    ("cpanel", "cpanel"),
    ("dockge", "dockge"),
    ("dropbear", "dropbear"),
    ("emby", "emby"),
    ("endlessh", "endlessh"),
    ("envoy", "envoy"),
    ("exim", "exim"),
    ("exim4", "exim"),
    ("filebrowser", "filebrowser"),
    ("fireflyiii", "fireflyiii"),
    ("freeswitch", "freeswitch"),
    ("gitea", "gitea"),
    ("gitlab", "gitlab"),
    ("gotify", "gotify"),
    ("grafana", "grafana"),
    ("haproxy", "haproxy"),
    ("harbor", "harbor"),
    ("hestia", "hestiacp"),
    ("home-assistant", "home-assistant"),
    ("homeassistant", "home-assistant"),
    ("immich", "immich"),
    ("jellyfin", "jellyfin"),
    ("jellyseerr", "jellyseerr"),
    ("kasm", "kasm"),
    ("keycloak", "keycloak"),
    ("litellm", "litellm"),
    ("litespeed", "litespeed"),
    ("lsws", "litespeed"),
    ("mariadb", "mariadb"),
    ("mealie", "mealie"),
    ("miniflux", "miniflux"),
    ("modsec_audit", "modsecurity"),
    ("mssql", "mssql"),
    ("mysql", "mysql"),
    ("navidrome", "navidrome"),
    ("nextcloud", "Nextcloud"),
    ("ntfy", "ntfy"),
    ("odoo", "odoo"),
    ("ombi", "ombi"),
    ("openvpn", "openvpn"),
    ("overseerr", "overseerr"),
    ("paperless", "Paperless-ngx"),
    ("postgres", "postgres"),
    ("postgresql", "postgres"),
    ("proftpd", "proftpd"),
    ("pterodactyl", "pterodactyl"),
    ("radarr", "Radarr"),
    ("redmine", "redmine"),
    ("sabnzbd", "sabnzbd"),
    ("sftpgo", "sftpgo"),
    ("smbd", "smb"),
    ("sonarr", "Sonarr"),
    ("sshesame", "sshesame"),
    ("stirling-pdf", "stirling-pdf"),
    ("suricata", "suricata-evelogs"),
    ("technitium", "technitium"),
    ("teleport", "teleport"),
    ("thehive", "thehive"),
    ("traefik", "traefik"),
    ("uptime-kuma", "uptime-kuma"),
    ("vaultwarden", "Vaultwarden"),
    ("vsftpd", "vsftpd"),
    ("webmin", "webmin"),
    ("zimbra", "zimbra"),
    ("zoraxy", "zoraxy"),
    ("caddy", "caddy"),
    ("nginx", "nginx"),
    ("apache2", "apache2"),
    ("httpd", "apache2"),
];

/// Files that syslog daemons write.
const SYSLOG_FILES: &[(&str, &str)] = &[
    ("auth.log", "syslog"),
    ("secure", "syslog"),
    ("syslog", "syslog"),
    ("messages", "syslog"),
    ("mail.log", "syslog"),
    ("kern.log", "syslog"),
    ("ufw.log", "syslog"),
];

fn by_name(path: &str, why: &str) -> Guess {
    match named(path, NAMES).or_else(|| named(path, SYSLOG_FILES)) {
        Some((word, label)) => Guess::new(label, format!("{why}, the path says {word}")),
        None => Guess::new(UNKNOWN, format!("{why}: say what it is with --type")),
    }
}

/// The first entry whose word stands in the path, the file's own name before its directories'.
fn named(
    path: &str,
    table: &[(&'static str, &'static str)],
) -> Option<(&'static str, &'static str)> {
    path.rsplit('/').find_map(|part| {
        let part = part.to_ascii_lowercase();
        table.iter().find(|(word, _)| has_word(&part, word)).copied()
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        ![before, after].into_iter().flatten().any(|c| c.is_ascii_alphanumeric())
    })
}

fn is_binary(lines: &[&str]) -> bool {
    let strange = |c: &char| *c == '\u{fffd}' || (c.is_control() && !matches!(c, '\t' | '\u{1b}'));
    let (all, bad) = lines.iter().fold((0, 0), |(all, bad), line| {
        let line = line.get(..line.floor_char_boundary(4096)).unwrap_or(line);
        (all + line.chars().count(), bad + line.chars().filter(strange).count())
    });
    bad * 10 > all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, line: &str, label: &str) {
        let got = guess(path, [line]);
        assert_eq!(got.label, label, "{}", got.reason);
    }

    const COMBINED: &str =
        r#"192.0.2.7 - - [21/Nov/2026:04:05:06 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8""#;

    #[test]
    fn syslog_is_syslog_with_any_header_and_program() {
        check("x", "Nov  1 04:05:06 host sshd[12]: Accepted password", "syslog");
        check("x", "<38>Nov 21 04:05:06 host sshd: Accepted password", "syslog");
        check("x", "2026-11-21T04:05:06.123456+01:00 host sshd[12]: Accepted", "syslog");
        check("x", "<34>1 2026-11-21T04:05:06Z host su - ID47 - failed", "syslog");
        check("nginx.log", "Nov 21 04:05:06 host nginx: 192.0.2.7 - - [x", "syslog");
        check("x", "2026-11-21 04:05:06,123 host proftpd[12]: USER x", "proftpd");
        check("x", "Nov 21 04:05:06 host kernel: [12.3] IN=eth0 OUT=", "syslog");
    }

    #[test]
    fn access_logs_are_told_by_path_then_by_what_only_apache_writes() {
        check("-", COMBINED, "nginx");
        check("/var/log/apache2/access.log.1.gz", COMBINED, "apache2");
        check("/srv/apache-old/nginx/access.log", COMBINED, "nginx");
        check("/usr/local/lsws/logs/access.log", COMBINED, "litespeed");
        check("-", &COMBINED.replace(" 5 ", " - "), "apache2");
        check("-", &format!("www.example.org:443 {COMBINED}"), "apache2");
        check("-", &format!("www.example.org {COMBINED}"), "nginx");
        check("-", &format!(r#"{COMBINED} 5 "a@docker" "http://192.0.2.1:80" 0ms"#), "traefik");
        check("-", &COMBINED.replace("192.0.2.7 - -", "x.org 192.0.2.7 - r1 -"), "bunkerweb");
    }

    #[test]
    fn one_line_of_apache_makes_the_file_one_of_apache() {
        let odd = COMBINED.replace(" 5 ", " - ");
        let lines = [COMBINED, COMBINED, odd.as_str(), COMBINED];
        assert_eq!(guess("-", lines).label, "apache2");
        assert!(guess("-", lines).reason.starts_with("4 of 4 lines"));
    }

    #[test]
    fn error_logs_of_web_servers_are_theirs() {
        check("x", "2026/11/21 04:05:06 [error] 86#86: *1083 open() failed", "nginx");
        check("x", "[Sat Nov 21 04:05:06.0099 2026] [core:error] [pid 2] x", "apache2");
        check(
            "x",
            "[Sat Nov 21 04:05:06 2026] [:error] [pid 2] ModSecurity: Warning.",
            "modsecurity",
        );
        check("x", "192.0.2.7:1485 [14/Jan/2026:12:48:57.127] in~ b/s 1/0/0/3/1 200 7", "haproxy");
    }

    #[test]
    fn json_is_told_by_its_keys() {
        check("x", r#"{"ts":1.5,"logger":"http.log.access","request":{}}"#, "caddy");
        check("x", r#"{"auditID":"a","requestURI":"/api","kind":"Event"}"#, "k8s-audit");
        check("x", r#"{"ClientAddr":"192.0.2.7:1","RequestMethod":"GET"}"#, "traefik");
        check("x", r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":"m","_PID":"1"}"#, "journald");
        check("x", r#"{"something":"else"}"#, UNKNOWN);
        check("gotify.json", r#"{"something":"else"}"#, "gotify");
    }

    #[test]
    fn lines_of_containers_say_their_program_too() {
        let docker = r#"{"log":"192.0.2.7 - - [21/Nov/2026:04:05:06 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n","stream":"stdout","time":"2026-11-21T04:05:06Z"}"#;
        let cri = format!("2026-11-21T04:05:06.413656027Z stdout F {COMBINED}");
        for (line, label) in [(docker, "docker"), (cri.as_str(), "containerd")] {
            let got = guess("x", [line]);
            assert_eq!((got.label, got.program), (label, Some("nginx")));
        }
    }

    #[test]
    fn databases_and_services_are_told_by_shape() {
        check("x", "2026-04-16T05:13:40.861934Z 344 [Note] Access denied", "mysql");
        check("x", "2026-11-09  5:13:11 8 [Warning] Access denied", "mariadb");
        check("x", "2026-09-28 09:22:18.536 UTC [147] FATAL:  password", "postgres");
        check("x", "Mon Jun 8 12:08:44 2026 [pid 27245] CONNECT", "vsftpd");
        check("x", "type=SYSCALL msg=audit(1684329817.579:2995): arch=1", "auditd");
        check("x", "2026-03-18T20:35:05.73+01:00 192.0.2.1 firewall,info in", "mikrotik");
    }

    #[test]
    fn the_path_decides_where_no_line_does() {
        check("/var/log/grafana/grafana.log", "nothing known", "grafana");
        check("/var/log/nothing.log", "nothing known", UNKNOWN);
        assert_eq!(guess("/var/log/auth.log", []).label, "syslog");
        assert!(guess("x", ["nothing known"]).reason.contains("--type"));
    }

    #[test]
    fn binary_data_is_no_log() {
        let got = guess("x", ["\0\u{1}\u{2}ELF\u{fffd}\u{fffd}", "\0\0ab"]);
        assert!(!got.is_known() && got.reason.contains("binary"));
    }

    #[test]
    fn a_few_garbage_lines_do_not_change_the_guess() {
        let lines = ["?", "Nov 21 04:05:06 host sshd[12]: Accepted", "", "\u{fffd}"];
        assert_eq!(guess("x", lines).label, "syslog");
    }
}
