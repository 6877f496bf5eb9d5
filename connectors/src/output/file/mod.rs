//! To a file of JSON lines. Delivery: each once. Beside the file stands another one, `FILE.position`,
//! that says how much of it is known and which message was the last: what is behind (a torn line, lines
//! that a crash left unknown) is cut off at the next start and written again.

mod known;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use known::{Known, beside, now};

use super::{Message, Output, OutputContext, OutputError, Refused, document};
use crate::retry::Backoff;
use crate::{crash, umask};

/// Settings of a file.
#[derive(Clone, Debug)]
pub struct FileConfig {
    /// Where it is. Its directory must exist.
    pub path: PathBuf,
    /// When to begin another one.
    pub rotation: Rotation,
    /// When lines are safe on the disk. Default: at each delivery.
    pub sync: Sync,
}

impl FileConfig {
    /// The defaults: no rotation, always synchronised.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), rotation: Rotation::default(), sync: Sync::Always }
    }
}

/// When a file is renamed to `FILE.1` (and that to `FILE.2`, …) and another one begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would grow beyond this. Unit: bytes.
    pub size: Option<u64>,
    /// When it was begun so long ago.
    pub age: Option<Duration>,
    /// How many old ones are kept.
    pub keep: u32,
}

/// When lines are safe on the disk, should the whole machine fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before they count as delivered.
    Always,
    /// This often.
    Every(Duration),
    /// When the system likes to.
    Never,
}

/// The output.
#[derive(Debug)]
pub struct File {
    config: FileConfig,
    context: OutputContext,
    known: Known,
    file: Option<fs::File>,
    synced: Instant,
    text: Vec<u8>,
}

impl File {
    /// A file with these settings.
    pub fn new(config: FileConfig, context: OutputContext) -> Self {
        let (known, synced) = (Known::default(), Instant::now());
        Self { config, context, known, file: None, synced, text: Vec::new() }
    }

    /// Opens the file and cuts off what is not known.
    fn open(&mut self) -> io::Result<()> {
        let path = &self.config.path;
        let mut file = opened(path)?;
        let size = file.metadata()?.len();
        let known = Known::read(path)?.filter(|known| *known.outbox == *self.context.outbox);
        self.known = match known {
            Some(known) => known,
            // Whatever is there is somebody else's.
            None => Known::new(&self.context.outbox, end_line(&mut file, size)?, None),
        };
        let size = file.metadata()?.len();
        if size > self.known.size {
            file.set_len(self.known.size)?;
        } else if size < self.known.size {
            // It was rotated, by us just before a crash or by somebody else; or it was not
            // synchronised before the whole machine failed.
            self.known.size = end_of_lines(&file, size)?;
            file.set_len(self.known.size)?;
        }
        self.file = Some(file);
        self.known.write(path, true)
    }

    fn append(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            self.text.clear();
            let mut taken = 0;
            for message in rest {
                let before = self.text.len();
                document::write(&mut self.text, message);
                self.text.push(b'\n');
                if self.is_over(self.text.len()) && (taken > 0 || self.known.size > 0) {
                    self.text.truncate(before);
                    break;
                }
                taken += 1;
            }
            let (now, later) = rest.split_at(taken);
            rest = later;
            self.write(now.last())?;
            if !rest.is_empty() {
                self.rotate()?;
            }
        }
        Ok(())
    }

    fn is_over(&self, more: usize) -> bool {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        self.config.rotation.size.is_some_and(|size| self.known.size.saturating_add(more) > size)
    }

    fn write(&mut self, last: Option<&Message>) -> io::Result<()> {
        let (Some(last), Some(file)) = (last, &mut self.file) else { return Ok(()) };
        file.write_all(&self.text)?;
        crash::point("file-written");
        let due = match self.config.sync {
            Sync::Always => true,
            Sync::Every(often) => self.synced.elapsed() >= often,
            Sync::Never => false,
        };
        if due {
            file.sync_data()?;
            self.synced = Instant::now();
        }
        self.known.size += u64::try_from(self.text.len()).unwrap_or(0);
        self.known.last = Some(last.sequence);
        crash::point("file-synced");
        self.known.write(&self.config.path, due)?;
        crash::point("file-noted");
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.config.path;
        let old = |number: u32| beside(path, &number.to_string());
        for number in (1..self.config.rotation.keep).rev() {
            rename_if_there(&old(number), &old(number + 1))?;
        }
        if self.config.rotation.keep > 0 {
            rename_if_there(path, &old(1))?;
        } else {
            fs::remove_file(path)?;
        }
        self.file = Some(opened(path)?);
        self.known = Known::new(&self.context.outbox, 0, self.known.last);
        self.known.write(path, self.config.sync == Sync::Always)
    }

    fn is_old(&self) -> bool {
        let age = Duration::from_secs(now().saturating_sub(self.known.begun));
        self.known.size > 0 && self.config.rotation.age.is_some_and(|most| age >= most)
    }
}

