//! What goes wrong on a log's way: late lines, lines that come twice, damaged lines.
//! In come finished lines in order of time, out go bytes.

use std::io::{self, Write};

use super::draw::Draw;

/// How often lines go wrong. Unit of all three: lines in a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Lines that come 1 to [`FARTHEST`] lines later than they should.
    pub late: u32,
    /// Lines that come twice in a row.
    pub doubled: u32,
    /// Lines that are cut, overwritten, emptied or filled with other bytes.
    pub damaged: u32,
}

/// The farthest that a late line falls back. Unit: lines.
pub const FARTHEST: u64 = 40;

/// Applies [`Disorder`] to a stream of lines.
#[derive(Debug)]
pub(super) struct Shaker {
    disorder: Disorder,
    draw: Draw,
    /// Lines that wait, and for how many lines yet.
    held: Vec<(u64, Vec<u8>)>,
}

impl Shaker {
    pub(super) fn new(disorder: Disorder, draw: Draw) -> Self {
        Self { disorder, draw, held: Vec::new() }
    }

    pub(super) fn push(&mut self, line: String, out: &mut impl Write) -> io::Result<()> {
        let mut line = line.into_bytes();
        if self.draw.chance(self.disorder.damaged) {
            self.damage(&mut line);
        }
        if self.draw.chance(self.disorder.late) {
            let wait = self.draw.between(1, FARTHEST + 1);
            self.held.push((wait, line));
            return Ok(());
        }
        let times = if self.draw.chance(self.disorder.doubled) { 2 } else { 1 };
        for _ in 0..times {
            write_line(&line, out)?;
        }
        for (wait, _) in &mut self.held {
            *wait -= 1;
        }
        for (_, late) in self.held.extract_if(.., |(wait, _)| *wait == 0) {
            write_line(&late, out)?;
        }
        Ok(())
    }

    /// Writes the lines that still wait.
    pub(super) fn finish(self, out: &mut impl Write) -> io::Result<()> {
        for (_, late) in &self.held {
            write_line(late, out)?;
        }
        out.flush()
    }

    fn damage(&mut self, line: &mut Vec<u8>) {
        let at = self.draw.between(0, line.len() as u64) as usize;
        match self.draw.between(0, 6) {
            0 => line.truncate(at),
            1 => line.clear(),
            2 => drop(line.drain(..at)),
            3 => line.splice(at..at, [0xff, 0xfe, 0x80]).for_each(drop),
            4 => line.splice(at..at, [0x1b, b'[', b'3', b'1', b'm', b'\t']).for_each(drop),
            _ => {
                let noise = (0..120).map(|_| match self.draw.between(1, 256) as u8 {
                    b'\n' | b'\r' => b'?',
                    byte => byte,
                });
                *line = noise.collect();
            }
        }
    }
}

fn write_line(line: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(line)?;
    out.write_all(b"\n")
}
