//! What a blocklist is to hold and how it is written, as the query of a request says it; what that does
//! not say, the key of the firewall may.

use super::Format;
use super::capacity::Widths;
use crate::error::ApiError;
use crate::filter::{DecisionFilter, Query};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// How it is written.
    pub format: Format,
    /// Which decisions count.
    pub filter: DecisionFilter,
    /// What the device holds; `None` for everything.
    pub most: Option<usize>,
    /// To which networks addresses may be widened then.
    pub widths: Widths,
    /// Whether addresses of IPv4 and of IPv6 are wanted.
    pub families: (bool, bool),
}

impl Wanted {
    /// Reads a query.
    ///
    /// # Errors
    /// A value cannot be read.
    pub fn read(query: &Query) -> Result<Self, ApiError> {
        let name = query.first("format").unwrap_or("plain");
        let format = Format::named(name).ok_or_else(|| {
            let known: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
            ApiError::bad(format!("format {name:?} is unknown: one of {}", known.join(", ")))
        })?;
        let widths = query.first("prefix").map_or(Some(Widths::default()), Widths::parse);
        let widths =
            widths.ok_or_else(|| ApiError::bad("prefix: write prefix=24 or prefix=24,64"))?;
        let mut filter = DecisionFilter::read(query).map_err(ApiError::into_bad)?;
        let most = filter.limit.take().map(usize::try_from).transpose();
        let most = most.map_err(|_| ApiError::bad("limit: write how many the device holds"))?;
        filter.kind.get_or_insert_with(|| "ban".to_owned());
        filter.simulated = false;
        let wants = |name| query.first(name) != Some("false");
        let families = match (wants("ipv4"), wants("ipv6")) {
            // One file is for one of iptables-restore and ip6tables-restore, which refuse the other's.
            (true, true) if format == Format::Iptables => (true, false),
            both => both,
        };
        Ok(Self { format, filter, most, widths, families })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_iptables_is_of_one_family() {
        let families = |text: &str| Wanted::read(&Query::parse(text)).unwrap().families;
        assert_eq!(families("format=iptables"), (true, false));
        assert_eq!(families("format=iptables&ipv4=false"), (false, true));
        assert_eq!(families("format=nginx"), (true, true));
    }
}
