//! How firewalls read lists of networks.

use super::Blocked;
use crate::wire::text::{duration, seconds_left};

/// A format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One network per line.
    #[default]
    Plain,
    /// `deny` lines for nginx.
    Nginx,
    /// A map file for HAProxy.
    Haproxy,
    /// Input of `iptables-restore` or `ip6tables-restore`, one chain.
    Iptables,
    /// A `RouterOS` script.
    Mikrotik,
    /// An external dynamic list for PAN-OS.
    Paloalto,
    /// A JSON list.
    Json,
}

impl Format {
    /// The formats with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("plain", Self::Plain),
        ("nginx", Self::Nginx),
        ("haproxy", Self::Haproxy),
        ("iptables", Self::Iptables),
        ("mikrotik", Self::Mikrotik),
        ("paloalto", Self::Paloalto),
        ("json", Self::Json),
    ];

    /// The format of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// A list as text.
    pub fn write(self, blocked: &[Blocked], now: i64) -> Vec<u8> {
        let mut out = Vec::with_capacity(blocked.len() * 24 + 128);
        match self {
            Self::Json => out.extend_from_slice(b"["),
            Self::Mikrotik => out.extend_from_slice(
                b"/ip firewall address-list remove [find list=spillway]\n\
                  /ipv6 firewall address-list remove [find list=spillway]\n",
            ),
            Self::Iptables => out.extend_from_slice(b"*filter\n:SPILLWAY - [0:0]\n-F SPILLWAY\n"),
            _ => {}
        }
        for (place, one) in blocked.iter().enumerate() {
            self.write_one(&mut out, one, place, now);
        }
        match self {
            Self::Json => out.extend_from_slice(b"]\n"),
            Self::Iptables => out.extend_from_slice(b"COMMIT\n"),
            _ => {}
        }
        out
    }

    fn write_one(self, out: &mut Vec<u8>, one: &Blocked, place: usize, now: i64) {
        let net = one.net;
        let line = match self {
            Self::Plain | Self::Paloalto => format!("{net}\n"),
            Self::Nginx => format!("deny {net};\n"),
            Self::Haproxy => format!("{net} ban\n"),
            Self::Iptables => format!("-A SPILLWAY -s {net} -j DROP\n"),
            Self::Json => format!("{}\"{net}\"", if place == 0 { "" } else { "," }),
            Self::Mikrotik => {
                let family = if net.v6 { "/ipv6" } else { "/ip" };
                let mut left = Vec::new();
                duration(&mut left, seconds_left(one.until, now).max(1));
                let left = String::from_utf8_lossy(&left).into_owned();
                format!(
                    "{family} firewall address-list add list=spillway address={net} timeout={left}\n"
                )
            }
        };
        out.extend_from_slice(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::blocked;
    use super::*;

    #[test]
    fn each_firewall_reads_its_own() {
        let list = [blocked("192.0.2.7", 90_000_000_000), blocked("2001:db8::/32", 1)];
        let shown = |format: Format| String::from_utf8(format.write(&list, 0)).unwrap();
        assert_eq!(shown(Format::Plain), "192.0.2.7\n2001:db8::/32\n");
        assert_eq!(shown(Format::Nginx), "deny 192.0.2.7;\ndeny 2001:db8::/32;\n");
        assert_eq!(shown(Format::Json), "[\"192.0.2.7\",\"2001:db8::/32\"]\n");
        assert!(shown(Format::Mikrotik).contains(
            "/ip firewall address-list add list=spillway address=192.0.2.7 timeout=1m30s\n"
        ));
        assert!(
            shown(Format::Iptables).ends_with("-A SPILLWAY -s 2001:db8::/32 -j DROP\nCOMMIT\n")
        );
        assert_eq!(Format::named("haproxy"), Some(Format::Haproxy));
        assert_eq!(Format::named("x"), None);
    }
}
