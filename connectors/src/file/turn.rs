//! Where a file ends: whether it is the end for now, the file was rotated or cut, and what comes
//! next. Part of [`Tail`].
//!
//! A rotated file is read to its end before its successor. It has ended when a younger part is
//! there, or when its successor has lines and it was silent for a while itself: programs go on
//! writing to it until they are told.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::input::{Input, modified};
use super::tail::{Next, Piece, Shared, Tail};
use crate::crash;
use crate::line_buffer::Rest;
use crate::metric::Counter;
use crate::record::Chunk;

/// How soon a file is looked at again whose name is not watched: at first, and at the longest.
const UNWATCHED: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

impl Tail {
    /// Decides what the end of the open file means.
    pub(super) fn at_end(&mut self, shared: &mut Shared) -> io::Result<Next> {
        let piece = self.piece.as_ref();
        let Some(input) = piece.and_then(|piece| piece.input.as_ref()) else {
            return Ok(Next::More);
        };
        let metadata = input.metadata()?;
        if shared.once {
            return Ok(self.end(shared));
        }
        if input.is_packed() {
            return self.finish(shared);
        }
        if metadata.len() < self.buffer.end() - self.place.base {
            self.close_piece();
            return Ok(Next::More);
        }
        if self.was_touched(&metadata, shared)? {
            self.close_piece();
            return Ok(Next::More);
        }
        let there = match fs::metadata(&self.path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match there {
            Some(there) if same(&there, &metadata) => {
                self.see_at_path();
                self.note_lag(metadata.len(), shared);
                Ok(self.rest(shared))
            }
            successor => self.rotated(successor.as_ref(), &metadata, shared),
        }
    }

    /// Whether a file of which nothing was read was written, copied and cut since the last look.
    fn was_touched(&mut self, metadata: &Metadata, shared: &Shared) -> io::Result<bool> {
        let written = modified(metadata);
        let is_news = written != self.place.modified;
        if is_news && self.place.head.is_empty() && self.past(shared).unread(&self.place)?.is_some()
        {
            return Ok(true);
        }
        self.place.modified = written;
        Ok(false)
    }

    fn close_piece(&mut self) {
        if let Some(piece) = &mut self.piece {
            piece.input = None;
        }
    }

    fn see_at_path(&mut self) {
        if let Some(piece) = &mut self.piece {
            piece.at.clone_from(&self.path);
        }
    }

    /// The file is still the one at the path.
    fn rest(&mut self, shared: &Shared) -> Next {
        let grown = self.piece.as_ref().map_or_else(Instant::now, |piece| piece.grown);
        if let Some(idle) = shared.idle
            && self.buffer.filled() > 0
        {
            if grown.elapsed() < idle {
                self.say(true);
                return Next::At(grown + idle);
            }
            if let Some(chunk) = self.buffer.take(Rest::Ended) {
                self.deliver(chunk, shared);
            }
        }
        self.say(true);
        Next::Changed
    }

    /// Another file is at the path, or none.
    fn rotated(
        &mut self,
        successor: Option<&Metadata>,
        metadata: &Metadata,
        shared: &mut Shared,
    ) -> io::Result<Next> {
        let inode = successor.map_or(0, MetadataExt::ino);
        if self.is_other_successor(inode) && self.past(shared).after(&self.place)?.is_some() {
            return self.finish(shared);
        }
        let Some(piece) = &mut self.piece else { return Ok(Next::More) };
        let (grown, patience) = (piece.grown, piece.patience);
        let has_lines = successor.is_some_and(|file| file.len() > 0);
        if has_lines || metadata.nlink() == 0 {
            if grown.elapsed() >= shared.grace {
                return self.finish(shared);
            }
            self.say(!has_lines);
            return Ok(Next::At(grown + shared.grace));
        }
        piece.patience = (patience * 2).min(LONGEST);
        self.say(true);
        Ok(Next::At(Instant::now() + patience))
    }

    /// Whether another file is at the path than at the last look.
    fn is_other_successor(&mut self, inode: u64) -> bool {
        let Some(piece) = &mut self.piece else { return false };
        let is_other = piece.successor.replace(inode) != Some(inode);
        if is_other {
            piece.patience = UNWATCHED;
        }
        is_other
    }

    /// The file was read to its end and will not grow.
    fn finish(&mut self, shared: &mut Shared) -> io::Result<Next> {
        self.turn(Rest::Ended, shared)?;
        Ok(Next::More)
    }

    /// All is read, once.
    fn end(&mut self, shared: &Shared) -> Next {
        if let Some(chunk) = self.buffer.take(Rest::Ended) {
            self.deliver(chunk, shared);
            return Next::More;
        }
        self.say(true);
        Next::Ended
    }

    /// Goes on to the next file, after sending what is left of this one.
    pub(super) fn turn(&mut self, rest: Rest, shared: &mut Shared) -> io::Result<()> {
        let next = self.next_file(shared)?;
        crash::point("rotation-noticed");
        let unread = self.buffer.position();
        if let Some(chunk) = self.buffer.take(rest) {
            self.deliver(chunk, shared);
        }
        crash::point("rotation-left");
        let base = if rest == Rest::Ended { self.buffer.end() } else { unread };
        self.piece = None;
        self.place.turn(base);
        self.buffer.restart(base);
        self.note_lag(0, shared);
        match next {
            Some(piece) => {
                self.begin_with(piece, shared)?;
                crash::point("rotation-taken-up");
                Ok(())
            }
            None => {
                self.deliver(Chunk::default(), shared);
                Ok(())
            }
        }
    }

    fn begin_with(&mut self, piece: Piece, shared: &Shared) -> io::Result<()> {
        let Piece { at, input: Some(input), .. } = piece else { return Ok(()) };
        self.begin(&at, input, shared)
    }

    /// The file that follows; `None` if there is none yet.
    fn next_file(&self, shared: &Shared) -> io::Result<Option<Piece>> {
        // Opened before the parts are listed: whatever is rotated from here on, the file that is taken
        // is the one that follows.
        let current = open_if_there(&self.path)?;
        let part = if self.is_open() {
            self.past(shared).after(&self.place)?
        } else {
            self.past(shared).unread(&self.place)?
        };
        Ok(match part {
            Some((at, input)) => Some(Piece::new(&at, Some(input))),
            None => current.map(|input| Piece::new(&self.path, Some(input))),
        })
    }

    /// Opens the file again that the lane was at, wherever it is now. If it is gone, goes on to the
    /// next one.
    pub(super) fn reopen(&mut self, shared: &mut Shared) -> io::Result<()> {
        if self.place.head.is_empty() {
            return self.turn(Rest::Lost, shared);
        }
        let at = self.piece.as_ref().map_or_else(|| self.path.clone(), |piece| piece.at.clone());
        if let Some(input) = self.fitting(&at, true)? {
            return self.take_up(&at, input, shared);
        }
        if let Some((at, input)) = self.past(shared).locate(&self.place)? {
            crash::point("rotation-located");
            return self.take_up(&at, input, shared);
        }
        let path = self.path.clone();
        if let Some(input) = self.fitting(&path, false)? {
            return self.take_up(&path, input, shared);
        }
        self.tell_of_loss(shared);
        self.turn(Rest::Lost, shared)
    }

    /// The file at `at`, if it is the one that the lane was at.
    fn fitting(&self, at: &Path, by_inode: bool) -> io::Result<Option<Input>> {
        let Some(input) = open_if_there(at)? else { return Ok(None) };
        let metadata = input.metadata()?;
        let same_file = metadata.ino() == self.place.inode;
        let is_known = same_file || (!by_inode && !self.place.head.is_empty());
        let long_enough = input.is_packed() || metadata.len() >= self.place.offset;
        let fits = is_known && long_enough && self.place.head.is_of(input.begin());
        Ok(fits.then_some(input))
    }

    fn take_up(&mut self, at: &Path, input: Input, shared: &Shared) -> io::Result<()> {
        let metadata = input.metadata()?;
        self.place.inode = metadata.ino();
        // What was held of an unfinished line is read again.
        self.buffer.restart(self.place.base + self.place.offset);
        self.piece = Some(Piece::new(at, Some(input)));
        self.note_lag(metadata.len(), shared);
        Ok(())
    }

    fn tell_of_loss(&self, shared: &Shared) {
        let there = fs::metadata(&self.path);
        if there.is_ok_and(|there| there.ino() == self.place.inode) {
            tracing::info!(path = %self.path.display(), "file was cut: it is read from its beginning");
            return;
        }
        shared.meter.add(Counter::Missed, 1);
        tracing::warn!(
            path = %self.path.display(), byte = self.place.offset,
            "the file that was read last is gone: what it held behind this byte is not read; keep \
             rotated files longer, or name their directory in `rotated_in`"
        );
    }
}

fn same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn open_if_there(path: &Path) -> io::Result<Option<Input>> {
    match Input::open(path) {
        Ok(input) => Ok(Some(input)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
