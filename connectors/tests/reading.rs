//! Whole inputs through [`connectors::Reader`]: every codec, every kind of damage, any chunk size.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::metric::Reason;
use connectors::{Chunk, ReadError, ReadOptions, Reader, Reject, resolve};
use proptest::prelude::*;

/// All that an input gave.
#[derive(Debug, Default)]
struct Outcome {
    lines: Vec<(u64, String)>,
    rejects: Vec<Reject>,
    repaired: u32,
    chunks: usize,
    error: Option<ReadError>,
}

fn drain(mut reader: Reader) -> Outcome {
    let mut outcome = Outcome::default();
    while let Some(next) = reader.next_chunk() {
        assert!(outcome.error.is_none(), "nothing comes after an error");
        match next {
            Ok(chunk) => take(&mut outcome, &chunk),
            Err(error) => outcome.error = Some(error),
        }
    }
    assert!(!reader.is_open());
    assert!(reader.next_chunk().is_none(), "the end stays the end");
    outcome
}

fn take(outcome: &mut Outcome, chunk: &Chunk) {
    assert!(!chunk.is_empty());
    outcome.chunks += 1;
    outcome.repaired += chunk.repaired;
    outcome.rejects.extend_from_slice(&chunk.rejects);
    outcome.lines.extend(chunk.records().map(|r| (r.span.offset, r.line().to_owned())));
}

fn read(bytes: &[u8], options: ReadOptions) -> Outcome {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    read_path(file.path(), options, &Arc::default())
}

fn read_path(path: &Path, options: ReadOptions, meter: &Arc<AtomicU64>) -> Outcome {
    let found = resolve(&[path]);
    assert!(found.errors.is_empty(), "{:?}", found.errors);
    drain(Reader::new(&found.inputs[0], options, Arc::clone(meter)))
}

const SMALL: ReadOptions = ReadOptions { max_line: 40, chunk: 64, first_chunk: 8 };

