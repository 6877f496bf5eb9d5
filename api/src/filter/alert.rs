//! Which alerts a request wants (crowdsec pkg/database/alertfilter.go).

use operators::time::GoDuration;
use serde::{Deserialize, Serialize};

use super::net::Net;
use super::query::{Query, parse_bool, parse_int};
use crate::error::ApiError;

/// So many alerts are given where no `limit` is.
pub const DEFAULT_LIMIT: usize = 100;

/// What an alert must be; all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFilter {
    /// Scope of the source.
    pub scope: Option<String>,
    /// Value of the source.
    pub value: Option<String>,
    /// Scenario of the alert or of one of its decisions.
    pub scenario: Option<String>,
    /// An address or network, as written, that its decisions are compared with.
    pub net: Option<String>,
    /// Whether decisions around `net` are meant, rather than those within it.
    pub around: bool,
    /// Not started before this. Unit: nanoseconds since the Unix epoch.
    pub started_from: Option<i64>,
    /// Not started after this.
    pub started_to: Option<i64>,
    /// Not kept after this.
    pub created_to: Option<i64>,
    /// One of its decisions has this type.
    pub decision_type: Option<String>,
    /// One of its decisions has this origin.
    pub origin: Option<String>,
    /// Whether alerts of community and other lists are left out.
    pub without_lists: bool,
    /// Whether one of its decisions must be active (`true`), or it must have none (`false`).
    pub active: Option<bool>,
    /// Whether simulated alerts are left out.
    pub without_simulated: bool,
    /// Kind of the alert.
    pub kind: Option<String>,
}

/// How matching alerts are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many; `None` for all.
    pub limit: Option<usize>,
    /// The oldest first.
    pub ascending: bool,
    /// Whether their decisions are wanted too.
    pub decisions: bool,
}

impl AlertFilter {
    /// Reads the filters. Unit of `now`: nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// A parameter is unknown, or its value cannot be read: 500 with CrowdSec's words.
    pub fn read(query: &Query, now: i64) -> Result<Self, ApiError> {
        let mut filter = Self { around: true, ..Self::default() };
        filter.without_simulated = query.first("simulated") == Some("false");
        let with_origin = query.first("origin").is_some();
        for (name, text) in query.each() {
            let given = Some(text.to_owned());
            match name {
                "contains" => filter.around = contains(text)?,
                "scope" => filter.scope = Some(scope(text).to_owned()),
                "value" => filter.value = given,
                "scenario" => filter.scenario = given,
                "ip" | "range" => {
                    Net::parse(text).map_err(|error| ApiError::internal(error.to_string()))?;
                    filter.net = given;
                }
                "since" => filter.started_from = Some(ago(text, now)?),
                "until" => filter.started_to = Some(ago(text, now)?),
                "created_before" => filter.created_to = Some(ago(text, now)?),
                "decision_type" => filter.decision_type = given,
                "origin" => filter.origin = given,
                // Who asks for an origin means lists too.
                "include_capi" => filter.without_lists = text == "false" && !with_origin,
                "has_active_decision" => filter.active = Some(active(text)?),
                "kind" => filter.kind = given,
                "limit" | "sort" | "simulated" | "with_decisions" => {}
                _ => {
                    let text = format!("filter parameter '{name}' is unknown (={text})");
                    return Err(ApiError::internal(format!("{text}: invalid filter")));
                }
            }
        }
        Ok(filter)
    }

    /// Reads the filters of a deletion.
    ///
    /// # Errors
    /// As [`AlertFilter::read`]; or it says less than who wrote it meant: CrowdSec would delete more.
    pub fn read_deletion(query: &Query, now: i64) -> Result<Self, ApiError> {
        query.whole()?;
        for (name, text) in query.each() {
            // cscli says `limit=0` with every deletion.
            let listing = matches!(name, "limit" | "sort" | "with_decisions");
            if listing && (name, text) != ("limit", "0") {
                let text = format!("{name} is for lists: nothing is deleted");
                return Err(ApiError::bad(text));
            }
        }
        let filter = Self::read(query, now)?;
        query.check_contains()?;
        let all = Self { around: filter.around, ..Self::default() };
        let said = query.each().into_keys().find(|name| *name != "limit");
        match said.filter(|_| filter == all) {
            None => Ok(filter),
            Some(name) => {
                let text = format!("{name} so leaves nothing out: all alerts would be deleted");
                Err(ApiError::bad(format!("{text}; to mean that, give no parameter")))
            }
        }
    }
}

