//! Which decisions a request wants (crowdsec pkg/database/decisionfilter.go, decisions.go).

use serde::{Deserialize, Serialize};

use super::net::Net;
use super::query::{Query, parse_bool, parse_int};
use crate::error::ApiError;
use crate::record::normal_scope;

/// Filters of `GET /v1/decisions` and of the stream; all of them must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Each list must have the scope.
    pub scopes: Vec<Vec<String>>,
    /// The exact value.
    pub value: Option<String>,
    /// The exact type.
    pub kind: Option<String>,
    /// One of these origins.
    pub origins: Option<Vec<String>>,
    /// The scenario contains one of these, in any case. Lower case.
    pub containing: Option<Vec<String>>,
    /// The scenario contains none of these, in any case. Lower case.
    pub not_containing: Option<Vec<String>>,
    /// An address or network.
    pub net: Option<Net>,
    /// Whether decisions around `net` are meant, rather than those within it.
    pub around: bool,
    /// Whether simulated decisions count too.
    pub simulated: bool,
    /// At most so many; negative for all.
    pub limit: Option<i64>,
    /// Without the first so many.
    pub offset: i64,
    /// With numbers above this one alone.
    pub id_above: Option<u64>,
}

impl DecisionFilter {
    /// Parameters that say which decisions are wanted; paging is not among them.
    pub const NAMES: &[&str] = &[
        "scopes",
        "scope",
        "value",
        "type",
        "origins",
        "scenarios_containing",
        "scenarios_not_containing",
        "ip",
        "range",
        "contains",
    ];

    /// Reads the filters of a live query. Unknown parameters are ignored, as by CrowdSec.
    ///
    /// # Errors
    /// A value cannot be read: 500 with CrowdSec's words.
    pub fn read(query: &Query) -> Result<Self, ApiError> {
        let mut filter = Self { around: true, ..Self::default() };
        // Absent or `false`: none; anything else: both kinds.
        filter.simulated = query.first("simulated").is_some_and(|text| text != "false");
        filter.take_all(query, |_| true)?;
        Ok(filter)
    }

    /// Reads the filters of a stream: `ip,range` where no `scopes` are given; no paging, and
    /// simulated decisions never. CrowdSec pages by `limit` and `id_gt` itself: what a client
    /// says there is not read.
    ///
    /// # Errors
    /// As [`DecisionFilter::read`].
    pub fn read_stream(query: &Query) -> Result<Self, ApiError> {
        let mut filter = Self { around: true, ..Self::default() };
        filter.take_all(query, |name| !matches!(name, "limit" | "id_gt"))?;
        if query.first("scopes").is_none() {
            filter.scopes.push(vec!["Ip".to_owned(), "Range".to_owned()]);
        }
        Ok(Self { offset: 0, ..filter })
    }

    fn take_all(&mut self, query: &Query, counts: fn(&str) -> bool) -> Result<(), ApiError> {
        let mut parameters = query.each().into_iter().filter(|(name, _)| counts(name));
        parameters.try_for_each(|(name, text)| self.take(name, text))
    }

    fn take(&mut self, name: &str, text: &str) -> Result<(), ApiError> {
        let list = || text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let lower = || text.split(',').map(str::to_lowercase).collect::<Vec<_>>();
        match name {
            "contains" => self.around = contains(text)?,
            "scope" | "scopes" => {
                let scopes = text.split(',').map(|scope| normal_scope(scope).to_owned());
                self.scopes.push(scopes.collect());
            }
            "value" => self.value = Some(text.to_owned()),
            "type" => self.kind = Some(text.to_owned()),
            "origins" => self.origins = Some(list()),
            "scenarios_containing" => self.containing = Some(lower()),
            "scenarios_not_containing" => self.not_containing = Some(lower()),
            "ip" | "range" => self.net = Some(net(text)?),
            "limit" => self.limit = Some(number(name, text)?),
            "offset" => self.offset = number(name, text)?,
            "id_gt" => self.id_above = Some(u64::try_from(number(name, text)?).unwrap_or(0)),
            _ => {}
        }
        Ok(())
    }

