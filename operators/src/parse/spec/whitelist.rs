//! The `whitelist` of a node as written.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::yaml::{Fields, Located, Reading};

/// What a node lets go.
#[derive(Clone, Debug, Default)]
pub struct WhitelistSpec {
    /// Why, for the event and for people.
    pub reason: String,
    /// Single addresses. An IPv4 address in IPv6 form is another address.
    pub ips: Vec<Located<IpAddr>>,
    /// Networks; host bits may be set.
    pub cidrs: Vec<Located<IpNet>>,
    /// Expressions that let go when true.
    pub expressions: Vec<Located<String>>,
}

impl WhitelistSpec {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.ips.is_empty() && self.cidrs.is_empty() && self.expressions.is_empty()
    }
}

const KEYS: [&str; 4] = ["reason", "ip", "cidr", "expression"];

pub(super) fn read(node: &Fields<'_>, reading: &mut Reading<'_>) -> WhitelistSpec {
    let mut spec = WhitelistSpec::default();
    let Some(value) = node.node("whitelist") else { return spec };
    let Some(fields) = Fields::open(value, "whitelist", &KEYS, reading) else { return spec };
    spec.reason = fields.text("reason", reading).unwrap_or_default().value;
    for text in fields.texts("ip", reading) {
        match text.value.parse() {
            Ok(ip) => spec.ips.push(Located::new(ip, text.at)),
            Err(_) => {
                let message = format!("not an IP address: {:?}", text.value);
                reading.refuse_with(text.at, message, "networks go under `cidr`");
            }
        }
    }
    for text in fields.texts("cidr", reading) {
        match text.value.parse() {
            Ok(net) => spec.cidrs.push(Located::new(net, text.at)),
            Err(_) => {
                let message = format!("not a network: {:?}", text.value);
                reading.refuse_with(
                    text.at,
                    message,
                    "write 192.0.2.0/24; addresses go under `ip`",
                );
            }
        }
    }
    spec.expressions = fields.texts("expression", reading);
    spec.expressions.retain(|expression| !expression.value.is_empty());
    spec
}
