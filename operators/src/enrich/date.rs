//! `ParseDate`: the date of a line from its text. Order matters: the layout that the rules name,
//! sixteen known ones, Unix seconds, now. Source: crowdsec `pkg/parser/enrich_date.go`.

use crate::time::{Layout, Moment, Stamp, Zone};

/// The known layouts in the order of trial. The engine tries RFC 3339 once more as the ninth,
/// which takes nothing that the first refused.
const KNOWN: [&str; 15] = [
    "2006-01-02T15:04:05Z07:00",
    "02/Jan/2006:15:04:05 -0700",
    "Mon Jan 2 15:04:05 2006",
    "02-Jan-2006 15:04:05 europe/paris",
    "01/02/2006 15:04:05",
    "2006-01-02 15:04:05.999999999 -0700 MST",
    "Jan  2 15:04:05",
    "Mon Jan 02 15:04:05.000000 2006",
    "2006/01/02",
    "2006/01/02 15:04",
    "2006-01-02",
    "2006-01-02 15:04",
    "2006/01/02 15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05",
];

/// A date and where it is from.
#[derive(Clone, Debug)]
pub struct Date {
    /// The instant.
    pub stamp: Stamp,
    /// It in RFC 3339, as `evt.Enriched.MarshaledTime` gets it.
    pub marshaled: String,
    /// Whether nothing fitted and this is `now`: `evt.Time` stays as it is then.
    pub fallback: bool,
}

/// Reads dates. Keeps the compiled layouts, so that a worker has one for all its lines.
#[derive(Clone, Debug)]
pub struct Dates {
    known: Vec<Layout>,
    /// The layout that the rules named last, which is mostly the next one too.
    named: Option<(String, Layout)>,
}

impl Date {
    /// The instant that the RFC 3339 text says, where it needs no reading: no more of the zone is
    /// written than whole minutes, and stamps end in 2262.
    pub fn marshaled_stamp(&self) -> Option<Stamp> {
        let Stamp { at, offset, .. } = self.stamp;
        let exact = offset % 60 == 0 && at.0 != i64::MAX && at.0 != i64::MIN;
        exact.then_some(Stamp { at, offset, utc: offset == 0, zone: None })
    }
}

impl Default for Dates {
    fn default() -> Self {
        Self { known: KNOWN.iter().map(|layout| Layout::compile(layout)).collect(), named: None }
    }
}

impl Dates {
    /// The date of `text`; `format` is `evt.StrTimeFormat`, "" where there is none. A date without
    /// a year is of the year of `now`, one without a zone was written in `zone`, or in UTC. What is read
    /// in `zone` is told in UTC.
    pub fn parse(&mut self, (text, format): (&str, &str), now: Stamp, zone: Option<Zone>) -> Date {
        self.read((text, format), now, zone).unwrap_or_else(|| {
            let stamp = now.to_utc();
            Date { stamp, marshaled: stamp.rfc3339_nano(), fallback: true }
        })
    }

    fn read(
        &mut self,
        (text, format): (&str, &str),
        now: Stamp,
        zone: Option<Zone>,
    ) -> Option<Date> {
        if text.is_empty() {
            return None;
        }
        if !format.is_empty()
            && let Some(date) = take(self.named(format), text, now, zone)
        {
            return Some(date);
        }
        let candidates = candidates(text.as_bytes()).iter();
        let mut layouts = candidates.filter_map(|index| self.known.get(*index));
        layouts.find_map(|layout| take(layout, text, now, zone)).or_else(|| unix(text))
    }

    fn named(&mut self, format: &str) -> &Layout {
        if self.named.as_ref().is_some_and(|(known, _)| known != format) {
            self.named = None;
        }
        let (_, layout) =
            self.named.get_or_insert_with(|| (format.to_owned(), Layout::compile(format)));
        layout
    }
}