impl Page {
    /// Reads how many are wanted, and in which order.
    ///
    /// # Errors
    /// `limit` is no number, or below 0: 500 with CrowdSec's words. (CrowdSec has none for the
    /// latter: it answers 500 without a body.)
    pub fn read(query: &Query) -> Result<Self, ApiError> {
        let limit = match query.first("limit") {
            None => Some(DEFAULT_LIMIT),
            Some(text) => {
                let wrong = || {
                    let all: Vec<&str> = query.all("limit").collect();
                    let text = format!("bad limit in parameters: [{}]", all.join(" "));
                    ApiError::internal(format!("{text}: unable to query"))
                };
                let limit = parse_int(text).ok().and_then(|limit| usize::try_from(limit).ok());
                Some(limit.ok_or_else(wrong)?).filter(|limit| *limit > 0)
            }
        };
        let ascending = query.first("sort") == Some("ASC");
        let decisions = query.first("with_decisions") != Some("false");
        Ok(Self { limit, ascending, decisions })
    }
}

/// Only these two are normalised here, other than in decisions.
fn scope(text: &str) -> &str {
    if text.eq_ignore_ascii_case("ip") {
        "Ip"
    } else if text.eq_ignore_ascii_case("range") {
        "Range"
    } else {
        text
    }
}

fn contains(text: &str) -> Result<bool, ApiError> {
    parse_bool(text).ok_or_else(|| {
        let parsing = parsing_bool(text);
        ApiError::internal(format!("invalid contains value: {parsing}: invalid filter"))
    })
}

fn active(text: &str) -> Result<bool, ApiError> {
    parse_bool(text).ok_or_else(|| {
        let parsing = parsing_bool(text);
        ApiError::internal(format!("'{text}' is not a boolean: {parsing}: unable to parse type"))
    })
}

fn parsing_bool(text: &str) -> String {
    let shown = operators::quote::quoted(text, false);
    format!("strconv.ParseBool: parsing {shown}: invalid syntax")
}

fn ago(text: &str, now: i64) -> Result<i64, ApiError> {
    match GoDuration::parse_with_days(text) {
        Ok(GoDuration(ns)) => Ok(now.saturating_sub(ns)),
        Err(error) => Err(ApiError::internal(format!("while parsing duration: {}", error.of_go()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AlertFilter, String> {
        AlertFilter::read(&Query::parse(text), 10_000_000_000_000)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_origin_brings_lists_back() {
        assert!(read("include_capi=false").unwrap().without_lists);
        assert!(!read("include_capi=false&origin=CAPI").unwrap().without_lists);
    }

    #[test]
    fn times_count_back_from_now() {
        let filter = read("since=1h0m0s&until=1s&created_before=0").unwrap();
        assert_eq!(filter.started_from, Some(6_400_000_000_000));
        assert_eq!(filter.started_to, Some(9_999_000_000_000));
        assert_eq!(filter.created_to, Some(10_000_000_000_000));
    }

    #[test]
    fn a_deletion_never_goes_further_than_it_says() {
        let read = |text: &str| AlertFilter::read_deletion(&Query::parse(text), 0);
        for text in [
            "&",
            "contains=false",
            "limit=1",
            "contains=true&limit=0",
            "a;b",
            "foo=1",
            "sort=ASC",
            "sort=ASC&value=192.0.2.1",
            "with_decisions=false",
            "simulated=true",
            "include_capi=true",
            "include_capi=true&limit=0&simulated=1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in [
            "",
            "limit=0",
            "contains=false&range=192.0.2.0/24",
            "include_capi=true&value=192.0.2.1",
            "simulated=false",
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_in_the_recorded_words() {
        assert_eq!(
            read("foo=1"),
            Err("filter parameter 'foo' is unknown (=1): invalid filter".into())
        );
        assert_eq!(
            read("since=xyz"),
            Err("while parsing duration: time: invalid duration \"xyz\"".into())
        );
        let page = |text: &str| Page::read(&Query::parse(text));
        for odd in ["x", "-1", "1.5", "", "99999999999999999999"] {
            let told = format!("bad limit in parameters: [{odd}]: unable to query");
            assert_eq!(page(&format!("limit={odd}")).unwrap_err().message(), told);
        }
        assert_eq!(
            page("limit=0&sort=ASC").unwrap(),
            Page { limit: None, ascending: true, decisions: true }
        );
        assert_eq!(page("").unwrap().limit, Some(DEFAULT_LIMIT));
    }
}