fn text(lines: usize) -> Vec<u8> {
    let line = |n| format!("line {n} of a log, sometimes with é and 漢\r\n");
    (0..lines).map(line).collect::<String>().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// A codec's name, which errors tell, and how to pack.
type Packer = (&'static str, fn(&[u8]) -> Vec<u8>);

const PACKERS: &[Packer] = &[("gzip", gzip), ("bzip2", bzip2), ("xz", xz), ("zstd", zstd)];

#[test]
fn every_codec_gives_the_plain_lines() {
    let plain = text(5000);
    let expected = read(&plain, ReadOptions::default());
    assert_eq!(expected.lines.len(), 5000);
    for (name, pack) in PACKERS {
        let got = read(&pack(&plain), ReadOptions::default());
        assert!(got.error.is_none(), "{name}: {:?}", got.error);
        assert_eq!(got.lines, expected.lines, "{name}");
    }
}

#[test]
fn several_members_are_one_text() {
    let plain = text(50);
    let (first, second) = plain.split_at(plain.len() / 2);
    let expected = read(&plain, ReadOptions::default());
    for (name, pack) in PACKERS {
        let both = [pack(first), pack(second)].concat();
        let got = read(&both, ReadOptions::default());
        assert!(got.error.is_none(), "{name}: {:?}", got.error);
        assert_eq!(got.lines, expected.lines, "{name}");
    }
}

#[test]
fn an_empty_input_is_fine_packed_or_not() {
    for bytes in [Vec::new(), b"\n\r\n\n".to_vec()] {
        for (name, pack) in PACKERS.iter().chain([&("plain", <[u8]>::to_vec as fn(&[u8]) -> _)]) {
            let got = read(&pack(&bytes), ReadOptions::default());
            assert!(got.error.is_none() && got.chunks == 0, "{name}: {got:?}");
        }
    }
}

#[test]
fn a_truncated_archive_gives_its_whole_lines_and_then_an_error() {
    let plain: Vec<u8> = (0..40_000_u32)
        .flat_map(|n| format!("{:x}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect();
    let expected = read(&plain, ReadOptions::default()).lines;
    for (name, pack) in PACKERS {
        let packed = pack(&plain);
        let got = read(&packed[..packed.len() * 3 / 4], ReadOptions::default());
        let Some(ReadError::Damaged { offset, .. }) = got.error else {
            panic!("{name}: {:?}", got.error)
        };
        assert!(got.lines.len() < expected.len(), "{name}");
        assert_eq!(got.lines, expected[..got.lines.len()], "{name}");
        assert_eq!(offset, expected[got.lines.len()].0, "{name}");
        let head = read(&packed[..packed.len().min(12)], ReadOptions::default());
        assert!(matches!(head.error, Some(ReadError::Damaged { .. })), "{name}");
    }
}

#[test]
fn a_corrupt_archive_is_an_error() {
    for (name, pack) in PACKERS {
        let mut packed = pack(&text(20_000));
        let middle = packed.len() / 2;
        for byte in &mut packed[middle..middle + 64] {
            *byte = !*byte;
        }
        let error = read(&packed, ReadOptions::default()).error;
        assert!(matches!(error, Some(ReadError::Damaged { .. })), "{name}: {error:?}");
        assert!(error.unwrap().to_string().contains(name));
    }
}

#[test]
fn a_line_of_ten_megabytes_is_a_counted_reject_between_good_ones() {
    let long = "x".repeat(10 << 20);
    let input = format!("before\n{long}\r\nafter\n{long}");
    for options in
        [ReadOptions::default(), ReadOptions { chunk: 32 << 20, ..ReadOptions::default() }]
    {
        let got = read(input.as_bytes(), options);
        let after = 7 + (10 << 20) + 2;
        assert_eq!(got.lines, [(0, "before".to_owned()), (after, "after".to_owned())]);
        let reject = |offset| too_long(offset, long.as_bytes());
        assert_eq!(got.rejects, [reject(7), reject(after + 6)]);
    }
}

#[test]
fn a_line_of_exactly_the_limit_is_read() {
    let line = "x".repeat(40);
    for end in ["\n", "\r\n", ""] {
        assert_eq!(read(format!("{line}{end}").as_bytes(), SMALL).lines, [(0, line.clone())]);
        let got = read(format!("{line}x{end}").as_bytes(), SMALL);
        assert_eq!(got.rejects, [too_long(0, format!("{line}x").as_bytes())], "{end:?}");
    }
}

#[test]
fn nul_bytes_and_a_missing_last_newline_are_kept_and_fine() {
    let got = read(b"a\0b\nlast", SMALL);
    assert_eq!(got.lines, [(0, "a\0b".to_owned()), (4, "last".to_owned())]);
}

#[test]
fn the_meter_counts_packed_bytes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let packed = gzip(&text(5000));
    fs::write(file.path(), &packed).unwrap();
    let meter = Arc::new(AtomicU64::new(0));
    read_path(file.path(), ReadOptions::default(), &meter);
    assert_eq!(meter.load(Ordering::Relaxed), packed.len() as u64);
}

#[test]
fn a_file_is_opened_at_the_first_call_and_one_that_is_gone_says_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let found = resolve(&[file.path()]);
    let reader = Reader::new(&found.inputs[0], ReadOptions::default(), Arc::default());
    assert!(!reader.is_open());
    let path = file.path().to_owned();
    drop(file);
    let error = drain(reader).error.unwrap();
    assert!(matches!(error, ReadError::Open { .. }));
    assert!(error.to_string().starts_with(&path.display().to_string()));
}

#[test]
fn what_may_not_be_read_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let (file, directory) = (root.path().join("a.log"), root.path().join("closed"));
    fs::write(&file, "x\n").unwrap();
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&directory).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let found = resolve(&[root.path()]);
    assert_eq!(found.errors.len(), 1);
    assert!(found.errors[0].to_string().contains("closed cannot be read: run as"));
    let reader = Reader::new(&found.inputs[0], ReadOptions::default(), Arc::default());
    assert!(drain(reader).error.unwrap().to_string().contains("run as a user who may read it"));
}

#[test]
fn the_first_chunk_is_small() {
    let mut reader = Reader::of_stream(
        "s",
        io::Cursor::new(text(100_000)),
        ReadOptions::default(),
        Arc::default(),
    );
    let first = reader.next_chunk().unwrap().unwrap();
    assert!(first.text.len() <= ReadOptions::default().first_chunk);
}

#[test]
fn what_was_peeked_at_comes_once() {
    let input = io::Cursor::new(text(1000));
    let mut reader = Reader::of_stream("s", input, ReadOptions::default(), Arc::default());
    assert_eq!(reader.peek().unwrap().lines[0].offset, 0);
    assert_eq!(reader.peek().unwrap().lines[0].offset, 0);
    let expected = read(&text(1000), ReadOptions::default());
    assert_eq!(drain(reader).lines, expected.lines);
}

#[test]
fn a_parked_file_is_closed_and_goes_on_where_it_was() {
    let plain = [text(400), b"x".repeat(500), b"\n".to_vec(), text(400)].concat();
    let options = ReadOptions { max_line: 100, chunk: 4096, first_chunk: 1024 };
    let expected = read(&plain, options);
    for (name, pack) in PACKERS.iter().chain([&("plain", <[u8]>::to_vec as fn(&[u8]) -> _)]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), pack(&plain)).unwrap();
        let meter = Arc::new(AtomicU64::new(0));
        let input = &resolve(&[file.path()]).inputs[0];
        let mut reader = Reader::new(input, options, Arc::clone(&meter));
        let mut got = Outcome::default();
        while let Some(chunk) = reader.next_chunk() {
            take(&mut got, &chunk.unwrap());
            reader.park();
        }
        assert_eq!((got.lines, got.rejects), (expected.lines.clone(), expected.rejects.clone()));
        assert_eq!(Some(meter.load(Ordering::Relaxed)), input.size, "{name}");
    }
}