/// The file, made where it is not there: for whom it is made the operator's umask says.
fn opened(path: &Path) -> io::Result<fs::File> {
    let is_new = !path.exists();
    let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    if is_new {
        umask::loosen(&file)?;
    }
    Ok(file)
}

impl Output for File {
    fn module(&self) -> &'static str {
        "file"
    }

    fn resume(&mut self) -> Result<Option<u64>, OutputError> {
        self.write_all(&[])?;
        Ok(self.known.last)
    }

    fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        self.write_all(messages)?;
        self.context.count(messages, &[]);
        Ok(Vec::new())
    }
}

impl File {
    /// Writes what is not in the file yet, tried for ever.
    fn write_all(&mut self, messages: &[Message]) -> Result<(), OutputError> {
        let seed = u64::from(std::process::id());
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10), seed);
        while let Err(error) = self.try_write(messages) {
            // What was written of it is cut off when it is opened again.
            self.file = None;
            let reason = format!("{} cannot be written: {error}", self.config.path.display());
            self.context.try_later(&reason, &mut backoff)?;
        }
        self.context.health.reading();
        Ok(())
    }

    fn try_write(&mut self, messages: &[Message]) -> io::Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        if self.is_old() {
            self.rotate()?;
        }
        let known = self.known.last;
        let new = messages.partition_point(|message| Some(message.sequence) <= known);
        self.append(messages.get(new..).unwrap_or_default())
    }
}

