//! Where the lines behind an alert stand: coordinates as people know them, with the text where a file
//! still has it.

use std::collections::BTreeMap;
use std::path::Path;

use api::archive::FoundLine;
use operators::alert::Coordinate;

use crate::live::lanes::LaneRecord;
use crate::live::record;
use crate::state::{Store, StoreError};

/// Lines at these coordinates, one for each.
///
/// # Errors
/// The store cannot be read.
pub fn found(store: &Store, coordinates: &[Coordinate]) -> Result<Vec<FoundLine>, StoreError> {
    if coordinates.is_empty() {
        return Ok(Vec::new());
    }
    let lanes = record::lanes(store)?.into_iter();
    let lanes: BTreeMap<u32, _> = lanes.map(|(key, lane)| (lane.number, (key, lane))).collect();
    let each = coordinates.iter().map(|place| match lanes.get(&place.partition.0) {
        Some((key, lane)) => line(key, lane, place.position),
        None => FoundLine::default(),
    });
    Ok(each.collect())
}

fn line(key: &str, lane: &LaneRecord, position: u64) -> FoundLine {
    let (source, name) = key.split_once('\0').unwrap_or((key, ""));
    // Only lanes of files are called by an absolute path.
    let path = Path::new(name);
    let text =
        path.is_absolute().then(|| connectors::file::line_at(path, &lane.position, position));
    FoundLine { source: source.to_owned(), lane: name.to_owned(), text: text.flatten() }
}
