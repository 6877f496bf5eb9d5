//! Enrichers: what `method:` of a static may name. A text goes in, fields of `evt.Enriched` come
//! out. Sources: crowdsec `pkg/parser/enrich*.go`.

pub mod date;
pub mod dns;
pub mod geoip;
pub mod places;
pub mod unmarshal;

use std::sync::Arc;

use crate::event::Event;
use crate::json::JsonError;
use crate::lookup::Lookups;
use crate::schema::Space;
use crate::text::Text;

pub use date::Dates;
pub use places::Places;

/// One of the enrichers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Country and place of an address.
    GeoIpCity,
    /// Autonomous system of an address.
    GeoIpAsn,
    /// Network of an address in the AS database.
    IpToRange,
    /// Name of an address.
    ReverseDns,
    /// The date of the line.
    ParseDate,
    /// The line as a JSON document.
    UnmarshalJson,
}

/// All enrichers under the names that rules use.
pub const METHODS: [(&str, Method); 6] = [
    ("GeoIpASN", Method::GeoIpAsn),
    ("GeoIpCity", Method::GeoIpCity),
    ("IpToRange", Method::IpToRange),
    ("ParseDate", Method::ParseDate),
    ("UnmarshalJSON", Method::UnmarshalJson),
    ("reverse_dns", Method::ReverseDns),
];

/// Names of `evt.Enriched` that enrichers write, for the schema.
pub const FIELDS: [&str; 10] = [
    "ASNNumber",
    "ASNOrg",
    "ASNumber",
    "IsInEU",
    "IsoCode",
    "Latitude",
    "Longitude",
    "MarshaledTime",
    "SourceRange",
    "reverse_dns",
];

impl Method {
    /// The enricher of a name.
    pub fn named(name: &str) -> Option<Self> {
        METHODS.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// Name in rules.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }

    /// Whether an empty value is passed on: only a date has an answer for it.
    pub fn takes_empty(self) -> bool {
        self == Self::ParseDate
    }

    /// Enriches `event` from `value`. What is not known writes nothing.
    ///
    /// # Errors
    /// The line is no JSON object; the event goes on.
    pub fn run(
        self,
        value: &str,
        event: &mut Event,
        lookups: &dyn Lookups,
        (dates, places): (&mut Dates, &mut Places),
    ) -> Result<(), EnrichError> {
        match self {
            Self::GeoIpCity | Self::GeoIpAsn | Self::IpToRange => {
                places.write(self, value, event, lookups);
            }
            Self::ReverseDns => write_all(event, dns::reverse(value, lookups)),
            Self::ParseDate => {
                let read = {
                    let format = event.text(&event.str_time_format);
                    dates.parse((value, format), lookups.now(), event.line.zone)
                };
                if !read.fallback {
                    event.time = Some(read.stamp);
                }
                let stamp = read.marshaled_stamp();
                let text: Arc<str> = read.marshaled.into();
                if let Some(stamp) = stamp {
                    event.know_date(Arc::clone(&text), stamp);
                }
                event.set_named(Space::Enriched, "MarshaledTime", Text::Shared(text));
            }
            Self::UnmarshalJson => unmarshal::line(event)?,
        }
        Ok(())
    }
}

fn write_all(event: &mut Event, fields: impl IntoIterator<Item = (&'static str, String)>) {
    for (name, text) in fields {
        event.set_named(Space::Enriched, name, Text::from(text));
    }
}

/// Why an enricher failed. It is logged; the event goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrichError {
    /// The line is not JSON.
    #[error("could not parse JSON")]
    Json(#[from] JsonError),
    /// The line is JSON, but not an object.
    #[error("the JSON document is not an object")]
    NotAnObject,
}