/// Ends the last line if it has no end; how long the file is then.
fn end_line(file: &mut fs::File, size: u64) -> io::Result<u64> {
    let Some(last) = size.checked_sub(1) else { return Ok(0) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    if byte == *b"\n" {
        return Ok(size);
    }
    file.write_all(b"\n")?;
    Ok(size + 1)
}

/// Behind the last line end of the file.
fn end_of_lines(file: &fs::File, size: u64) -> io::Result<u64> {
    let mut end = size;
    let mut block = vec![0; 64 << 10];
    while end > 0 {
        let start = end.saturating_sub(64 << 10);
        let length = usize::try_from(end - start).unwrap_or(0);
        let block = block.get_mut(..length).unwrap_or_default();
        file.read_exact_at(block, start)?;
        if let Some(at) = memchr::memrchr(b'\n', block) {
            return Ok(start + u64::try_from(at).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;
    use bytes::Bytes;

    /// A file in a directory of its own, opened anew for each run.
    struct Place(tempfile::TempDir, FileConfig);

    impl Place {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let config = FileConfig::new(&directory.path().join("out.json"));
            Self(directory, config)
        }

        fn run(&self, runtime: &tokio::runtime::Runtime) -> (File, Option<u64>) {
            self.run_of("outbox", runtime)
        }

        fn run_of(&self, outbox: &str, runtime: &tokio::runtime::Runtime) -> (File, Option<u64>) {
            let context = OutputContext {
                name: "file".into(),
                outbox: outbox.into(),
                stop: Stop::new(),
                health: crate::Health::default(),
                meter: crate::metric::OutputMeter::default(),
                runtime: runtime.handle().clone(),
            };
            let mut file = File::new(self.1.clone(), context);
            let last = file.resume().unwrap();
            (file, last)
        }

        fn lines(&self, name: &str) -> Vec<String> {
            let text = fs::read_to_string(self.0.path().join(name)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn message(sequence: u64) -> Message {
        Message {
            sequence,
            stream: "decisions",
            partition_key: Bytes::new(),
            key: Bytes::new(),
            headers: std::sync::Arc::default(),
            payload: Some(format!("{{\"n\":{sequence}}}").into()),
        }
    }

    fn messages(sequences: std::ops::RangeInclusive<u64>) -> Vec<Message> {
        sequences.map(message).collect()
    }

    fn expected(sequences: std::ops::RangeInclusive<u64>) -> Vec<String> {
        sequences.map(|sequence| format!("{{\"n\":{sequence}}}")).collect()
    }

    #[test]
    fn what_a_crash_left_unknown_is_written_once() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = Place::new();
        let (mut file, last) = place.run(&runtime);
        assert_eq!(last, None);
        file.deliver(&messages(1..=3)).unwrap();
        // The crash comes between the lines and their position, the last line is torn.
        OpenOptions::new()
            .append(true)
            .open(&place.1.path)
            .unwrap()
            .write_all(b"{\"n\":4}\n{\"n\":")
            .unwrap();
        let (mut file, last) = place.run(&runtime);
        assert_eq!(last, Some(3));
        file.deliver(&messages(4..=6)).unwrap();
        assert_eq!(place.lines("out.json"), expected(1..=6));
    }

    #[test]
    fn what_others_wrote_before_stays() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = Place::new();
        fs::write(&place.1.path, "theirs").unwrap();
        place.run(&runtime).0.deliver(&messages(1..=1)).unwrap();
        assert_eq!(place.lines("out.json"), ["theirs", "{\"n\":1}"]);
        let (mut file, last) = place.run(&runtime);
        assert_eq!(last, Some(1));
        file.deliver(&messages(2..=2)).unwrap();
        assert_eq!(place.lines("out.json"), ["theirs", "{\"n\":1}", "{\"n\":2}"]);
    }

    /// A wiped store numbers anew.
    #[test]
    fn numbers_of_another_outbox_say_nothing() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = Place::new();
        place.run(&runtime).0.deliver(&messages(1..=3)).unwrap();
        let (mut file, last) = place.run_of("another", &runtime);
        assert_eq!(last, None);
        file.deliver(&messages(1..=1)).unwrap();
        assert_eq!(place.lines("out.json"), [expected(1..=3), expected(1..=1)].concat());
        assert_eq!(place.run_of("another", &runtime).1, Some(1));
    }

    #[test]
    fn files_rotate_before_they_grow_too_large() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut place = Place::new();
        place.1.rotation = Rotation { size: Some(20), age: None, keep: 2 };
        place.run(&runtime).0.deliver(&messages(1..=4)).unwrap();
        let (mut file, last) = place.run(&runtime);
        assert_eq!(last, Some(4));
        file.deliver(&messages(5..=7)).unwrap();
        let lines = ["out.json.2", "out.json.1", "out.json"].map(|name| place.lines(name));
        assert_eq!(lines, [expected(3..=4), expected(5..=6), expected(7..=7)]);
        assert!(!place.0.path().join("out.json.3").exists());
    }

    #[test]
    fn a_crash_in_a_rotation_loses_and_repeats_nothing() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = Place::new();
        place.run(&runtime).0.deliver(&messages(1..=2)).unwrap();
        fs::rename(&place.1.path, place.0.path().join("out.json.1")).unwrap();
        let (mut file, last) = place.run(&runtime);
        assert_eq!(last, Some(2));
        file.deliver(&messages(2..=3)).unwrap();
        assert_eq!(place.lines("out.json.1"), expected(1..=2));
        assert_eq!(place.lines("out.json"), expected(3..=3));
    }

    #[test]
    fn a_full_disk_is_waited_for() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = Place::new();
        let (mut file, _) = place.run(&runtime);
        fs::remove_file(&place.1.path).unwrap();
        fs::create_dir(&place.1.path).unwrap();
        file.file = None;
        let (health, config) = (file.context.health.clone(), place.1.clone());
        let writing = std::thread::spawn(move || {
            file.deliver(&messages(1..=2)).unwrap();
        });
        while health.state().name() != "retrying" {
            std::thread::yield_now();
        }
        fs::remove_dir(&config.path).unwrap();
        writing.join().unwrap();
        assert_eq!(place.lines("out.json"), expected(1..=2));
        assert_eq!(health.state().name(), "reading");
    }
}
