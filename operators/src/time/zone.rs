//! Time zones by name, after the IANA database that is built into the program: the host's own is
//! never read, so that a rule means the same everywhere.

use std::num::NonZeroU16;
use std::sync::{LazyLock, OnceLock};

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::moment::ZoneName;

/// A time zone whose clocks may be changed, such as `Europe/Paris`. UTC is none of them: it is
/// [`super::Stamp::utc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone(NonZeroU16);

/// What the clocks of a zone show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Seconds east of UTC.
    pub offset: i32,
    /// Name of the zone then, such as `CEST`, or `+03` where it has none.
    pub name: ZoneName,
    /// Whether it is summer time.
    pub summer: bool,
}

struct Known {
    name: String,
    rules: OnceLock<TimeZone>,
}

/// By name; rules are read when they are first asked for.
static ZONES: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let database = TimeZoneDatabase::bundled();
    let names = database.available().map(|name| name.as_str().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.into_iter().map(|name| Known { name, rules: OnceLock::new() }).collect()
});

impl Zone {
    /// The zone of this name, as the database writes it.
    pub fn named(name: &str) -> Option<Self> {
        let index = ZONES.binary_search_by(|known| known.name.as_str().cmp(name)).ok()?;
        NonZeroU16::new(u16::try_from(index + 1).ok()?).map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.known().map_or("", |known| &known.name)
    }

    /// What its clocks show `seconds` after the Unix epoch.
    pub fn at(self, seconds: i64) -> Shift {
        let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let instant = Timestamp::from_second(seconds.clamp(first, last)).unwrap_or_default();
        let rules = self.known().map(|known| {
            let read = || TimeZoneDatabase::bundled().get(&known.name).unwrap_or(TimeZone::UTC);
            known.rules.get_or_init(read)
        });
        let shift = rules.map(|rules| rules.to_offset_info(instant));
        Shift {
            offset: shift.as_ref().map_or(0, |shift| shift.offset().seconds()),
            name: shift.as_ref().map_or_else(ZoneName::default, |shift| {
                ZoneName::new(shift.abbreviation().as_bytes())
            }),
            summer: shift.is_some_and(|shift| shift.dst().is_dst()),
        }
    }

    /// The offset when its clocks show `seconds`, as Go's `time.Date` chooses it where they show
    /// that twice or never.
    pub fn offset_of_local(self, seconds: i64) -> i32 {
        let guess = self.at(seconds).offset;
        self.at(seconds.saturating_sub(i64::from(guess))).offset
    }

    /// The offset of the name, at this time if that is its name then, else at another time of the
    /// same year (Go's `Location.lookupName`, which looks at all years).
    pub fn offset_of_name(self, name: &str, seconds: i64) -> Option<i32> {
        const QUARTER: i64 = 91 * 24 * 3600;
        let then = [0, -QUARTER, QUARTER, 2 * QUARTER].map(|by| self.at(seconds + by));
        then.iter().find(|shift| shift.name.as_str() == name).map(|shift| shift.offset)
    }

    fn known(self) -> Option<&'static Known> {
        ZONES.get(usize::from(self.0.get()) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_change_twice_a_year() {
        let paris = Zone::named("Europe/Paris").unwrap();
        assert_eq!(paris.name(), "Europe/Paris");
        let shown = |seconds| {
            let Shift { offset, name, summer } = paris.at(seconds);
            (offset, name.as_str().to_owned(), summer)
        };
        // 2026-03-29T00:59:59Z and a second later.
        assert_eq!(shown(1_774_745_999), (3_600, "CET".to_owned(), false));
        assert_eq!(shown(1_774_746_000), (7_200, "CEST".to_owned(), true));
        // Far beyond any table the rule goes on.
        assert_eq!(shown(7_258_118_400 + 180 * 86_400).0, 7_200);
        assert_eq!(paris.offset_of_name("CET", 1_774_746_000), Some(3_600));
        assert_eq!(paris.offset_of_name("EST", 1_774_746_000), None);
    }

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!(Zone::named("europe/paris"), None);
        assert_eq!(Zone::named("Nowhere/Land"), None);
        assert_eq!(Zone::named("../etc/passwd"), None);
        assert!(
            ["America/New_York", "Asia/Kolkata", "US/Pacific", "Etc/GMT+5"]
                .iter()
                .all(|name| Zone::named(name).is_some())
        );
    }

    #[test]
    fn what_cannot_be_counted_is_clamped() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        assert_eq!(zone.at(i64::MAX).offset, 9 * 3_600);
        assert_eq!(zone.offset_of_local(i64::MIN + 10), zone.at(i64::MIN).offset);
    }
}
