//! A line of a lane, read again for people. The file that the lane reads is asked alone: of those before
//! it, which may be packed or gone, nothing is said.

use std::path::Path;

use super::input::Input;
use super::place::Place;

/// Bytes of a line that are shown.
const MOST: usize = 4_096;

/// The line that begins at `offset` of the lane of `path`, cut to 4 KiB. `position` is where the
/// lane was last known to be; `None` where the file is another one by now, or the line is not in it.
pub fn line_at(path: &Path, position: &str, offset: u64) -> Option<String> {
    let place: Place = serde_json::from_str(position).ok()?;
    let at = offset.checked_sub(place.base)?;
    let mut input = Input::open(path).ok()?;
    if !place.head.is_of(input.begin()) || place.head.is_empty() {
        return None;
    }
    let mut bytes = vec![0; MOST];
    let mut filled = 0;
    while let Some(free) = bytes.get_mut(filled..).filter(|free| !free.is_empty()) {
        match input.read(free, at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(_) => return None,
        }
    }
    let line = bytes.get(..filled)?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::head::Head;

    #[test]
    fn a_line_is_found_in_the_file_that_it_was_read_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let text = "first\nsecond\r\nthird";
        std::fs::write(&path, text).unwrap();
        let place = Place { base: 100, head: Head::of(text.as_bytes()), ..Place::default() };
        let position = serde_json::to_string(&place).unwrap();
        let line = |offset| line_at(&path, &position, offset);
        assert_eq!(line(100).as_deref(), Some("first"));
        assert_eq!(line(106).as_deref(), Some("second"));
        assert_eq!(line(114).as_deref(), Some("third"));
        // Of the file before, and behind its end.
        assert_eq!((line(7), line(500)), (None, None));
        std::fs::write(&path, "other\nsecond\nthird").unwrap();
        assert_eq!(line(106), None);
    }
}