    /// Whether a scope is wanted.
    pub fn takes_scope(&self, scope: &str) -> bool {
        self.scopes.iter().all(|scopes| scopes.iter().any(|one| one == scope))
    }

    /// Whether an origin is wanted.
    pub fn takes_origin(&self, origin: &str) -> bool {
        self.origins.as_ref().is_none_or(|origins| origins.iter().any(|one| one == origin))
    }

    /// Whether a type is wanted.
    pub fn takes_kind(&self, kind: &str) -> bool {
        self.kind.as_ref().is_none_or(|one| one == kind)
    }

    /// Whether a scenario is wanted.
    pub fn takes_scenario(&self, scenario: &str) -> bool {
        if self.containing.is_none() && self.not_containing.is_none() {
            return true;
        }
        let scenario = scenario.to_lowercase();
        let has = |words: &Vec<String>| words.iter().any(|word| scenario.contains(word.as_str()));
        self.containing.as_ref().is_none_or(has) && !self.not_containing.as_ref().is_some_and(has)
    }

    /// Whether the network of a decision is wanted.
    pub fn takes_net(&self, net: Option<Net>) -> bool {
        let Some(asked) = self.net else { return true };
        net.is_some_and(|net| if self.around { net.contains(asked) } else { asked.contains(net) })
    }
}

/// Filters of `DELETE /v1/decisions`: which decisions end now. All of them must hold; none of them
/// means every decision, as `cscli decisions delete --all` wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The exact scope.
    pub scope: Option<String>,
    /// The exact value.
    pub value: Option<String>,
    /// The exact type.
    pub kind: Option<String>,
    /// The exact origin.
    pub origin: Option<String>,
    /// The exact scenario.
    pub scenario: Option<String>,
    /// One of these names; empty for any.
    pub uuids: Vec<String>,
    /// An address or network, as written.
    pub net: Option<String>,
    /// Whether decisions around `net` are meant, rather than those within it.
    pub around: bool,
}

impl Ending {
    /// Reads the filters. A parameter that is not known or cannot be read is refused: it must never
    /// end everything.
    ///
    /// # Errors
    /// A parameter is unknown or its value cannot be read: 500 with CrowdSec's words. A parameter
    /// cannot be read at all: 400.
    pub fn read(query: &Query) -> Result<Self, ApiError> {
        let mut ending = Self { around: true, ..Self::default() };
        for (name, text) in query.whole()?.each() {
            let given = Some(text.to_owned());
            match name {
                "contains" => ending.around = contains(text)?,
                "scopes" => ending.scope = given,
                "value" => ending.value = given,
                "type" => ending.kind = given,
                "origin" => ending.origin = given,
                "scenario" => ending.scenario = given,
                "uuid" => ending.uuids = query.all("uuid").map(str::to_owned).collect(),
                "ip" | "range" => {
                    net(text)?;
                    ending.net = given;
                }
                _ => {
                    let text = format!("'{name}' doesn't exist: invalid filter");
                    return Err(ApiError::internal(text));
                }
            }
        }
        query.check_contains()?;
        Ok(ending)
    }

    /// The same as a query of active decisions, simulated ones too; names are not part of it.
    pub fn as_filter(&self) -> DecisionFilter {
        // What it leaves out, [`Ending::takes`] asks.
        DecisionFilter {
            scopes: self.scope.iter().map(|scope| vec![scope.clone()]).collect(),
            value: self.value.clone(),
            kind: self.kind.clone(),
            origins: self.origin.clone().map(|origin| vec![origin]),
            net: self.net.as_deref().and_then(|text| Net::parse(text).ok()),
            around: self.around,
            simulated: true,
            ..DecisionFilter::default()
        }
    }
}

impl Ending {
    /// Whether a decision that passes [`Ending::as_filter`] is meant.
    pub fn takes(&self, uuid: &[u8], scenario: &str) -> bool {
        let named = self.uuids.is_empty() || self.uuids.iter().any(|one| one.as_bytes() == uuid);
        named && self.scenario.as_deref().is_none_or(|wanted| wanted == scenario)
    }
}

