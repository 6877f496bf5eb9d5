//! Programs that write logs: lines with a running number, and logs that are rotated as real ones are.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A small generator of its own, so that a failing case can be repeated.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The line with this number.
pub(crate) fn line(number: usize) -> String {
    format!("Nov 26 10:00:00 host app[{number}]: line {number} {}", "é".repeat(number % 40))
}

/// Lines from `first` on.
pub(crate) fn text(first: usize, count: usize) -> String {
    (first..first + count).map(|number| line(number) + "\n").collect()
}

/// Appends to a file.
pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

pub(crate) fn gzip(path: &Path) {
    run("gzip", &[path]);
}

pub(crate) fn run(program: &str, arguments: &[&Path]) {
    let status = std::process::Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program}");
}

/// A log that is written and rotated by turns, and the one text that a reader should see.
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    file: File,
    /// All that was ever written.
    pub(crate) all: Vec<u8>,
    next: usize,
    packs: bool,
    copies: bool,
}

impl Log {
    pub(crate) fn new(path: &Path, copies: bool, packs: bool) -> Self {
        let file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        Self { path: path.to_path_buf(), file, all: Vec::new(), next: 0, packs, copies }
    }

    /// Writes some lines, and perhaps half of one.
    pub(crate) fn write(&mut self, draw: &mut Draw) {
        let count = usize::try_from(draw.below(60)).unwrap();
        let mut bytes = text(self.next, count).into_bytes();
        self.next += count;
        let half = usize::try_from(draw.below(3)).unwrap();
        let rest = bytes.split_off(bytes.len() / (half + 1));
        for part in [bytes, rest] {
            self.file.write_all(&part).unwrap();
            self.all.extend(&part);
        }
    }

    /// A line with this text.
    pub(crate) fn write_line(&mut self, line: &str) {
        writeln!(self.file, "{line}").unwrap();
        self.all.extend(format!("{line}\n").bytes());
    }

    /// Rotates as logrotate does: numbers, the oldest first.
    pub(crate) fn rotate(&mut self) {
        for number in (1..99).rev() {
            for ending in ["", ".gz"] {
                let from = self.part(number, ending);
                if from.exists() {
                    fs::rename(from, self.part(number + 1, ending)).unwrap();
                }
            }
        }
        if self.copies {
            fs::copy(&self.path, self.part(1, "")).unwrap();
            self.file.set_len(0).unwrap();
        } else {
            fs::rename(&self.path, self.part(1, "")).unwrap();
            self.file = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
        }
        let older = self.part(2, "");
        if self.packs && older.exists() {
            gzip(&older);
        }
    }

    fn part(&self, number: usize, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}.{number}{ending}", self.path.display()))
    }

    /// What is expected of a reader: each line with its offset in all that was written.
    pub(crate) fn expected(&self) -> Vec<(u64, String)> {
        let mut offset = 0;
        let mut lines = Vec::new();
        for line in self.all.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            if !text.is_empty() {
                lines.push((offset, String::from_utf8_lossy(text).into_owned()));
            }
            offset += line.len() as u64;
        }
        lines
    }
}

impl Log {
    /// Goes on in the file that is at the path now, as a program does that was told of a rotation.
    pub(crate) fn reopen(&mut self) {
        self.file = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
    }
}
