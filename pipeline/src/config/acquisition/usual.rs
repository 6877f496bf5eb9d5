//! What is read where nobody says what: the usual logs of this host. The journal only for what no file
//! carries, or every failure would count twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use connectors::file::{Config as Files, Start as FileStart};
use connectors::journalctl::Config as Journal;
use operators::parse::lines::Clock;

use super::{Acquired, Connector, Start};
use crate::zone;

/// Who logged in, and who did not: Debian, and Red Hat.
const LOGINS: [&str; 2] = ["var/log/auth.log", "var/log/secure"];
/// Most of the rest.
const SYSTEM: [&str; 2] = ["var/log/syslog", "var/log/messages"];
/// Parts of it that Debian's rsyslog writes into `syslog` too.
const PARTS: [&str; 2] = ["var/log/kern.log", "var/log/mail.log"];
/// What Red Hat's rsyslog does not write into `messages`.
const MAIL: &str = "var/log/maillog";

/// Logs of programs with their label `type`; read where their directory is.
const PROGRAMS: [(&str, &[&str]); 8] = [
    ("nginx", &["var/log/nginx/*.log"]),
    ("apache2", &["var/log/apache2/*.log", "var/log/httpd/*_log"]),
    ("caddy", &["var/log/caddy/*.log"]),
    ("traefik", &["var/log/traefik/*.log"]),
    ("mysql", &["var/log/mysql/error.log"]),
    ("postgres", &["var/log/postgresql/*.log"]),
    ("exim", &["var/log/exim4/mainlog"]),
    ("proftpd", &["var/log/proftpd/proftpd.log"]),
];

/// Where a journal is.
const JOURNALS: [&str; 2] = ["var/log/journal", "run/log/journal"];

/// Facilities of the journal that carry logins (RFC 5424: auth, authpriv).
const LOGIN_FACILITIES: [u8; 2] = [4, 10];
/// How many facilities there are.
const FACILITIES: u8 = 24;

/// The usual logs below `root`.
pub fn usual(root: &Path, start: Start) -> Vec<Acquired> {
    let first =
        |paths: &[&'static str]| paths.iter().copied().find(|path| root.join(path).is_file());
    let (logins, system) = (first(&LOGINS), first(&SYSTEM));
    let mut files: Vec<&str> = logins.into_iter().chain(system).collect();
    if system.is_none() {
        files.extend(PARTS.iter().filter(|path| root.join(path).is_file()));
    }
    if root.join(MAIL).is_file() {
        files.push(MAIL);
    }
    let mut all = Vec::new();
    all.extend(followed(root, "syslog", &files, start));
    for (kind, patterns) in PROGRAMS {
        let there =
            |pattern: &&&str| Path::new(pattern).parent().is_some_and(|p| root.join(p).is_dir());
        let patterns: Vec<&str> = patterns.iter().filter(there).copied().collect();
        all.extend(followed(root, kind, &patterns, start));
    }
    let is_journal = |path: &&&str| root.join(path).is_dir();
    if JOURNALS.iter().find(is_journal).is_some() {
        all.extend(journal(logins.is_some(), system.is_some(), start));
    }
    all
}

fn followed(root: &Path, kind: &str, patterns: &[&str], start: Start) -> Option<Acquired> {
    if patterns.is_empty() {
        return None;
    }
    let absolute = |pattern: &&str| root.join(pattern).display().to_string();
    let start = match start {
        Start::Beginning => FileStart::Beginning,
        Start::End => FileStart::End,
    };
    let patterns = patterns.iter().map(absolute).collect();
    let connector = Connector::File(Files { patterns, start, ..Files::default() });
    Some(acquired(format!("file:{kind}"), kind, connector))
}

/// The journal, for what files do not carry.
fn journal(logins: bool, system: bool, start: Start) -> Option<Acquired> {
    let only = |wanted: fn(u8) -> bool| -> Vec<String> {
        let wanted = (0..FACILITIES).filter(|facility| wanted(*facility));
        wanted.map(|facility| format!("SYSLOG_FACILITY={facility}")).collect()
    };
    let filter = match (logins, system) {
        (true, true) => return None,
        (false, false) => Vec::new(),
        (false, true) => only(|facility| LOGIN_FACILITIES.contains(&facility)),
        (true, false) => only(|facility| !LOGIN_FACILITIES.contains(&facility)),
    };
    let from_beginning = start == Start::Beginning;
    let config = Journal { filter, from_beginning, ..Journal::default() };
    Some(acquired("journalctl".to_owned(), "syslog", Connector::Journalctl(config)))
}

fn acquired(name: String, kind: &str, connector: Connector) -> Acquired {
    let labels: BTreeMap<Arc<str>, Arc<str>> = [("type".into(), kind.into())].into();
    let (clock, zone) = (Clock::Event, zone::local());
    let (transform, hold, rate) = (None, None, None);
    Acquired { name, labels, clock, zone, transform, hold, rate, connector }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn check(files: &[&str], expected: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match file.ends_with('/') {
                true => fs::create_dir_all(path).unwrap(),
                false => fs::write(path, "").unwrap(),
            }
        }
        let shown = |source: &Acquired| match &source.connector {
            Connector::File(config) => {
                let patterns = config.patterns.iter().map(|pattern| {
                    pattern.strip_prefix(root.path().to_str().unwrap()).unwrap().to_owned()
                });
                format!("{} {}", source.name, patterns.collect::<Vec<_>>().join(" "))
            }
            Connector::Journalctl(config) => {
                format!("{} {}", source.name, config.filter.len())
            }
            other => panic!("{other:?}"),
        };
        let found: Vec<_> = usual(root.path(), Start::End).iter().map(shown).collect();
        assert_eq!(found, expected, "{files:?}");
    }

    #[test]
    fn files_are_read_once_each() {
        let debian = ["var/log/auth.log", "var/log/syslog", "var/log/kern.log", "var/log/mail.log"];
        check(&debian, &["file:syslog /var/log/auth.log /var/log/syslog"]);
        let red_hat = ["var/log/secure", "var/log/messages", "var/log/maillog"];
        check(&red_hat, &["file:syslog /var/log/secure /var/log/messages /var/log/maillog"]);
        check(&["var/log/kern.log"], &["file:syslog /var/log/kern.log"]);
        check(&[], &[]);
    }

    #[test]
    fn programs_are_read_where_they_are() {
        check(&["var/log/nginx/"], &["file:nginx /var/log/nginx/*.log"]);
        check(&["var/log/httpd/x"], &["file:apache2 /var/log/httpd/*_log"]);
    }

    #[test]
    fn the_journal_is_read_for_what_no_file_carries() {
        check(&["run/log/journal/"], &["journalctl 0"]);
        let (logins, system) = ("var/log/auth.log", "var/log/syslog");
        check(
            &["var/log/journal/", logins, system],
            &["file:syslog /var/log/auth.log /var/log/syslog"],
        );
        check(&["var/log/journal/", system], &["file:syslog /var/log/syslog", "journalctl 2"]);
        check(&["var/log/journal/", logins], &["file:syslog /var/log/auth.log", "journalctl 22"]);
    }
}