fn contains(text: &str) -> Result<bool, ApiError> {
    parse_bool(text).ok_or_else(|| {
        let shown = operators::quote::quoted(text, false);
        let parsing = format!("strconv.ParseBool: parsing {shown}: invalid syntax");
        ApiError::internal(format!("invalid contains value: {parsing}: invalid filter"))
    })
}

fn number(name: &str, text: &str) -> Result<i64, ApiError> {
    parse_int(text).map_err(|error| {
        ApiError::internal(format!("invalid {name} value: {error}: invalid filter"))
    })
}

fn net(text: &str) -> Result<Net, ApiError> {
    Net::parse(text).map_err(|error| {
        let text =
            format!("unable to convert '{text}' to int: {error}: invalid ip address / range");
        ApiError::internal(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
    fn message(error: ApiError) -> String {
        error.message().to_owned()
    }

    #[test]
    fn filters_are_read_as_by_crowdsec() {
        let query = "scope=IP,user&scopes=as&origins=cscli,CAPI&ip=::ffff:1.2.3.4&contains=0&x=1";
        let filter = DecisionFilter::read(&Query::parse(query)).unwrap();
        assert_eq!(
            filter.scopes,
            [vec!["Ip".to_owned(), "user".to_owned()], vec!["AS".to_owned()]]
        );
        assert!(!filter.takes_scope("Ip"));
        assert!(filter.takes_origin("CAPI") && !filter.takes_origin("capi"));
        assert!(!filter.around);
        assert_eq!(filter.net.unwrap().to_string(), "1.2.3.4");
        let stream = DecisionFilter::read_stream(&Query::parse("limit=5&simulated=true")).unwrap();
        assert!(stream.takes_scope("Range") && !stream.takes_scope("Country"));
        assert_eq!((stream.limit, stream.simulated), (None, false));
        let stream = |text| DecisionFilter::read_stream(&Query::parse(text));
        assert_eq!(stream("limit=x&id_gt=y").unwrap(), stream("").unwrap());
        assert!(stream("offset=x").is_err());
    }

    #[test]
    fn scenarios_are_compared_in_any_case() {
        let query = "scenarios_containing=SSH,http&scenarios_not_containing=slow";
        let filter = DecisionFilter::read(&Query::parse(query)).unwrap();
        assert!(filter.takes_scenario("crowdsecurity/Ssh-bf"));
        assert!(!filter.takes_scenario("crowdsecurity/ssh-slow-bf"));
        assert!(!filter.takes_scenario("crowdsecurity/ftp"));
    }

    #[test]
    fn what_cannot_be_read_is_told_in_the_recorded_words() {
        let wrong = |text: &str| message(DecisionFilter::read(&Query::parse(text)).unwrap_err());
        assert_eq!(
            wrong("ip=zz"),
            "unable to convert 'zz' to int: invalid ip address 'zz': invalid ip address / range"
        );
        assert!(wrong("limit=x").starts_with("invalid limit value: strconv.Atoi"));
        assert!(wrong("contains=maybe").starts_with("invalid contains value: strconv.ParseBool"));
    }

    #[test]
    fn an_unknown_filter_never_ends_everything() {
        let read = |text: &str| Ending::read(&Query::parse(text)).map_err(message);
        assert_eq!(read("foo=1"), Err("'foo' doesn't exist: invalid filter".into()));
        let told = read("contains=x").unwrap_err();
        assert!(told.starts_with("invalid contains value: strconv.ParseBool"), "{told}");
        assert_eq!(read("scope=Ip&value=x"), Err("'scope' doesn't exist: invalid filter".into()));
        for text in [
            "ip=1.2.3.4;",
            "range=0.0.0.0/0;drop",
            "ip=1.2.3.4%zz",
            "%zz=1",
            "&&",
            "contains=false",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&format!("{}&ip=1.2.3.4", "uuid=a&".repeat(200))).is_err());
        assert_eq!(read("uuid=a&uuid=b").unwrap().uuids, ["a", "b"]);
        assert_eq!(read("").unwrap(), Ending { around: true, ..Ending::default() });
    }
}
