//! Filters of clients: any combination of what CrowdSec knows, as a query and as what it means, written
//! once more.

use proptest::prelude::*;

use crate::{KINDS, Known, ORIGINS, VALUES};

const SCOPES: [&str; 4] = ["Ip", "Range", "user", "Country"];
/// Networks of the values, and those that are asked for: whether IPv6, first and last address.
const NETS: [(&str, bool, u128, u128); 6] = [
    ("192.0.2.1", false, 0xc000_0201, 0xc000_0201),
    ("2001:db8::1", true, 0x2001_0db8 << 96 | 1, 0x2001_0db8 << 96 | 1),
    ("192.0.2.0/24", false, 0xc000_0200, 0xc000_02ff),
    ("2001:db8::/32", true, 0x2001_0db8 << 96, (0x2001_0db9 << 96) - 1),
    ("0.0.0.0/0", false, 0, 0xffff_ffff),
    ("2001:db8::/64", true, 0x2001_0db8 << 96, (0x2001_0db8 << 96) + (1 << 64) - 1),
];

/// What a client asks for; `None` and empty lists for anything.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) scopes: Option<Vec<usize>>,
    pub(crate) value: Option<usize>,
    pub(crate) kind: Option<usize>,
    pub(crate) origins: Vec<usize>,
    /// An address or network, and whether decisions around it are meant.
    pub(crate) net: Option<(usize, bool)>,
    /// Whether the scenario must, or must not, have `ssh` in it.
    pub(crate) ssh: Option<bool>,
    /// Whether of each key the longest alone is told.
    pub(crate) reduced: bool,
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let some = |count: usize| prop::sample::subsequence((0..count).collect::<Vec<_>>(), 0..=2);
    let scopes = prop::option::of(prop::sample::subsequence(vec![0, 1, 2, 3], 1..=4));
    let net = prop::option::weighted(0.3, (0..NETS.len(), any::<bool>()));
    let (value, kind) =
        (prop::option::weighted(0.1, 0..VALUES.len()), prop::option::weighted(0.3, 0..2_usize));
    let ssh = prop::option::weighted(0.3, any::<bool>());
    (scopes, value, kind, some(3), net, ssh, prop::bool::weighted(0.8)).prop_map(
        |(scopes, value, kind, origins, net, ssh, reduced)| Filter {
            scopes,
            value,
            kind,
            origins,
            net,
            ssh,
            reduced,
        },
    )
}

impl Filter {
    /// As the query of a URL.
    pub(crate) fn text(&self) -> String {
        let mut pairs = Vec::new();
        let list = |names: &[usize], all: &[&str]| {
            names.iter().map(|name| all[*name]).collect::<Vec<_>>().join(",")
        };
        if let Some(scopes) = &self.scopes {
            pairs.push(format!("scopes={}", list(scopes, &SCOPES)));
        }
        if let Some(value) = self.value {
            pairs.push(format!("value={}", VALUES[value].1.replace('"', "%22")));
        }
        if let Some(kind) = self.kind {
            pairs.push(format!("type={}", KINDS[kind]));
        }
        if !self.origins.is_empty() {
            pairs.push(format!("origins={}", list(&self.origins, &ORIGINS)));
        }
        if let Some((net, around)) = self.net {
            let name = if NETS[net].0.contains('/') { "range" } else { "ip" };
            pairs.push(format!("{name}={}&contains={around}", NETS[net].0));
        }
        if let Some(ssh) = self.ssh {
            pairs.push(format!("scenarios_{}containing=ssh", if ssh { "" } else { "not_" }));
        }
        pairs.join("&")
    }

    /// Whether it wants a decision; the stream means addresses and ranges where no scope is named.
    pub(crate) fn wants(&self, known: &Known, stream: bool) -> bool {
        let (scope, value) = VALUES[known.value];
        let scoped = match &self.scopes {
            Some(scopes) => scopes.iter().any(|one| SCOPES[*one] == scope),
            None => !stream || scope == "Ip" || scope == "Range",
        };
        let netted = self.net.is_none_or(|(asked, around)| {
            let (_, v6, first, last) = NETS[asked];
            NETS.iter().any(|(text, of_v6, from, to)| {
                let within = if around {
                    *from <= first && last <= *to
                } else {
                    first <= *from && *to <= last
                };
                *text == value && *of_v6 == v6 && within
            })
        });
        scoped
            && netted
            && self.value.is_none_or(|one| one == known.value)
            && self.kind.is_none_or(|kind| kind == known.kind)
            && (self.origins.is_empty() || self.origins.contains(&known.origin))
            && self.ssh.is_none_or(|ssh| ssh == known.ssh)
    }
}
