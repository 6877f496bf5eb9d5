//! Reads one input from its start to its end: [`Reader::next_chunk`] opens it at the first call and
//! closes it as soon as its end was seen. Delivery: each line once. Order: that of the input.
//! Memory: one buffer per open input, however long a line is. Comes from [`crate::input`], hands
//! [`Chunk`]s on.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::codec::{Codec, Detection, SIGNATURE};
use crate::input::{Input, Place};
use crate::lines::split;
use crate::record::{Chunk, Reject};

/// No buffer is larger than this, whatever the options say, so that positions fit 32 bits even
/// where every byte becomes a U+FFFD. Unit: bytes.
pub const MAX_BUFFER: usize = 1 << 30;

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Longest line; what is longer is a [`Reject`]. Unit: bytes without the line end.
    pub max_line: usize,
    /// About how much text a chunk holds. Unit: bytes.
    pub chunk: usize,
    /// The same for the first chunk, from which the size doubles: little is held for the many
    /// inputs that have only begun, and the first lines are there soon. Unit: bytes.
    pub first_chunk: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { max_line: 1 << 20, chunk: 256 << 10, first_chunk: 16 << 10 }
    }
}

/// Why an input could not be read to its end. The lines before came; other inputs are not touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It could not be opened.
    #[error("{name} cannot be opened: {}", remedy(source.kind()))]
    Open {
        /// The input.
        name: Arc<str>,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed midway.
    #[error("{name} cannot be read beyond byte {offset}: check the disk or mount, then run again")]
    Read {
        /// The input.
        name: Arc<str>,
        /// Where the first line that is missing begins in the decompressed text.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The archive ends early or is corrupt.
    #[error(
        "{name} is a damaged or incomplete {codec} archive: lines before byte {offset} of its text \
         were read; fetch the file again for the rest"
    )]
    Damaged {
        /// The input.
        name: Arc<str>,
        /// How it is packed.
        codec: Codec,
        /// Where the first line that is missing begins in the decompressed text.
        offset: u64,
        /// What the decoder said.
        source: io::Error,
    },
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "run as a user who may read it, or leave it out",
        io::ErrorKind::NotFound => "it is not there (any more); was it rotated meanwhile?",
        _ => "check that it is a readable file, or leave it out",
    }
}

/// A reader of one input.
#[derive(Debug)]
pub struct Reader {
    name: Arc<str>,
    options: ReadOptions,
    meter: Arc<AtomicU64>,
    state: State,
    /// Where it can be opened again; `None` for streams that are open already.
    place: Option<Place>,
    /// What [`Reader::peek`] read ahead.
    peeked: Option<Result<Chunk, ReadError>>,
}

#[derive(Debug)]
enum State {
    /// Not opened yet, or closed for now after so many bytes of the text.
    Closed(Place, u64),
    Open(Box<Stream>),
    Ended,
}

impl Reader {
    /// A reader of `input`, which is opened when the first chunk is asked for. `meter` counts the
    /// bytes as they are read, before they are unpacked; readers may share one.
    pub fn new(input: &Input, options: ReadOptions, meter: Arc<AtomicU64>) -> Self {
        Self {
            name: Arc::clone(&input.name),
            options,
            meter,
            state: State::Closed(input.place.clone(), 0),
            place: Some(input.place.clone()),
            peeked: None,
        }
    }

    /// A reader of a stream that is open already. Its lines come as soon as they are there.
    pub fn of_stream(
        name: &str,
        stream: impl Read + Send + 'static,
        options: ReadOptions,
        meter: Arc<AtomicU64>,
    ) -> Self {
        let stream = Stream::new(metered(stream, &meter), true, options);
        let state = State::Open(Box::new(stream));
        Self { name: name.into(), options, meter, state, place: None, peeked: None }
    }

    /// The name of the input.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The longest line that is not rejected. Unit: bytes.
    pub fn max_line(&self) -> usize {
        self.options.max_line
    }

    /// Whether the input is open now.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The next lines; `None` at the end and after an error.
    ///
    /// # Errors
    /// [`ReadError`], after all whole lines before the fault were handed out.
    pub fn next_chunk(&mut self) -> Option<Result<Chunk, ReadError>> {
        self.peeked.take().or_else(|| self.read_chunk())
    }

    /// The first lines that [`Reader::next_chunk`] will give, `None` if there are none (an empty
    /// input, or one that cannot be read).
    pub fn peek(&mut self) -> Option<&Chunk> {
        if self.peeked.is_none() {
            self.peeked = self.read_chunk();
        }
        self.peeked.as_ref().and_then(|next| next.as_ref().ok())
    }