/// The known layouts that could take a text of this shape, in order. The others need another byte
/// at a place that every text of theirs has fixed.
fn candidates(text: &[u8]) -> &'static [usize] {
    let byte = |at: usize| text.get(at).copied();
    match (byte(0), byte(2), byte(4)) {
        (Some(b'a'..=b'z' | b'A'..=b'Z'), ..) => &[2, 6, 7],
        (Some(b'0'..=b'9'), Some(b'/'), _) => &[1, 4],
        (Some(b'0'..=b'9'), Some(b'-'), _) => &[3],
        (Some(b'0'..=b'9'), _, Some(b'-')) => match byte(10) {
            None => &[10],
            Some(b'T') => &[0, 14],
            Some(b' ') => &[5, 11, 13],
            _ => &[],
        },
        (Some(b'0'..=b'9'), _, Some(b'/')) => match byte(10) {
            None => &[8],
            Some(b' ') => &[9, 12],
            _ => &[],
        },
        _ => &[],
    }
}

/// The date that one layout reads. Go's zero time, and what RFC 3339 cannot write, are failures.
fn take(layout: &Layout, text: &str, now: Stamp, zone: Option<Zone>) -> Option<Date> {
    let mut moment = layout.parse(text).ok().filter(|moment| !moment.is_go_zero())?;
    // A zone that is written means the same wherever it was.
    let zone = zone.filter(|zone| {
        let there = moment.utc.then(|| layout.parse_in(text, *zone));
        there.is_some_and(|there| there.is_ok_and(|there| there.seconds != moment.seconds))
    });
    if moment.civil().year == 0 {
        let now = zone.map_or(now.to_utc(), |zone| now.in_zone(zone));
        moment = moment.add_years(now.civil().year);
    }
    if let Some(zone) = zone {
        moment.seconds -= i64::from(zone.offset_of_local(moment.seconds));
    }
    Some(Date { stamp: moment.stamp(), marshaled: moment.marshal()?, fallback: false })
}

