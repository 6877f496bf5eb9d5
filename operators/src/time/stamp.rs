//! An instant with the offset that it was written with, as Go's `time.Time`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::civil::Civil;
use super::layout::{Layout, rfc3339};
use super::{EventTime, GoDuration, Moment, Zone};

const SECOND: i64 = 1_000_000_000;

/// Nanoseconds from Go's zero time to the Unix epoch: `Truncate` and `Round` count from there.
const ZERO_TO_EPOCH: i128 = 62_135_596_800 * 1_000_000_000;

/// An instant and its zone. Two stamps are equal when their instants are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// The instant.
    pub at: EventTime,
    /// Seconds east of UTC.
    pub offset: i32,
    /// Whether it was written (or made) as UTC: printed as `Z`, named `UTC`.
    pub utc: bool,
    /// The zone, where its clocks may be changed: only expressions make such a stamp.
    #[serde(skip)]
    pub zone: Option<Zone>,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Stamp {}

static STRING: LazyLock<Layout> =
    LazyLock::new(|| Layout::compile("2006-01-02 15:04:05.999999999 -0700 MST"));

/// `Time.String()`.
impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::with_capacity(40);
        STRING.format(&mut text, &Moment::from(*self));
        f.write_str(&text)
    }
}

impl Stamp {
    /// An instant in UTC.
    pub const fn utc_at(at: EventTime) -> Self {
        Self { at, offset: 0, utc: true, zone: None }
    }

    /// An instant in UTC from seconds since the Unix epoch.
    pub fn from_unix(seconds: i64) -> Self {
        Moment::utc(seconds, 0).stamp()
    }

    /// Date and time of day in its zone: `Date`, `Clock`, `YearDay`, `Weekday`, `ISOWeek`.
    #[inline]
    pub fn civil(&self) -> Civil {
        Civil::from_seconds(self.unix() + i64::from(self.offset))
    }

    /// `Time.Nanosecond()`.
    #[inline]
    pub fn nanosecond(&self) -> u32 {
        u32::try_from(self.at.0.rem_euclid(SECOND)).unwrap_or(0)
    }

    /// `Time.Unix()`. Unit: seconds.
    #[inline]
    pub fn unix(&self) -> i64 {
        self.at.0.div_euclid(SECOND)
    }

    /// `Time.UnixMilli()`.
    pub fn unix_milli(&self) -> i64 {
        self.at.0.div_euclid(1_000_000)
    }

    /// `Time.UnixMicro()`.
    pub fn unix_micro(&self) -> i64 {
        self.at.0.div_euclid(1_000)
    }

    /// `Time.UnixNano()`.
    pub fn unix_nano(&self) -> i64 {
        self.at.0
    }

