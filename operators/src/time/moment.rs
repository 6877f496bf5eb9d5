//! An instant as a layout reads or writes it: any year, and the zone as it was written.

use super::civil::Civil;
use super::layout::rfc3339;
use super::{EventTime, Stamp, Zone};

/// Seconds from the Unix epoch to Go's zero time, 0001-01-01 00:00:00 UTC.
pub const GO_ZERO: i64 = -62_135_596_800;

/// The abbreviation of a zone, such as `CET`. Longer ones than 8 bytes are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneName {
    length: u8,
    bytes: [u8; 8],
}

impl ZoneName {
    /// The abbreviation of these bytes.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 8];
        let mut length = 0;
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
            length += 1;
        }
        Self { length, bytes }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or("")
    }
}

/// An instant with its zone, over all years that a layout can write. Stamps are narrower: they end
/// in 2262.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// Nanoseconds within that second, below 10⁹.
    pub nanos: u32,
    /// Seconds east of UTC.
    pub offset: i32,
    /// Whether the zone is UTC.
    pub utc: bool,
    /// Name of a zone that is not UTC, where it was written with one.
    pub name: ZoneName,
    /// The zone, where its clocks may be changed.
    pub zone: Option<Zone>,
}

impl Moment {
    /// An instant in UTC.
    pub fn utc(seconds: i64, nanos: u32) -> Self {
        Self { seconds, nanos, offset: 0, utc: true, name: ZoneName::default(), zone: None }
    }

    /// An instant as clocks of the zone show it.
    pub fn in_zone(seconds: i64, nanos: u32, zone: Zone) -> Self {
        let shift = zone.at(seconds);
        let (offset, name) = (shift.offset, shift.name);
        Self { seconds, nanos, offset, utc: false, name, zone: Some(zone) }
    }

    /// Date and time of day in its zone.
    #[inline]
    pub fn civil(&self) -> Civil {
        Civil::from_seconds(self.seconds.saturating_add(i64::from(self.offset)))
    }

    /// Whether it is Go's zero time, which ParseDate takes for a failure.
    pub fn is_go_zero(&self) -> bool {
        self.seconds == GO_ZERO && self.nanos == 0
    }

    /// The same time of day `years` later, as `Time.AddDate`: 29 February becomes 1 March where
    /// there is none.
    #[must_use]
    pub fn add_years(self, years: i64) -> Self {
        let mut civil = self.civil();
        civil.year += years;
        Self { seconds: civil.seconds() - i64::from(self.offset), ..self }
    }

    /// The stamp of this instant. Years before 1678 and after 2261 become the first and the last
    /// instant that a stamp can hold; the name of a zone is lost.
    pub fn stamp(&self) -> Stamp {
        let whole = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
        let at = i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX });
        Stamp { at: EventTime(at), offset: self.offset, utc: self.utc, zone: self.zone }
    }

    /// Text of RFC 3339 to the second (`Time.Format(time.RFC3339)`), whatever the year.
    pub fn rfc3339(&self) -> String {
        let mut text = String::with_capacity(25);
        rfc3339::write(&mut text, self, false);
        text
    }

    /// Text of RFC 3339 with as many digits of the second as it takes (`Time.MarshalText`); `None`
    /// where year or zone do not fit RFC 3339.
    pub fn marshal(&self) -> Option<String> {
        let hours = self.offset.unsigned_abs() / 3_600;
        if !(0..=9_999).contains(&self.civil().year) || hours >= 24 {
            return None;
        }
        let mut text = String::with_capacity(35);
        rfc3339::write(&mut text, self, true);
        Some(text)
    }
}

impl From<Stamp> for Moment {
    fn from(stamp: Stamp) -> Self {
        if let Some(zone) = stamp.zone {
            return Self::in_zone(stamp.unix(), stamp.nanosecond(), zone);
        }
        Self {
            seconds: stamp.unix(),
            nanos: stamp.nanosecond(),
            offset: stamp.offset,
            utc: stamp.utc,
            name: ZoneName::default(),
            zone: None,
        }
    }
}
