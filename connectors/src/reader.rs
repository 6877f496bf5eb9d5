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
use crate::line_buffer::{LineBuffer, Rest};
use crate::record::Chunk;

pub use crate::line_buffer::MAX_BUFFER;

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Longest line; what is longer is a [`crate::Reject`]. Unit: bytes without the line end.
    pub max_line: usize,
    /// About how much text a chunk holds. Unit: bytes.
    pub chunk: usize,
    /// The same for the first chunk, from which the size doubles: little is held for the many
    /// inputs that have only begun, and the first lines are there soon. Unit: bytes.
    pub first_chunk: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { max_line: 1 << 20, chunk: 64 << 10, first_chunk: 16 << 10 }
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
        if stream.live || stream.source.is_none() || !stream.buffer.is_between_lines() {
            return;
        }
        let counted = stream.counted.load(Ordering::Relaxed);
        self.meter.fetch_sub(counted, Ordering::Relaxed);
        self.state = State::Closed(place.clone(), stream.buffer.position());
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
        let (fault, codec, offset) = (stream.fault.take(), stream.codec, stream.buffer.position());
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

/// An open input.
struct Stream {
    /// `None` once its end or a fault was seen: files are closed at once.
    source: Option<Box<dyn Read + Send>>,
    /// Bytes that were read from it, before they were unpacked.
    counted: Arc<AtomicU64>,
    codec: Option<Codec>,
    /// Whether lines may come slowly, so that a chunk must not wait for more.
    live: bool,
    fault: Option<io::Error>,
    buffer: LineBuffer,
    target: usize,
    options: ReadOptions,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("codec", &self.codec).field("buffer", &self.buffer).finish()
    }
}

impl Stream {
    fn new(source: Source, live: bool, mut options: ReadOptions) -> Self {
        options.chunk = options.chunk.clamp(1, MAX_BUFFER);
        options.first_chunk = options.first_chunk.clamp(1, options.chunk);
        Self {
            source: Some(source.reader),
            counted: source.counted,
            codec: None,
            live,
            fault: None,
            buffer: LineBuffer::new(0, options.max_line),
            target: options.first_chunk,
            options,
        }
    }

    /// Passes over the first bytes of the text, which were handed out before.
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.codec = Some(self.recognise()?);
        let head = bytes.min(self.buffer.filled() as u64);
        self.buffer.consume(usize::try_from(head).unwrap_or(0));
        if let Some(source) = &mut self.source {
            io::copy(&mut source.take(bytes - head), &mut io::sink())?;
        }
        if self.buffer.filled() == 0 {
            self.buffer.restart(bytes);
        }
        Ok(())
    }

    /// The next lines or rejects, `None` at the end or at a fault.
    fn next_chunk(&mut self) -> Option<Chunk> {
        loop {
            self.fill();
            let rest = match (&self.source, &self.fault) {
                (Some(_), _) => Rest::Open,
                (None, None) => Rest::Ended,
                (None, Some(_)) => Rest::Lost,
            };
            if let Some(chunk) = self.buffer.take(rest) {
                self.target = (self.target * 2).min(self.options.chunk);
                return Some(chunk);
            }
            if self.source.is_none() {
                self.buffer.release();
                return None;
            }
        }
    }

    /// Reads until a chunk is full, the input ends or, where lines come slowly, something came.
    fn fill(&mut self) {
        if self.codec.is_none() {
            match self.recognise() {
                Ok(codec) => {
                    self.codec = Some(codec);
                    if self.live && self.buffer.filled() > 0 {
                        return;
                    }
                }
                Err(fault) => return self.close(Some(fault)),
            }
        }
        let goal = self.buffer.goal(self.target, self.options.chunk);
        while self.buffer.filled() < goal {
            let Some(source) = &mut self.source else { return };
            match source.read(self.buffer.free(goal)) {
                Ok(0) => return self.close(None),
                Ok(read) => self.buffer.add(read),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                Err(fault) => return self.close(Some(fault)),
            }
            if self.live {
                return;
            }
        }
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
            self.buffer.extend(seen);
            self.source = Some(source);
        } else {
            self.source = Some(codec.decode(Box::new(Cursor::new(seen.to_vec()).chain(source)))?);
        }
        Ok(codec)
    }
}
