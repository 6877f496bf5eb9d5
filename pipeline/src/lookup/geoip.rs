//! The GeoLite2 databases of the data directory. Each is opened on its own: the engine drops the
//! AS database when the city database is missing.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};
use operators::lookup::{Asn, City};
use operators::yaml::RuleError;

/// The databases that are there.
#[derive(Default)]
pub(super) struct Databases {
    city: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases")
            .field("city", &self.city.is_some())
            .field("asn", &self.asn.is_some())
            .finish()
    }
}

impl Databases {
    /// Opens what is there; the second part says what is there and cannot be used.
    pub(super) fn open(directory: &Path) -> (Self, Vec<RuleError>) {
        let mut warnings = Vec::new();
        let mut open = |name: &str| {
            let path = directory.join(name);
            if !path.exists() {
                return None;
            }
            match Reader::open_readfile(&path) {
                Ok(reader) => Some(reader),
                Err(error) => {
                    let shown = path.display().to_string();
                    let message = format!("this database is unusable: {error}");
                    warnings.push(RuleError::of_file(&shown, message));
                    None
                }
            }
        };
        let databases = Self { city: open("GeoLite2-City.mmdb"), asn: open("GeoLite2-ASN.mmdb") };
        (databases, warnings)
    }

    pub(super) fn city(&self, ip: IpAddr) -> Option<City> {
        let found = self.city.as_ref()?.lookup(ip.to_canonical()).ok()?;
        let record: geoip2::City<'_> = found.decode().ok()?.unwrap_or_default();
        let represented = &record.represented_country;
        let countries = [
            (record.country.iso_code, record.country.is_in_european_union),
            (record.registered_country.iso_code, record.registered_country.is_in_european_union),
            (represented.iso_code, represented.is_in_european_union),
        ];
        let first = countries.iter().find(|(code, _)| code.is_some_and(|code| !code.is_empty()));
        let (iso_code, in_eu) = first.copied().unwrap_or_default();
        Some(City {
            iso_code: iso_code.unwrap_or_default().to_owned(),
            country: record.country.iso_code.unwrap_or_default().to_owned(),
            in_eu: in_eu.unwrap_or_default(),
            latitude: record.location.latitude.unwrap_or_default(),
            longitude: record.location.longitude.unwrap_or_default(),
        })
    }

    pub(super) fn asn(&self, ip: IpAddr) -> Option<Asn> {
        let found = self.asn.as_ref()?.lookup(ip.to_canonical()).ok()?;
        let Some(record) = found.decode::<geoip2::Asn<'_>>().ok()? else {
            return Some(Asn::default());
        };
        Some(Asn {
            number: record.autonomous_system_number.unwrap_or_default(),
            organization: record.autonomous_system_organization.unwrap_or_default().to_owned(),
            range: found.network().map(|network| network.to_string()).unwrap_or_default(),
        })
    }
}