#[test]
fn parking_closes_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text(1000)).unwrap();
    let input = &resolve(&[file.path()]).inputs[0];
    let mut reader = Reader::new(input, ReadOptions::default(), Arc::default());
    reader.peek();
    assert!(reader.is_open());
    reader.park();
    assert!(!reader.is_open());
}

/// A pipe that blocks when nothing was written: reading on would hang, here it panics.
struct Slow(Vec<&'static [u8]>);

impl Read for Slow {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let part = self.0.remove(0);
        buf[..part.len()].copy_from_slice(part);
        Ok(part.len())
    }
}

#[test]
fn lines_of_a_stream_come_as_soon_as_they_are_there() {
    let parts: Vec<&[u8]> = vec![b"one\n", b"two\nthr", b"ee", b"\n", b""];
    let mut reader = Reader::of_stream("-", Slow(parts), ReadOptions::default(), Arc::default());
    let mut next = || {
        let chunk = reader.next_chunk()?.unwrap();
        Some(chunk.records().map(|r| r.line().to_owned()).collect::<Vec<_>>().join(","))
    };
    assert_eq!(next().as_deref(), Some("one"));
    assert_eq!(next().as_deref(), Some("two"));
    assert_eq!(next().as_deref(), Some("three"));
    assert_eq!(next(), None);
}

/// Fails after some bytes, as a bad disk does.
struct Failing(io::Cursor<&'static [u8]>);

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 => Err(io::Error::from_raw_os_error(5)),
            read => Ok(read),
        }
    }
}

#[test]
fn a_failing_read_keeps_the_whole_lines_before_it() {
    let source = Failing(io::Cursor::new(b"one\ntwo\nthr"));
    let got = drain(Reader::of_stream("disk", source, SMALL, Arc::default()));
    assert_eq!(got.lines, [(0, "one".to_owned()), (4, "two".to_owned())]);
    assert!(matches!(got.error, Some(ReadError::Read { offset: 8, .. })));
}

/// A line that is too long: its first 4 KiB are kept, without half a character.
fn too_long(offset: u64, line: &[u8]) -> Reject {
    let shown = &line[..line.len().min(4 << 10)];
    let text = String::from_utf8_lossy(match str::from_utf8(shown) {
        Err(error) if error.error_len().is_none() => &shown[..error.valid_up_to()],
        _ => shown,
    });
    let (reason, bytes) = (Reason::TooLong, line.len() as u64);
    Reject { offset, reason, text: text.into(), bytes }
}

/// What the line rules say, one line at a time.
fn plainly(bytes: &[u8], max_line: usize) -> (Vec<(u64, String)>, Vec<Reject>) {
    let (mut lines, mut rejects, mut offset) = (Vec::new(), Vec::new(), 0_u64);
    for whole in bytes.split(|byte| *byte == b'\n') {
        let line = whole.strip_suffix(b"\r").unwrap_or(whole);
        if line.len() > max_line {
            rejects.push(too_long(offset, line));
        } else if !line.is_empty() {
            lines.push((offset, String::from_utf8_lossy(line).into_owned()));
        }
        offset += whole.len() as u64 + 1;
    }
    (lines, rejects)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z é漢]{0,12}".prop_map(String::into_bytes),
        2 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(vec![0]),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => (0..100_usize).prop_map(|n| vec![b'x'; n]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn chunk_sizes_change_nothing(
        bytes in bytes(), max_line in 1..60_usize, chunk in 1..90_usize, first in 1..20_usize,
        pack in 0..5_usize,
    ) {
        let options = ReadOptions { max_line, chunk, first_chunk: first };
        let packed = PACKERS.get(pack).map_or(bytes.clone(), |(_, pack)| pack(&bytes));
        let got = read(&packed, options);
        // A random text may begin as an archive does; that one is none.
        prop_assume!(pack < 4 || got.error.is_none());
        let (lines, rejects) = plainly(&bytes, max_line);
        prop_assert_eq!(got.lines, lines);
        prop_assert_eq!(got.rejects, rejects);
    }

    #[test]
    fn a_line_stands_at_its_offset(bytes in bytes(), chunk in 1..90_usize) {
        let options = ReadOptions { max_line: 1000, chunk, first_chunk: 1 };
        let got = drain(Reader::of_stream("-", io::Cursor::new(bytes.clone()), options, Arc::default()));
        for (offset, line) in got.lines {
            let rest = &bytes[usize::try_from(offset).unwrap()..];
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let there = String::from_utf8_lossy(&rest[..end]);
            prop_assert_eq!(there.strip_suffix('\r').unwrap_or(&there), line);
        }
    }
}
