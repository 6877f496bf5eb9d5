//! When a line of a live run was: its own date, what its transport says, or when it arrived.

use super::clock::{Claim, STRAY};
use crate::parse::lines::{Clock, Tally, Transport};
use crate::time::EventTime;

/// How far a line may be dated ahead of its arrival. Unit: nanoseconds.
pub const AHEAD: i64 = 60 * 1_000_000_000;

/// A line that arrives no later than this after it was written is read as it is written. Unit:
/// nanoseconds.
pub const FRESH: i64 = 300 * 1_000_000_000;

/// What a line's time is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// What it says to the clock of its partition.
    pub claim: Claim,
    /// What takes the place of its own date.
    pub replaced: Option<EventTime>,
}

/// Dates a line of a partition whose clock stands at `now`, and whose dated lines came long after they
/// were written if `is_old`.
///
/// A stamp of the last day needs no other line's word: the arrival bears it out. A line without a
/// date has the time of its transport, else that of its arrival; so has one that is dated over a
/// minute ahead. In a backlog, and where old lines are sent again, the arrival says nothing: there the
/// time of the line before counts, or when nothing was left to read.
pub fn date(
    stamp: Option<EventTime>,
    (transport, line): (&Transport, u32),
    (now, is_old): (Option<EventTime>, &mut bool),
    tally: &mut Tally,
) -> Dated {
    let arrived = transport.arrived;
    let is_ahead = |time: &EventTime| time.0 > arrived.0.saturating_add(AHEAD);
    if transport.clock == Clock::Arrival {
        return Dated { claim: Claim::Trusted(arrived), replaced: Some(arrived) };
    }
    match stamp {
        Some(stamp) if !is_ahead(&stamp) => {
            *is_old = stamp.0 < arrived.0.saturating_sub(FRESH);
            return Dated { claim: worth(stamp, arrived), replaced: None };
        }
        Some(_) => tally.ahead += 1,
        None => tally.undated += 1,
    }
    if let Some(time) = transport.time(line).filter(|time| !is_ahead(time)) {
        // Old lines that are sent again are new to the transport.
        let is_near = now.is_some_and(|now| time.0 <= now.0.saturating_add(STRAY));
        let claim = if is_near { worth(time, arrived) } else { Claim::Guess(time) };
        return Dated { claim, replaced: Some(time) };
    }
    let read_through = transport.read_through.filter(|_| !*is_old);
    match now.max(read_through).filter(|time| time.0 < arrived.0.saturating_sub(FRESH)) {
        Some(time) if Some(time) == now => Dated { claim: Claim::Nothing, replaced: now },
        Some(time) => Dated { claim: Claim::Guess(time), replaced: Some(time) },
        None => Dated { claim: Claim::Guess(arrived), replaced: Some(arrived) },
    }
}

fn worth(time: EventTime, arrived: EventTime) -> Claim {
    match time.0 >= arrived.0.saturating_sub(STRAY) {
        true => Claim::Trusted(time),
        false => Claim::Doubtful(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const NOW: i64 = 1_000_000 * SECOND;

    /// What the transport says of a line that arrives at [`NOW`].
    fn transport(sent: Option<EventTime>, read_through: Option<EventTime>) -> Transport {
        Transport {
            origins: Vec::new(),
            origin_of: Vec::new(),
            times: sent.into_iter().collect(),
            arrived: EventTime(NOW),
            read_through,
            clock: Clock::Event,
        }
    }

    /// The claim and replacement of a stamp, both relative to an arrival, in seconds.
    #[track_caller]
    fn check(stamp: Option<i64>, clock: Option<i64>, claim: Claim, replaced: Option<i64>) {
        check_sent((stamp, None), clock, claim, replaced);
    }

    /// The same where the transport says when the line was written.
    #[track_caller]
    fn check_sent(
        (stamp, sent): (Option<i64>, Option<i64>),
        clock: Option<i64>,
        claim: Claim,
        replaced: Option<i64>,
    ) {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        let transport = transport(sent.map(at), None);
        let clock = (clock.map(at), &mut false);
        let dated = date(stamp.map(at), (&transport, 0), clock, &mut Tally::default());
        assert_eq!(dated, Dated { claim, replaced: replaced.map(at) });
    }

    #[test]
    fn a_fresh_stamp_is_trusted_and_an_old_one_doubtful() {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        check(Some(-5), Some(-9), Claim::Trusted(at(-5)), None);
        check(Some(59), None, Claim::Trusted(at(59)), None);
        check(Some(-100_000), Some(-100_001), Claim::Doubtful(at(-100_000)), None);
    }

    #[test]
    fn the_arrival_stands_in_for_what_is_missing_or_forged() {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        check(None, Some(-9), Claim::Guess(at(0)), Some(0));
        check(None, None, Claim::Guess(at(0)), Some(0));
        check(Some(61), Some(-9), Claim::Guess(at(0)), Some(0));
    }

    #[test]
    fn the_transport_stands_in_where_it_is_near_the_clock() {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        check_sent((None, Some(-3)), Some(-9), Claim::Trusted(at(-3)), Some(-3));
        check_sent((None, Some(-3)), Some(-80_000), Claim::Trusted(at(-3)), Some(-3));
        check_sent((None, Some(-3)), Some(-90_000), Claim::Guess(at(-3)), Some(-3));
        check_sent((None, Some(-3)), None, Claim::Guess(at(-3)), Some(-3));
        check_sent((Some(-5), Some(-3)), None, Claim::Trusted(at(-5)), None);
    }

    #[test]
    fn in_a_backlog_the_line_before_does() {
        check(None, Some(-7200), Claim::Nothing, Some(-7200));
        check(Some(3600), Some(-7200), Claim::Nothing, Some(-7200));
    }

    /// When lines without a date are, of a partition that was read through so long ago and whose clock
    /// stands two hours back. Unit: seconds.
    #[track_caller]
    fn check_quiet(read_through: Option<i64>, mut is_old: bool, claim: Claim, replaced: i64) {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        let transport = transport(None, read_through.map(at));
        for stamp in [None, Some(at(3600))] {
            let clock = (Some(at(-7200)), &mut is_old);
            let dated = date(stamp, (&transport, 0), clock, &mut Tally::default());
            assert_eq!(dated, Dated { claim, replaced: Some(at(replaced)) });
        }
    }

    /// A quiet log is no backlog, unless old lines are written to it.
    #[test]
    fn after_silence_the_arrival_counts() {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        check_quiet(Some(-1), false, Claim::Guess(at(0)), 0);
        check_quiet(Some(-1), true, Claim::Nothing, -7200);
        check_quiet(Some(-900), false, Claim::Guess(at(-900)), -900);
        check_quiet(None, false, Claim::Nothing, -7200);
    }

    #[test]
    fn stamps_say_whether_lines_are_old() {
        let at = |seconds: i64| EventTime(NOW + seconds * SECOND);
        let transport = transport(None, None);
        let mut is_old = false;
        for (stamp, expected) in
            [(Some(-301), true), (None, true), (Some(90), true), (Some(-299), false)]
        {
            let clock = (None, &mut is_old);
            date(stamp.map(at), (&transport, 0), clock, &mut Tally::default());
            assert_eq!(is_old, expected, "{stamp:?}");
        }
    }
}
