//! What a command is about: an address, a range, a value, a scenario; the same flags everywhere.

use anyhow::bail;
use api::filter::Net;
use api::record::normal_scope;
use clap::Args;
use operators::time::GoDuration;
use operators::time::duration::DurationError;

use super::client::Query;

/// What a command is about. All of it must hold.
#[derive(Debug, Default, Args)]
pub struct Target {
    /// This address
    #[arg(short, long, value_name = "IP")]
    pub ip: Option<String>,
    /// This range
    #[arg(short, long, value_name = "RANGE")]
    pub range: Option<String>,
    /// This value (an address, a user name)
    #[arg(short, long)]
    pub value: Option<String>,
    /// This scenario (crowdsecurity/ssh-bf)
    #[arg(short, long)]
    pub scenario: Option<String>,
    /// This scope (ip, range, session)
    #[arg(long)]
    pub scope: Option<String>,
    /// This origin (crowdsec, cscli, cscli-import, lists, CAPI)
    #[arg(long)]
    pub origin: Option<String>,
    /// What lies within the range, rather than around it
    #[arg(long)]
    pub contained: bool,
}

impl Target {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        let Self { ip, range, value, scenario, scope, origin, contained: _ } = self;
        [ip, range, value, scenario, scope, origin].iter().all(|flag| flag.is_none())
    }

    /// As parameters; `scope` is what the route calls the scope.
    ///
    /// # Errors
    /// An address or a range is none.
    pub fn query(&self, scope: &'static str) -> anyhow::Result<Query> {
        if let Some(ip) =
            self.ip.as_deref().filter(|ip| ip.contains('/') || Net::parse(ip).is_err())
        {
            bail!("{ip} is not a valid ip");
        }
        if let Some(range) = self.range.as_deref().filter(|range| Net::parse(range).is_err()) {
            bail!("{range} is not a valid range");
        }
        let mut query = Query::new();
        let mut add = |name, value: &Option<String>| {
            if let Some(value) = value {
                query.push((name, value.clone()));
            }
        };
        add("ip", &self.ip);
        add("range", &self.range);
        add("value", &self.value);
        add("scenario", &self.scenario);
        add("origin", &self.origin);
        add(scope, &self.scope.as_deref().map(|scope| normal_scope(scope).to_owned()));
        if self.contained {
            query.push(("contains", "false".to_owned()));
        }
        Ok(query)
    }
}

/// When.
#[derive(Debug, Default, Args)]
pub struct Period {
    /// Not older than (4h, 30d)
    #[arg(long, value_name = "AGE", value_parser = age)]
    since: Option<String>,
    /// Not newer than (4h, 30d)
    #[arg(long, value_name = "AGE", value_parser = age)]
    until: Option<String>,
}

impl Period {
    /// Adds the parameters.
    pub fn add_to(&self, query: &mut Query) {
        for (name, age) in [("since", &self.since), ("until", &self.until)] {
            query.extend(age.clone().map(|age| (name, age)));
        }
    }
}

/// Alerts that are looked for, to list them or their decisions.
#[derive(Debug, Args)]
pub struct Search {
    /// Those of community and other lists too
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    period: Period,
    /// Show which machine found them
    #[arg(short, long)]
    pub machine: bool,
}

impl Search {
    /// As parameters: with a decision of this type, at most so many.
    ///
    /// # Errors
    /// An address or a range is none.
    pub fn query(&self, decision: Option<String>, limit: u64) -> anyhow::Result<Query> {
        let mut query = self.target.query("scope")?;
        self.period.add_to(&mut query);
        query.extend(decision.map(|kind| ("decision_type", kind)));
        query.push(("include_capi", self.all.to_string()));
        query.push(("limit", if self.all { 0 } else { limit }.to_string()));
        Ok(query)
    }
}

/// A duration as written, with days.
///
/// # Errors
/// It is none, or not above 0.
pub fn age(text: &str) -> Result<String, String> {
    nanos(text).map(|_| text.to_owned())
}

/// A duration with days. Unit: nanoseconds.
///
/// # Errors
/// It is none, or not above 0.
pub fn nanos(text: &str) -> Result<i64, String> {
    match GoDuration::parse_with_days(text) {
        Ok(GoDuration(nanos)) if nanos > 0 => Ok(nanos),
        Ok(_) => Err("it must be above 0".to_owned()),
        Err(error @ DurationError::TooLong { .. }) => Err(error.to_string()),
        Err(_) => Err("not a duration: write 30m, 4h or 2d12h".to_owned()),
    }
}
