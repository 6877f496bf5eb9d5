//! Which of RocksDB's write-ahead logs and manifests is damaged. RocksDB itself says that one is, and
//! not always which. Their format: <https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format>.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Records do not cross the ends of blocks. Unit: bytes.
const BLOCK: usize = 32 << 10;
/// Checksum (4), length (2), type (1); where a file is used again its number (4) follows.
const HEADER: usize = 7;
const NUMBERED_HEADER: usize = 11;

/// The damaged ones in a directory, each with where it is damaged.
///
/// # Errors
/// The directory or a file in it cannot be read.
pub fn damaged(directory: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<_> = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.retain(|name| name.ends_with(".log") || name.starts_with("MANIFEST-"));
    names.sort();
    let mut found = Vec::new();
    for name in names {
        if let Some(at) = damage(File::open(directory.join(&name))?)? {
            found.push(format!("{name}: what stands at byte {at} is not what was written"));
        }
    }
    Ok(found)
}

/// Where the first record stands that is not what was written. The end may be missing: it was being
/// written when its process died.
fn damage(mut file: impl Read) -> io::Result<Option<u64>> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut before = 0;
    loop {
        block.clear();
        let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        if let Some(at) = damage_in(&block) {
            return Ok(Some(before + at as u64));
        }
        if read < BLOCK {
            return Ok(None);
        }
        before += read as u64;
    }
}

fn damage_in(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(header) = block.get(at..).and_then(<[u8]>::first_chunk::<HEADER>) {
        let &[a, b, c, d, low, high, kind] = header;
        let length = usize::from(u16::from_le_bytes([low, high]));
        // What was set apart and not written.
        if kind == 0 && length == 0 {
            return None;
        }
        let end = at + length + if is_numbered(kind) { NUMBERED_HEADER } else { HEADER };
        let Some(summed) = block.get(at + HEADER - 1..end) else {
            return (block.len() == BLOCK).then_some(at);
        };
        if masked(crc32c::crc32c(summed)) != u32::from_le_bytes([a, b, c, d]) {
            return Some(at);
        }
        at = end;
    }
    None
}

/// From 10 on a bit says it.
fn is_numbered(kind: u8) -> bool {
    (5..=8).contains(&kind) || kind >= 10 && kind & 1 == 1
}

/// As RocksDB keeps checksums.
fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}