    /// Closes a file for now and gives back its buffers; the next call opens it and goes on where
    /// it was. Cheap for plain files, while archives are unpacked from their start again: for many
    /// inputs that have only shown their beginning. Streams stay open.
    pub fn park(&mut self) {
        let (State::Open(stream), Some(place)) = (&self.state, &self.place) else { return };
        if stream.live || stream.source.is_none() || !stream.is_between_lines() {
            return;
        }
        let counted = stream.counted.load(Ordering::Relaxed);
        self.meter.fetch_sub(counted, Ordering::Relaxed);
        self.state = State::Closed(place.clone(), stream.base);
    }

    fn read_chunk(&mut self) -> Option<Result<Chunk, ReadError>> {
        if let State::Closed(place, from) = &self.state {
            match open(place, *from, self.options, &self.meter) {
                Ok(stream) => self.state = State::Open(Box::new(stream)),
                Err(source) => {
                    self.state = State::Ended;
                    return Some(Err(ReadError::Open { name: Arc::clone(&self.name), source }));
                }
            }
        }
        let State::Open(stream) = &mut self.state else { return None };
        if let Some(chunk) = stream.next_chunk() {
            return Some(Ok(chunk));
        }
        let (fault, codec, offset) = (stream.fault.take(), stream.codec, stream.base);
        self.state = State::Ended;
        fault.map(|source| Err(self.error(source, codec, offset)))
    }

    fn error(&self, source: io::Error, codec: Option<Codec>, offset: u64) -> ReadError {
        let name = Arc::clone(&self.name);
        match codec {
            Some(codec) if codec != Codec::Plain && source.raw_os_error().is_none() => {
                ReadError::Damaged { name, codec, offset, source }
            }
            _ => ReadError::Read { name, offset, source },
        }
    }
}

fn open(
    place: &Place,
    from: u64,
    options: ReadOptions,
    meter: &Arc<AtomicU64>,
) -> io::Result<Stream> {
    let path = match place {
        Place::Stdin => return Ok(Stream::new(metered(io::stdin(), meter), true, options)),
        Place::File(path) => path,
    };
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut stream = Stream::new(metered(file, meter), !metadata.is_file(), options);
    stream.skip(from)?;
    Ok(stream)
}

/// A source whose bytes are counted, by `meter` and by itself.
fn metered(inner: impl Read + Send + 'static, meter: &Arc<AtomicU64>) -> Source {
    let counted = Arc::default();
    let metered = Metered { inner, meter: Arc::clone(meter), counted: Arc::clone(&counted) };
    Source { reader: Box::new(metered), counted }
}

struct Source {
    reader: Box<dyn Read + Send>,
    counted: Arc<AtomicU64>,
}

/// Counts what is read.
struct Metered<R> {
    inner: R,
    meter: Arc<AtomicU64>,
    counted: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.meter.fetch_add(read as u64, Ordering::Relaxed);
        self.counted.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A line that is longer than allowed, being passed over.
#[derive(Clone, Copy, Debug)]
struct Overlong {
    offset: u64,
    bytes: u64,
    ends_in_return: bool,
}

/// An open input. `buf[..filled]` is what was read and not handed out; it begins at byte `base` of
/// the text, at the start of a line unless one is being passed over.
struct Stream {
    /// `None` once its end or a fault was seen: files are closed at once.
    source: Option<Box<dyn Read + Send>>,
    /// Bytes that were read from it, before they were unpacked.
    counted: Arc<AtomicU64>,
    codec: Option<Codec>,
    /// Whether lines may come slowly, so that a chunk must not wait for more.
    live: bool,
    fault: Option<io::Error>,
    buf: Vec<u8>,
    filled: usize,
    /// So many bytes of `buf` hold no line end.
    searched: usize,
    base: u64,
    overlong: Option<Overlong>,
    rejects: Vec<Reject>,
    target: usize,
    options: ReadOptions,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("codec", &self.codec).field("base", &self.base).finish()
    }
}

impl Stream {
    fn new(source: Source, live: bool, mut options: ReadOptions) -> Self {
        options.max_line = options.max_line.clamp(1, MAX_BUFFER - 2);
        options.chunk = options.chunk.clamp(1, MAX_BUFFER);
        options.first_chunk = options.first_chunk.clamp(1, options.chunk);
        Self {
            source: Some(source.reader),
            counted: source.counted,
            codec: None,
            live,
            fault: None,
            buf: Vec::new(),
            filled: 0,
            searched: 0,
            base: 0,
            overlong: None,
            rejects: Vec::new(),
            target: options.first_chunk,
            options,
        }
    }

    /// Whether what follows `base` is all that is left to read.
    fn is_between_lines(&self) -> bool {
        self.overlong.is_none() && self.rejects.is_empty()
    }

