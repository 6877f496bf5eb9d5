//! What a blocklist is to hold and how it is written: as the query of a request says it, within what the
//! key of the firewall was given. A request may narrow that, never widen it.

use super::Format;
use super::capacity::Widths;
use crate::error::ApiError;
use crate::filter::query::parse_bool;
use crate::filter::{DecisionFilter, Query};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// How it is written.
    pub format: Format,
    /// Which decisions count: all of them must want it.
    pub filters: [DecisionFilter; 2],
    /// What the device holds; `None` for everything.
    pub most: Option<usize>,
    /// To which networks addresses may be widened then.
    pub widths: Widths,
    /// Whether addresses of IPv4 and of IPv6 are wanted.
    pub families: (bool, bool),
}

/// What one query says.
struct Said {
    format: Option<Format>,
    filter: DecisionFilter,
    most: Option<usize>,
    widths: Option<Widths>,
    families: (bool, bool),
}

impl Wanted {
    /// Reads the query of a request, and the one that bounds it.
    ///
    /// # Errors
    /// A parameter is unknown, or its value cannot be read.
    pub fn read(request: &Query, bound: &Query) -> Result<Self, ApiError> {
        let (mut request, bound) = (Said::read(request)?, Said::read(bound)?);
        if bound.filter.kind.is_none() {
            request.filter.kind.get_or_insert_with(|| "ban".to_owned());
        }
        let format = request.format.or(bound.format).unwrap_or(Format::Plain);
        let widths = match (request.widths, bound.widths) {
            (Some(one), Some(other)) => one.narrower(other),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let (v4, v6) = (request.families, bound.families);
        let families = match (v4.0 && v6.0, v4.1 && v6.1) {
            // One file is for one of iptables-restore and ip6tables-restore, which refuse the other's.
            (true, true) if format == Format::Iptables => (true, false),
            both => both,
        };
        Ok(Self {
            format,
            most: request.most.into_iter().chain(bound.most).min(),
            filters: [request.filter, bound.filter],
            widths,
            families,
        })
    }
}

impl Said {
    fn read(query: &Query) -> Result<Self, ApiError> {
        const OWN: &[&str] = &["format", "limit", "prefix", "ipv4", "ipv6"];
        query.whole()?.only(&[DecisionFilter::NAMES, OWN])?;
        let format = query.first("format").map(|name| {
            Format::named(name).ok_or_else(|| {
                let known: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
                ApiError::bad(format!("format {name:?} is unknown: one of {}", known.join(", ")))
            })
        });
        let widths = query.first("prefix").map(|text| {
            Widths::parse(text)
                .ok_or_else(|| ApiError::bad("prefix: write prefix=24 or prefix=24,64"))
        });
        let mut filter = DecisionFilter::read(query).map_err(ApiError::into_bad)?;
        let most = filter.limit.take().map(usize::try_from).transpose();
        let most = most.map_err(|_| ApiError::bad("limit: write how many the device holds"))?;
        filter.simulated = false;
        let wants = |name: &str| {
            let read = parse_bool(query.first(name).unwrap_or("true"));
            read.ok_or_else(|| ApiError::bad(format!("{name}: write {name}=false or {name}=true")))
        };
        Ok(Self {
            format: format.transpose()?,
            filter,
            most,
            widths: widths.transpose()?,
            families: (wants("ipv4")?, wants("ipv6")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(request: &str, bound: &str) -> Wanted {
        Wanted::read(&Query::parse(request), &Query::parse(bound)).unwrap()
    }

    #[test]
    fn a_file_of_iptables_is_of_one_family() {
        let families = |text: &str| within(text, "").families;
        assert_eq!(families("format=iptables"), (true, false));
        assert_eq!(families("format=iptables&ipv4=false"), (false, true));
        assert_eq!(within("format=iptables", "ipv4=false").families, (false, true));
        assert_eq!(families("format=nginx"), (true, true));
    }

    #[test]
    fn a_request_narrows_and_never_widens() {
        let bound = "format=nginx&limit=5&prefix=20&ipv6=false&origins=cscli&type=captcha";
        let wide = "format=json&limit=500&prefix=8,16&ipv6=true&origins=cscli,CAPI&type=ban";
        let got = within(wide, bound);
        assert_eq!((got.format, got.most, got.families), (Format::Json, Some(5), (true, false)));
        assert_eq!(got.widths, Widths { v4: 20, v6: 128 });
        let [request, own] = &got.filters;
        assert!(request.takes_origin("CAPI") && !own.takes_origin("CAPI"));
        assert!(!own.takes_kind("ban"));
        let got = within("limit=3&ipv4=false&prefix=24", bound);
        assert_eq!((got.most, got.families), (Some(3), (false, false)));
        assert_eq!(got.widths, Widths { v4: 24, v6: 128 });
        assert_eq!(got.filters[0].kind, None);
        assert_eq!(within("", "").filters[0].kind.as_deref(), Some("ban"));
    }
}
