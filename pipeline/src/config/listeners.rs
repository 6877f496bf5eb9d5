//! Who listens where: two that take the same address cannot both start.

use std::net::{IpAddr, SocketAddr};

use operators::yaml::{Position, Reading, RuleError};

use super::values::Values;

/// An address that is listened on.
#[derive(Debug)]
pub(super) struct Listener {
    /// What people call it.
    name: String,
    address: String,
    is_udp: bool,
    /// An error at its place, without a text; `None` where nobody wrote the address.
    place: Option<RuleError>,
}

impl Listener {
    /// That of the key `listen` in a section of the configuration.
    pub(super) fn of_section(root: &Values, name: &str, reading: &Reading<'_>) -> Option<Self> {
        let section = root.section(name)?;
        let entry = section.entry("listen")?;
        Some(Self {
            name: format!("`{name}.listen`"),
            address: section.text("listen")?.to_owned(),
            is_udp: false,
            place: (!entry.is_default).then(|| place(entry.at, reading)),
        })
    }

    /// That of a source, if it listens.
    pub(super) fn of_source(module: &str, values: &Values, reading: &Reading<'_>) -> Option<Self> {
        let host = values.text("listen_addr")?;
        let address = match module {
            "http" | "loki" => host.to_owned(),
            "k8s-audit" | "syslog" => {
                let port = values.count("listen_port")?;
                let host = match host.contains(':') {
                    true => format!("[{host}]"),
                    false => host.to_owned(),
                };
                format!("{host}:{port}")
            }
            _ => return None,
        };
        let stream = matches!(values.text("protocol"), Some("tcp" | "relp"));
        // The port may be written alone.
        let written = ["listen_addr", "listen_port"]
            .into_iter()
            .find(|key| values.entry(key).is_some_and(|entry| !entry.is_default));
        let at = written.map_or(values.at, |key| values.place(key));
        Some(Self {
            name: values
                .text("name")
                .map_or(format!("{module} source"), |name| format!("{module} source {name}")),
            address,
            is_udp: module == "syslog" && !stream,
            place: Some(place(at, reading)),
        })
    }

    fn clashes_with(&self, other: &Self) -> bool {
        self.is_udp == other.is_udp && overlap(&self.address, &other.address)
    }

    /// Where it is written, for people.
    fn shown(&self) -> String {
        match &self.place {
            Some(RuleError { file, line, column, .. }) => {
                format!("{} ({file}:{line}:{column})", self.name)
            }
            None => format!("{} (by default)", self.name),
        }
    }
}

fn place(at: Position, reading: &Reading<'_>) -> RuleError {
    reading.source.error(at, "")
}

/// What is wrong with listeners together, each with the first one whose address it takes.
pub(super) fn clashes(listeners: &[Listener]) -> Vec<RuleError> {
    let mut errors = Vec::new();
    for (number, later) in listeners.iter().enumerate() {
        let mut before = listeners.iter().take(number);
        let Some(first) = before.find(|first| first.clashes_with(later)) else { continue };
        let (told, other) = if later.place.is_some() { (later, first) } else { (first, later) };
        let Some(error) = told.place.clone() else { continue };
        let message = format!("{} and {} listen on the same address", told.name, other.shown());
        let error = RuleError { message, ..error };
        errors.push(error.with_help("give one of them another port"));
    }
    errors
}

/// Whether two addresses cannot be listened on at once. An address that stands for all of a host's
/// takes each of them, of IPv6 those of IPv4, too.
fn overlap(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (parsed(one), parsed(other)) else { return one == other };
    if one.port() != other.port() || one.port() == 0 {
        return false;
    }
    let takes = |one: IpAddr, other: IpAddr| {
        one == other || one.is_unspecified() && (one.is_ipv6() || other.is_ipv4())
    };
    takes(one.ip(), other.ip()) || takes(other.ip(), one.ip())
}

/// An address; other names than that of this host are resolved when they are listened on.
fn parsed(address: &str) -> Option<SocketAddr> {
    let address = match address.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => address.to_owned(),
    };
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_stand_for_all_take_each() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("0.0.0.0:80", "192.0.2.1:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::]:80", "192.0.2.1:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("[::1]:80", "[::1]:80", true),
            ("localhost:80", "127.0.0.1:80", true),
            ("name:80", "name:80", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