    /// Passes over the first bytes of the text, which were handed out before.
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.codec = Some(self.recognise()?);
        let head = bytes.min(self.filled as u64);
        self.consume(usize::try_from(head).unwrap_or(self.filled));
        if let Some(source) = &mut self.source {
            io::copy(&mut source.take(bytes - head), &mut io::sink())?;
        }
        self.base = bytes;
        Ok(())
    }

    /// The next lines or rejects, `None` at the end or at a fault.
    fn next_chunk(&mut self) -> Option<Chunk> {
        loop {
            self.fill();
            if self.overlong.is_some() {
                self.pass_over();
            }
            let end = self.whole_lines();
            if end > 0 || (self.source.is_none() && !self.rejects.is_empty()) {
                let bytes = self.buf.get(..end).unwrap_or_default();
                let mut chunk = split(bytes, self.base, self.options.max_line);
                self.consume(end);
                chunk.rejects.splice(0..0, self.rejects.drain(..));
                self.target = (self.target * 2).min(self.options.chunk);
                if !chunk.is_empty() {
                    return Some(chunk);
                }
            } else if self.source.is_none() {
                self.buf = Vec::new();
                return None;
            } else if self.overlong.is_none() && self.filled >= self.options.max_line + 2 {
                // Even with a line end next, and a carriage return before it, it is too long.
                self.overlong =
                    Some(Overlong { offset: self.base, bytes: 0, ends_in_return: false });
            }
        }
    }

    /// How many bytes of the buffer are whole lines. At the end of the input the last one needs no
    /// line end; at a fault it would be half a line, which could mean something else.
    fn whole_lines(&mut self) -> usize {
        if self.source.is_none() && self.fault.is_none() {
            return self.filled;
        }
        let fresh = self.buf.get(self.searched..self.filled).unwrap_or_default();
        match memchr::memrchr(b'\n', fresh) {
            Some(newline) => self.searched + newline + 1,
            None => {
                self.searched = self.filled;
                0
            }
        }
    }

    /// Drops the bytes of a line that is too long, up to its end.
    fn pass_over(&mut self) {
        let Some(mut line) = self.overlong.take() else { return };
        let bytes = self.buf.get(..self.filled).unwrap_or_default();
        let newline = memchr::memchr(b'\n', bytes);
        let part = bytes.get(..newline.unwrap_or(bytes.len())).unwrap_or_default();
        line.bytes += part.len() as u64;
        if let Some(last) = part.last() {
            line.ends_in_return = *last == b'\r';
        }
        if newline.is_some() || self.source.is_none() {
            let bytes = line.bytes - u64::from(line.ends_in_return);
            self.rejects.push(Reject::TooLong { offset: line.offset, bytes });
        } else {
            self.overlong = Some(line);
        }
        self.consume(newline.map_or(self.filled, |at| at + 1));
    }

    /// Removes the first bytes of the buffer.
    fn consume(&mut self, bytes: usize) {
        self.buf.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        self.base += bytes as u64;
        self.searched = 0;
    }

    /// Reads until a chunk is full, the input ends or, where lines come slowly, something came.
    fn fill(&mut self) {
        if self.codec.is_none() {
            match self.recognise() {
                Ok(codec) => {
                    self.codec = Some(codec);
                    if self.live && self.filled > 0 {
                        return;
                    }
                }
                Err(fault) => return self.close(Some(fault)),
            }
        }
        let goal = self.goal();
        if self.buf.len() < goal {
            self.buf.resize(goal, 0);
        }
        while self.filled < goal {
            let Some(source) = &mut self.source else { return };
            let free = self.buf.get_mut(self.filled..goal).unwrap_or_default();
            match source.read(free) {
                Ok(0) => return self.close(None),
                Ok(read) => self.filled += read,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                Err(fault) => return self.close(Some(fault)),
            }
            if self.live {
                return;
            }
        }
    }

    /// How full the buffer is to be: more than it is, up to what decides that a line is too long.
    fn goal(&self) -> usize {
        let limit = self.options.chunk.max(self.options.max_line + 2);
        self.target.max(self.filled.saturating_mul(2)).min(limit)
    }

    fn close(&mut self, fault: Option<io::Error>) {
        self.source = None;
        self.fault = fault;
    }

    /// Looks at the first bytes and puts the decoder that they ask for before the source.
    fn recognise(&mut self) -> io::Result<Codec> {
        let Some(mut source) = self.source.take() else { return Ok(Codec::Plain) };
        let mut head = [0; SIGNATURE];
        let (mut known, mut ended) = (0, false);
        let codec = loop {
            let seen = head.get(..known).unwrap_or_default();
            if let Detection::Is(codec) = Codec::detect(seen, ended) {
                break codec;
            }
            match source.read(head.get_mut(known..).unwrap_or_default()) {
                Ok(0) => ended = true,
                Ok(read) => known += read,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        };
        let seen = head.get(..known).unwrap_or_default();
        if codec == Codec::Plain {
            self.buf.extend_from_slice(seen);
            self.filled = known;
            self.source = Some(source);
        } else {
            self.source = Some(codec.decode(Box::new(Cursor::new(seen.to_vec()).chain(source)))?);
        }
        Ok(codec)
    }
}