/// Seconds since the Unix epoch; what follows a point is lost.
fn unix(text: &str) -> Option<Date> {
    let whole = text.split('.').next()?;
    let seconds = whole.parse::<i64>().ok().filter(|seconds| *seconds > 0)?;
    let moment = Moment::utc(seconds, 0);
    let mut marshaled = String::with_capacity(20);
    crate::time::layout::rfc3339::write(&mut marshaled, &moment, false);
    Some(Date { stamp: moment.stamp(), marshaled, fallback: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Stamp {
        Layout::compile(KNOWN[0]).parse("2026-11-21T04:00:00.5Z").expect("a time").stamp()
    }

    #[track_caller]
    fn check(text: &str, format: &str, expected: &str) {
        assert_eq!(Dates::default().parse((text, format), now(), None).marshaled, expected);
    }

    #[test]
    fn dates_without_a_zone_are_of_the_source() {
        let check = |text: &str, zone: &str, expected: &str| {
            let zone = Zone::named(zone);
            let date = Dates::default().parse((text, ""), now(), zone);
            assert_eq!(date.marshaled, expected, "{text} in {zone:?}");
            assert!(date.stamp.utc || text.contains('+'), "{text}");
        };
        check("Nov 20 09:00:00", "America/New_York", "2026-11-20T14:00:00Z");
        check("Jul 20 09:00:00", "America/New_York", "2026-07-20T13:00:00Z");
        check("2026-07-20 09:00:00", "Europe/Berlin", "2026-07-20T07:00:00Z");
        check("2026-11-20T09:00:00", "Europe/London", "2026-11-20T09:00:00Z");
        check("2026-11-20T09:00:00Z", "Europe/Berlin", "2026-11-20T09:00:00Z");
        check("2026-11-20T09:00:00+03:00", "Europe/Berlin", "2026-11-20T09:00:00+03:00");
        check("1795165200", "Europe/Berlin", "2026-11-20T09:00:00Z");
        // Clocks that are set forward show this never, clocks that are set back twice.
        check("2026-03-29 02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z");
        check("2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25T01:30:00Z");
    }

    #[test]
    fn known_layouts_are_read() {
        check("2024-01-02T03:04:05.120+01:00", "", "2024-01-02T03:04:05.12+01:00");
        check("02/Jan/2024:03:04:05 +0000", "", "2024-01-02T03:04:05Z");
        check("Tue Jan  2 03:04:05 2024", "", "2024-01-02T03:04:05Z");
        check("02-Jan-2024 03:04:05 europe/paris", "", "2024-01-02T03:04:05Z");
        check("01/02/2024 03:04:05", "", "2024-01-02T03:04:05Z");
        check("2024-01-02 03:04:05.5 -0330 NST", "", "2024-01-02T03:04:05.5-03:30");
        check("Jan  2 03:04:05", "", "2026-01-02T03:04:05Z");
        check("Feb 29 03:04:05", "", "2026-03-01T03:04:05Z");
        check("2024/01/02", "", "2024-01-02T00:00:00Z");
        check("2024-01-02 03:04", "", "2024-01-02T03:04:00Z");
        check("2024-01-02T03:04:05,25", "", "2024-01-02T03:04:05.25Z");
    }

    #[test]
    fn the_layout_of_the_rules_comes_first() {
        check("01/02/2024 03:04:05", "02/01/2006 15:04:05", "2024-02-01T03:04:05Z");
        check("2024-01-02", "15:04", "2024-01-02T00:00:00Z");
    }

    #[test]
    fn unix_seconds_lose_their_fraction() {
        check("1704164645.999", "", "2024-01-02T03:04:05Z");
        check("1704164645.abc", "", "2024-01-02T03:04:05Z");
        check("253402300800", "", "10000-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_now() {
        for text in
            ["", "yesterday", "-1", "0", "2024-13-01", "0001-01-01T00:00:00Z", " 2024-01-02"]
        {
            let date = Dates::default().parse((text, ""), now(), None);
            assert_eq!((date.fallback, date.marshaled.as_str()), (true, "2026-11-21T04:00:00.5Z"));
        }
    }

    proptest! {
        #[test]
        fn a_known_stamp_is_what_reading_gives(
            seconds in -62_167_219_200_i64..253_402_300_799,
            nanos in prop_oneof![Just(0_u32), 0..1_000_000_000_u32],
            offset in prop_oneof![Just(0), -90_000..90_000_i32, (-1500..1500_i32).prop_map(|m| m * 60)],
        ) {
            let utc = offset == 0;
            let moment = Moment { offset, utc, ..Moment::utc(seconds, nanos) };
            let Some(marshaled) = moment.marshal() else { return Ok(()) };
            let date = Date { stamp: moment.stamp(), marshaled, fallback: false };
            let Some(known) = date.marshaled_stamp() else { return Ok(()) };
            let read = crate::time::layout::parse_rfc3339(&date.marshaled);
            let shown = |stamp: Stamp| (stamp.at, stamp.offset, stamp.utc);
            prop_assert_eq!(read.map(shown), Some(shown(known)), "{}", &date.marshaled);
            prop_assert_eq!(known.rfc3339_nano(), date.marshaled);
        }

        // The filter by shape must never change which layout is the first to take a text.
        #[test]
        fn the_filter_by_shape_changes_nothing(
            layout in 0..KNOWN.len(),
            seconds in -62_167_219_200_i64..253_402_300_799,
            edits in prop::collection::vec((any::<prop::sample::Index>(), "[-0-9/ :.,TZ+a]?"), 0..3),
        ) {
            let mut text = String::new();
            Layout::compile(KNOWN[layout]).format(&mut text, &Moment::utc(seconds, 0));
            for (at, by) in edits {
                let at = at.index(text.len().max(1)).min(text.len());
                text.replace_range(at..(at + 1).min(text.len()), &by);
            }
            let plain = KNOWN.iter().find_map(|layout| {
                let slow = Layout::compile(layout).parse_by_chunks(&text).ok()?;
                let fast = Layout::compile(layout).parse(&text).ok()?;
                assert_eq!(slow, fast);
                take(&Layout::compile(layout), &text, now(), None).map(|date| date.marshaled)
            });
            let dates = Dates::default();
            let filtered = candidates(text.as_bytes())
                .iter()
                .find_map(|index| take(&dates.known[*index], &text, now(), None))
                .map(|date| date.marshaled);
            prop_assert_eq!(plain, filtered, "{}", text);
        }
    }
}
