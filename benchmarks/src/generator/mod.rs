//! Log generators: arguments in, lines out, the same bytes for the same arguments on every machine.
//!
//! A crowd of visitors (`crowd.rs`), each with a role, an address and a pace, writes lines in order of time;
//! [`disorder`] then delays, doubles and damages some of them.

use std::io::{self, Write};

pub mod arguments;
pub mod calendar;
pub mod disorder;
pub mod draw;

mod address;
mod crowd;
mod mixed;
mod nginx;
mod siege;
mod ssh;

use calendar::Moment;
use crowd::Crowd;
use disorder::Disorder;
use draw::Draw;

/// Which log to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `auth.log` of an SSH server: RFC 3164, dates without a year.
    Ssh,
    /// The same of a server that few attack for long, with all lines of every attempt.
    Siege,
    /// nginx access log in the combined format, with some lines of its error log.
    Nginx,
    /// Both as a central syslog server keeps them, in one file.
    Mixed,
}

/// Everything that decides the bytes of a log.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Which log.
    pub kind: Kind,
    /// Number of lines before duplicates are added.
    pub lines: u64,
    /// Two seeds give two unrelated logs.
    pub seed: u64,
    /// When the first visitor arrives.
    pub start: Moment,
    /// What is done to the finished lines.
    pub disorder: Disorder,
}

/// Writes the log of `plan`.
///
/// # Errors
/// What `out` reports.
pub fn generate(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    match plan.kind {
        Kind::Ssh => write_log(plan, ssh::Sshd::default(), out),
        Kind::Siege => write_log(plan, siege::Siege::default(), out),
        Kind::Nginx => write_log(plan, nginx::Nginx, out),
        Kind::Mixed => write_log(plan, mixed::Both::default(), out),
    }
}

fn write_log<T: crowd::Trade>(plan: &Plan, trade: T, out: &mut impl Write) -> io::Result<()> {
    let draw = Draw::seeded(plan.seed);
    let mut crowd = Crowd::gather(trade, plan.start, draw.fork(1));
    let mut shaker = disorder::Shaker::new(plan.disorder, draw.fork(2));
    for _ in 0..plan.lines {
        shaker.push(crowd.next_line(), out)?;
    }
    shaker.finish(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(kind: Kind, lines: u64, seed: u64, disorder: Disorder) -> Vec<u8> {
        let mut bytes = Vec::new();
        let plan = Plan { kind, lines, seed, start: Moment::default(), disorder };
        generate(&plan, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_same_arguments_give_the_same_bytes() {
        for kind in [Kind::Ssh, Kind::Siege, Kind::Nginx, Kind::Mixed] {
            let first = log(kind, 500, 7, Disorder::default());
            assert_eq!(first, log(kind, 500, 7, Disorder::default()));
            assert_ne!(first, log(kind, 500, 8, Disorder::default()));
        }
    }

    #[test]
    fn a_log_has_the_lines_it_was_asked_for() {
        for kind in [Kind::Ssh, Kind::Siege, Kind::Nginx, Kind::Mixed] {
            let text = String::from_utf8(log(kind, 1000, 1, Disorder::default())).unwrap();
            assert_eq!(text.lines().count(), 1000);
            assert!(text.lines().all(|line| line.len() > 40));
        }
    }

    #[test]
    fn ssh_lines_are_as_long_as_real_ones() {
        let bytes = log(Kind::Ssh, 20_000, 3, Disorder::default()).len();
        assert!((85..125).contains(&(bytes / 20_000)), "{} bytes a line", bytes / 20_000);
    }

    #[test]
    fn late_lines_are_moved_and_none_is_lost() {
        let late = Disorder { late: 100, ..Disorder::default() };
        let straight = log(Kind::Ssh, 2000, 5, Disorder::default());
        let shaken = log(Kind::Ssh, 2000, 5, late);
        assert_ne!(straight, shaken);
        let sorted = |bytes: &[u8]| {
            let mut lines: Vec<Vec<u8>> =
                bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&straight), sorted(&shaken));
    }

    #[test]
    fn duplicates_are_added_and_damage_shows() {
        let straight = log(Kind::Nginx, 2000, 5, Disorder::default());
        let double = log(Kind::Nginx, 2000, 5, Disorder { doubled: 50, ..Disorder::default() });
        assert!(double.len() > straight.len());
        let damaged = log(Kind::Nginx, 2000, 5, Disorder { damaged: 100, ..Disorder::default() });
        assert!(String::from_utf8(damaged).is_err());
    }
}
