//! Parameters of queries, as `filter` reads them: a test holds their names against it.

use utoipa::IntoParams;

/// Which decisions are wanted: all of it must hold.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DecisionParameters {
    /// Scopes, separated by commas.
    pub scopes: Option<String>,
    /// The same: both must hold where both are given.
    pub scope: Option<String>,
    /// The exact value.
    pub value: Option<String>,
    /// The exact type: `ban`, `captcha`, or another one.
    #[param(rename = "type")]
    pub kind: Option<String>,
    /// Origins, separated by commas.
    pub origins: Option<String>,
    /// Parts of names of scenarios, separated by commas: one must be in it.
    pub scenarios_containing: Option<String>,
    /// Parts of names of scenarios, separated by commas: none may be in it.
    pub scenarios_not_containing: Option<String>,
    /// An address.
    pub ip: Option<String>,
    /// A network.
    pub range: Option<String>,
    /// Whether decisions around `ip` or `range` are meant (the default), rather than those within.
    pub contains: Option<bool>,
}

/// How many decisions are wanted.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DecisionPage {
    /// Whether simulated decisions are wanted too.
    pub simulated: Option<bool>,
    /// At most so many.
    pub limit: Option<i32>,
    /// Without the first so many.
    pub offset: Option<i32>,
    /// With numbers above this one.
    pub id_gt: Option<i32>,
}

/// From where on a stream is wanted.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamParameters {
    /// Whether all that is active is wanted, rather than what changed.
    pub startup: Option<bool>,
    /// `false` for every decision, not only the longest of each scope, value and type.
    pub dedup: Option<bool>,
    /// Where the last answer ended, as it said; empty to begin. Without it the server remembers.
    pub cursor: Option<String>,
    /// How long to wait for something new, at most a minute: a duration of Go.
    #[param(pattern = "^[0-9]{1,4}(ms|s)$", example = "30s")]
    pub wait: Option<String>,
}

/// From where on events are wanted.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventParameters {
    /// Whether all that is active comes first.
    pub startup: Option<bool>,
    /// `false` for every decision, not only the longest of each scope, value and type.
    pub dedup: Option<bool>,
    /// The id of the last event; the header `Last-Event-ID` says the same.
    pub cursor: Option<String>,
}

/// What a firewall holds.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BlocklistParameters {
    /// How it is written: `plain`, `nginx`, `haproxy`, `iptables`, `mikrotik`, `paloalto`, `json`.
    #[param(pattern = "^(plain|nginx|haproxy|iptables|mikrotik|paloalto|json)$")]
    pub format: Option<String>,
    /// How many entries the device holds; less where its key says so.
    pub limit: Option<i32>,
    /// Networks so wide may stand for what is in them, where there are too many.
    #[param(
        pattern = "^([1-9]|[12][0-9]|3[0-2])(,([1-9][0-9]?|1[01][0-9]|12[0-8]))?$",
        example = "24,64"
    )]
    pub prefix: Option<String>,
    /// `false` to leave out IPv4.
    pub ipv4: Option<bool>,
    /// `false` to leave out IPv6.
    pub ipv6: Option<bool>,
}

/// Which decisions end: all of it must hold; without any, all decisions end. Others are refused.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EndingParameters {
    /// The exact scope.
    pub scopes: Option<String>,
    /// The exact value.
    pub value: Option<String>,
    /// The exact type.
    #[param(rename = "type")]
    pub kind: Option<String>,
    /// The exact origin.
    pub origin: Option<String>,
    /// The exact scenario.
    pub scenario: Option<String>,
    /// Its name in every store; may be repeated.
    pub uuid: Option<Vec<String>>,
    /// An address.
    pub ip: Option<String>,
    /// A network.
    pub range: Option<String>,
    /// Whether decisions around `ip` or `range` are meant (the default), rather than those within.
    pub contains: Option<bool>,
}