    /// The same instant in a zone.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { offset: zone.at(self.unix()).offset, utc: false, zone: Some(zone), ..self }
    }

    /// This instant as the clocks of the stamp's zone show it.
    fn shown(self) -> Self {
        self.zone.map_or(self, |zone| self.in_zone(zone))
    }

    /// The same instant in UTC.
    #[must_use]
    pub fn to_utc(self) -> Self {
        Self::utc_at(self.at)
    }

    /// `Time.Add`, ending where stamps end.
    #[must_use]
    pub fn plus(self, by: GoDuration) -> Self {
        Self { at: EventTime(self.at.0.saturating_add(by.0)), ..self }.shown()
    }

    /// `Time.Sub`: the longest duration where the difference is longer.
    pub fn since(self, earlier: Self) -> GoDuration {
        GoDuration(self.at.0.saturating_sub(earlier.at.0))
    }

    /// `Time.Truncate`: down to a multiple of `step` since Go's zero time.
    #[must_use]
    pub fn truncate(self, step: GoDuration) -> Self {
        if step.0 <= 0 { self } else { self.moved(-self.past(step)) }
    }

    /// `Time.Round`: to the nearest multiple of `step` since Go's zero time, halves up.
    #[must_use]
    pub fn round(self, step: GoDuration) -> Self {
        if step.0 <= 0 {
            return self;
        }
        let past = self.past(step);
        let step = i128::from(step.0);
        self.moved(if past + past < step { -past } else { step - past })
    }

    /// `Time.AddDate`: what does not exist in a month counts into the next.
    #[must_use]
    pub fn add_date(self, years: i64, months: i64, days: i64) -> Self {
        let mut civil = self.civil();
        let month = (civil.month - 1).saturating_add(months);
        civil.year = civil.year.saturating_add(years).saturating_add(month.div_euclid(12));
        civil.year = civil.year.clamp(-1_000_000, 1_000_000);
        civil.month = month.rem_euclid(12) + 1;
        civil.day = civil.day.saturating_add(days).clamp(-1_000_000_000, 1_000_000_000);
        let local = civil.seconds();
        let offset = self.zone.map_or(self.offset, |zone| zone.offset_of_local(local));
        let seconds = local - i64::from(offset);
        Moment { seconds, ..Moment::from(self) }.stamp().shown()
    }

    /// Nanoseconds since the last multiple of `step`.
    fn past(self, step: GoDuration) -> i128 {
        (i128::from(self.at.0) + ZERO_TO_EPOCH).rem_euclid(i128::from(step.0))
    }

    fn moved(self, by: i128) -> Self {
        let at = i128::from(self.at.0) + by;
        let at = i64::try_from(at).unwrap_or(if at < 0 { i64::MIN } else { i64::MAX });
        Self { at: EventTime(at), ..self }.shown()
    }

    /// `Time.Format` with a layout that is used once.
    pub fn format(&self, layout: &str) -> String {
        let mut text = String::new();
        Layout::compile(layout).format(&mut text, &Moment::from(*self));
        text
    }

    /// Text of RFC 3339 with whole seconds.
    pub fn rfc3339(&self) -> String {
        let mut text = String::with_capacity(25);
        rfc3339::write(&mut text, &Moment::from(*self), false);
        text
    }

    /// Text of RFC 3339 with as many digits of the second as it takes.
    pub fn rfc3339_nano(&self) -> String {
        let mut text = String::with_capacity(35);
        self.write_rfc3339_nano(&mut text);
        text
    }

    /// Appends [`Stamp::rfc3339_nano`].
    #[inline]
    pub fn write_rfc3339_nano(&self, text: &mut String) {
        rfc3339::write(text, &Moment::from(*self), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Stamp {
        Layout::compile("2006-01-02T15:04:05Z07:00").parse(text).expect(text).stamp()
    }

    #[test]
    fn methods_count_as_go_does() {
        let stamp = at("2026-11-21T23:59:59.123456789+02:00");
        assert_eq!(stamp.unix(), 1_795_298_399);
        assert_eq!(stamp.unix_milli(), 1_795_298_399_123);
        assert_eq!(stamp.civil().hour, 23);
        assert_eq!(stamp.to_utc().civil().hour, 21);
        assert_eq!(stamp.to_string(), "2026-11-21 23:59:59.123456789 +0200 +0200");
        assert_eq!(stamp.to_utc().to_string(), "2026-11-21 21:59:59.123456789 +0000 UTC");
        assert_eq!(stamp.rfc3339(), "2026-11-21T23:59:59+02:00");
        let hour = GoDuration(3_600 * SECOND);
        assert_eq!(stamp.truncate(hour).rfc3339_nano(), "2026-11-21T23:00:00+02:00");
        assert_eq!(stamp.round(hour).rfc3339_nano(), "2026-11-22T00:00:00+02:00");
        assert_eq!(stamp.plus(hour).since(stamp), hour);
        assert_eq!(stamp, stamp.to_utc());
    }

    #[test]
    fn dates_that_do_not_exist_count_on() {
        assert_eq!(at("2024-02-29T00:00:00Z").add_date(1, 0, 0), at("2025-03-01T00:00:00Z"));
        assert_eq!(at("2026-12-31T00:00:00Z").add_date(0, 2, 0), at("2027-03-03T00:00:00Z"));
        assert_eq!(at("2026-03-01T00:00:00Z").add_date(0, 0, -1), at("2026-02-28T00:00:00Z"));
    }
}
