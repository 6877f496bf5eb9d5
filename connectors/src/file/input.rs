//! One open file, plain or packed, read from any byte of its text. Between the disk and
//! [`super::tail`].

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::head::HEAD;
use crate::codec::{Codec, Detection};

/// An open file.
pub(super) struct Input {
    file: File,
    codec: Codec,
    /// The text of an archive, which can be read in order only.
    text: Option<Box<dyn Read + Send>>,
    /// The first bytes of the text.
    begin: Vec<u8>,
    /// Memory to read them into again.
    spare: Vec<u8>,
    /// Where the next byte of an archive's text stands.
    at: u64,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("file", &self.file).field("codec", &self.codec).finish()
    }
}

impl Input {
    /// Opens a file.
    ///
    /// # Errors
    /// It is not there, may not be read, or is no regular file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Without NONBLOCK, a pipe in the place of a file would hold up all others.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let (begin, spare) = (Vec::new(), Vec::new());
        let mut input = Self { file, codec: Codec::Plain, text: None, begin, spare, at: 0 };
        let mut raw = Vec::new();
        input.read_begin(&mut raw)?;
        if let Detection::Is(codec) = Codec::detect(&raw, true) {
            input.codec = codec;
        }
        if input.codec == Codec::Plain {
            input.begin = raw;
        } else {
            input.unpack()?;
        }
        Ok(input)
    }

    /// Whether it is an archive.
    pub(super) fn is_packed(&self) -> bool {
        self.text.is_some()
    }

    /// How it is packed.
    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// The first bytes of the text as they were known last.
    pub(super) fn begin(&self) -> &[u8] {
        &self.begin
    }

    /// Looks at the first bytes again, of which there may be more now; whether those that were known
    /// are still there. Those of an archive do not change.
    pub(super) fn is_same(&mut self) -> io::Result<bool> {
        if self.is_packed() {
            return Ok(true);
        }
        let mut now = std::mem::take(&mut self.spare);
        self.read_begin(&mut now)?;
        let same = now.starts_with(&self.begin);
        if same && now.len() > self.begin.len() {
            std::mem::swap(&mut self.begin, &mut now);
        }
        self.spare = now;
        Ok(same)
    }

    /// What the system knows of it.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Reads from byte `at` of the text; 0 at its end.
    pub(super) fn read(&mut self, free: &mut [u8], at: u64) -> io::Result<usize> {
        if !self.is_packed() {
            return self.read_raw(free, at);
        }
        if at < self.at {
            self.unpack()?;
        }
        let Some(text) = &mut self.text else { return Ok(0) };
        if at > self.at {
            self.at += io::copy(&mut text.by_ref().take(at - self.at), &mut io::sink())?;
            if at > self.at {
                return Ok(0);
            }
        }
        let read = retried(|| text.read(free))?;
        self.at += read as u64;
        Ok(read)
    }

    /// Reads the bytes of the file as they are.
    pub(super) fn read_raw(&self, free: &mut [u8], at: u64) -> io::Result<usize> {
        retried(|| self.file.read_at(free, at))
    }

    /// Begins to unpack.
    fn unpack(&mut self) -> io::Result<()> {
        let mut begin = Vec::with_capacity(HEAD);
        let mut text = self.codec.decode(Box::new(FromStart::of(&self.file)?))?;
        text.by_ref().take(HEAD as u64).read_to_end(&mut begin)?;
        self.text = Some(Box::new(io::Cursor::new(begin.clone()).chain(text)));
        self.begin = begin;
        self.at = 0;
        Ok(())
    }

    fn read_begin(&self, begin: &mut Vec<u8>) -> io::Result<()> {
        begin.resize(HEAD, 0);
        let mut filled = 0;
        while let Some(free) = begin.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.read_raw(free, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        begin.truncate(filled);
        Ok(())
    }
}

/// When a file was last written. Unit: nanoseconds since 1970.
pub(super) fn modified(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

fn retried(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A file from its first byte on, whatever else reads it.
struct FromStart {
    file: File,
    at: u64,
}

impl FromStart {
    fn of(file: &File) -> io::Result<Self> {
        Ok(Self { file: file.try_clone()?, at: 0 })
    }
}

impl Read for FromStart {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(free, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text() -> Vec<u8> {
        (0..3000).map(|n| format!("line {n}\n")).collect::<String>().into_bytes()
    }

    fn read_all(input: &mut Input, from: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut free = [0; 700];
        loop {
            let read = input.read(&mut free, (from + all.len()) as u64).unwrap();
            if read == 0 {
                return all;
            }
            all.extend(&free[..read]);
        }
    }

    #[test]
    fn a_text_is_read_from_any_byte_packed_or_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for packed in [false, true] {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(&text()).unwrap();
            let bytes = if packed { packer.finish().unwrap() } else { text() };
            std::fs::write(file.path(), bytes).unwrap();
            let mut input = Input::open(file.path()).unwrap();
            assert_eq!(input.is_packed(), packed);
            assert_eq!(input.begin(), &text()[..HEAD]);
            for from in [5000, 0, 700, 100, text().len(), text().len() + 9] {
                let rest = text().get(from..).unwrap_or_default().to_vec();
                assert_eq!(read_all(&mut input, from), rest, "{packed} {from}");
            }
        }
    }

    #[test]
    fn a_text_that_was_replaced_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\n").unwrap();
        let mut input = Input::open(file.path()).unwrap();
        std::fs::write(file.path(), "one\ntwo\n").unwrap();
        assert!(input.is_same().unwrap());
        assert_eq!(input.begin(), b"one\ntwo\n");
        std::fs::write(file.path(), "one\n2\n and more").unwrap();
        assert!(!input.is_same().unwrap());
    }

    #[test]
    fn what_is_no_file_is_refused_and_holds_up_nothing() {
        let root = tempfile::tempdir().unwrap();
        assert!(Input::open(root.path()).is_err());
        let pipe = root.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(Input::open(&pipe).unwrap_err().to_string().contains("no regular file"));
    }
}