/// Which alerts are meant: all of it must hold. Others are refused.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertParameters {
    /// The scope of the source.
    pub scope: Option<String>,
    /// The value of the source.
    pub value: Option<String>,
    /// The scenario of the alert, or of one of its decisions.
    pub scenario: Option<String>,
    /// An address that its decisions are compared with.
    pub ip: Option<String>,
    /// A network that its decisions are compared with.
    pub range: Option<String>,
    /// Whether decisions around `ip` or `range` are meant (the default), rather than those within.
    pub contains: Option<bool>,
    /// Not older than this: a duration of Go, with days.
    #[param(pattern = "^[0-9]{1,4}[smhd]$", example = "24h")]
    pub since: Option<String>,
    /// Not younger than this.
    #[param(pattern = "^[0-9]{1,4}[smhd]$", example = "1h")]
    pub until: Option<String>,
    /// Kept longer ago than this.
    #[param(pattern = "^[0-9]{1,4}[smhd]$", example = "7d")]
    pub created_before: Option<String>,
    /// One of its decisions has this type.
    pub decision_type: Option<String>,
    /// One of its decisions has this origin.
    pub origin: Option<String>,
    /// `false` to leave out those of community and other lists.
    pub include_capi: Option<bool>,
    /// Whether one of its decisions must be active, or it must have none.
    pub has_active_decision: Option<bool>,
    /// `false` to leave out simulated ones.
    pub simulated: Option<bool>,
    /// Who made it.
    pub kind: Option<String>,
}

/// How alerts are listed.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertPage {
    /// At most so many, by default 100; 0 for all.
    #[param(minimum = 0)]
    pub limit: Option<i32>,
    /// `ASC` for the oldest first, `DESC` for the youngest.
    #[param(pattern = "^(ASC|DESC)$")]
    pub sort: Option<String>,
    /// `false` to leave out their decisions.
    pub with_decisions: Option<bool>,
}

/// What of an allowlist is wanted.
#[derive(Clone, Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AllowlistParameters {
    /// Whether what is on it is wanted too.
    pub with_content: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocklist::Wanted;
    use crate::filter::alert::Page;
    use crate::filter::{AlertFilter, DecisionFilter, Ending, Query};

    /// Each parameter with a value that is not its default.
    fn queries<T: IntoParams>() -> Vec<String> {
        let value = |name: &str| match name {
            "ip" => "192.0.2.1",
            "range" => "192.0.2.0/24",
            "contains" | "has_active_decision" | "include_capi" | "with_decisions" => "false",
            "since" | "until" | "created_before" => "2h",
            "limit" | "offset" | "id_gt" => "7",
            "sort" => "ASC",
            "format" => "nginx",
            "prefix" => "24",
            "ipv4" | "ipv6" => "false",
            "simulated" => "true",
            _ => "x",
        };
        let all = T::into_params(|| None);
        assert!(!all.is_empty());
        all.iter().map(|one| format!("{}={}", one.name, value(&one.name))).collect()
    }

    #[test]
    fn every_parameter_of_decisions_changes_what_is_wanted() {
        let none = DecisionFilter::read(&Query::default()).unwrap();
        for query in queries::<DecisionParameters>().iter().chain(&queries::<DecisionPage>()) {
            assert_ne!(DecisionFilter::read(&Query::parse(query)).unwrap(), none, "{query}");
        }
    }

    #[test]
    fn every_parameter_of_blocklists_changes_what_is_wanted() {
        let read = |text: &str| Wanted::read(&Query::parse(text), &Query::parse("")).unwrap();
        for query in queries::<DecisionParameters>().iter().chain(&queries::<BlocklistParameters>())
        {
            assert_ne!(read(query), read(""), "{query}");
        }
        let names = DecisionParameters::into_params(|| None).into_iter().map(|one| one.name);
        assert_eq!(names.collect::<Vec<_>>(), DecisionFilter::NAMES);
    }

    #[test]
    fn every_parameter_of_endings_changes_what_is_meant() {
        let read = |text: &str| Ending::read(&Query::parse(text)).unwrap();
        for query in queries::<EndingParameters>() {
            // It says how a range is meant, and alone nothing.
            let range = if query.starts_with("contains") { "range=192.0.2.0/24" } else { "" };
            assert_ne!(read(&format!("{range}&{query}")), read(range), "{query}");
        }
    }

    #[test]
    fn every_parameter_of_alerts_is_known() {
        let read = |text: &str| {
            let query = Query::parse(text);
            (AlertFilter::read(&query, 1).unwrap(), Page::read(&query).unwrap())
        };
        for query in queries::<AlertParameters>().iter().chain(&queries::<AlertPage>()) {
            let query = query.replace("simulated=true", "simulated=false");
            assert_ne!(read(&query), read(""), "{query}");
        }
    }
}
