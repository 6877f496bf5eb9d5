//! Rows of `bots` data files: who a request claims to be from, and how that is proven.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use regex::Regex;
use serde::Deserialize;

use super::datafile;
use super::recorded::Recorded;

/// Names of an address that are confirmed at most.
const MAX_NAMES: usize = 3;

/// A row as written: a JSON object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    name: String,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    ips: Vec<IpAddr>,
    #[serde(default)]
    ranges: Vec<String>,
    #[serde(default)]
    rdns: Vec<String>,
}

/// A bot that is known.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) name: String,
    user_agent: Option<Regex>,
    paths: Vec<Regex>,
    ips: Vec<IpAddr>,
    ranges: Vec<IpNet>,
    rdns: Vec<Regex>,
}

/// A request to be judged.
#[derive(Debug)]
pub(super) struct Request<'a> {
    ip: Option<IpAddr>,
    user_agent: &'a str,
    path: &'a str,
}

impl<'a> Request<'a> {
    /// `ip` may carry a port.
    pub(super) fn new(ip: &str, user_agent: &'a str, path: &'a str) -> Self {
        let with_port = || ip.parse::<SocketAddr>().ok().map(|address| address.ip());
        let ip = ip.parse::<IpAddr>().ok().or_else(with_port).map(|ip| ip.to_canonical());
        Self { ip, user_agent, path }
    }
}

impl Bot {
    /// A row of a file.
    ///
    /// # Errors
    /// A text for people: what is wrong with the row.
    pub(super) fn new(line: &str) -> Result<Self, String> {
        let spec: Spec = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if spec.ips.is_empty() && spec.ranges.is_empty() && spec.rdns.is_empty() {
            return Err("one of `ips`, `ranges` and `rdns` is needed".into());
        }
        let compile = |text: &String| datafile::compile(&format!("(?i){text}"));
        let compile_all = |texts: &[String]| texts.iter().map(compile).collect::<Result<_, _>>();
        let agent = Some(&spec.user_agent).filter(|agent| !agent.is_empty());
        let range = |text: &String| text.parse::<IpNet>().map_err(|e| format!("{text:?}: {e}"));
        Ok(Self {
            user_agent: agent.map(compile).transpose()?,
            paths: compile_all(&spec.paths)?,
            rdns: compile_all(&spec.rdns)?,
            name: spec.name,
            ips: spec.ips,
            ranges: spec.ranges.iter().map(range).collect::<Result<_, _>>()?,
        })
    }

    /// Whether the request shows the marks of this bot and its address proves it.
    pub(super) fn is_from(&self, request: &Request<'_>, recorded: &Recorded) -> bool {
        let Some(ip) = request.ip else { return false };
        self.user_agent.as_ref().is_none_or(|agent| agent.is_match(request.user_agent))
            && (self.paths.is_empty() || self.paths.iter().any(|path| path.is_match(request.path)))
            && (self.ips.contains(&ip)
                || self.ranges.iter().any(|range| range.contains(&ip))
                || self.is_confirmed(ip, recorded))
    }

    /// Whether a name of the address is the bot's and leads back to the address.
    fn is_confirmed(&self, ip: IpAddr, recorded: &Recorded) -> bool {
        recorded.names(ip).iter().take(MAX_NAMES).any(|name| {
            let name = name.trim_end_matches('.');
            self.rdns.iter().any(|rdns| rdns.is_match(name))
                && recorded.addresses(name).iter().any(|back| back.parse() == Ok(ip))
        })
    }
}
