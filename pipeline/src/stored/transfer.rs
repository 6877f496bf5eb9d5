//! A store as text and back: a first line that says what it is, then one line of JSON for each record,
//! keys and values in base64. What a store of this format holds moves to another machine with it.

use std::io::{self, BufRead, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::live::record::OUTBOX_NAME;
use crate::state::{FORMAT, Family, Store, StoreError};

/// Records of one commit.
const AT_ONCE: usize = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    spillway: String,
    format: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    family: &'a str,
    key: String,
    value: String,
}

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text cannot be read or written.
    #[error("the export cannot be read or written")]
    Text(#[from] io::Error),
    /// A line is not what an export has.
    #[error("line {number}: {reason}")]
    Line {
        /// Its number, from 1 on.
        number: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Writes a store as text; the number of records.
///
/// # Errors
/// The store cannot be read, or the text not written.
pub fn export(store: &Store, to: &mut dyn Write) -> Result<u64, TransferError> {
    let head = Head { spillway: env!("CARGO_PKG_VERSION").to_owned(), format: FORMAT };
    let mut records = 0;
    line(to, &head)?;
    for family in Family::ALL {
        for entry in store.scan(*family, &[]) {
            let (key, value) = entry?;
            if is_own(*family, &key) {
                continue;
            }
            let (key, value) = (BASE64_STANDARD.encode(key), BASE64_STANDARD.encode(value));
            line(to, &Line { family: family.name(), key, value })?;
            records += 1;
        }
    }
    to.flush()?;
    Ok(records)
}

/// What must not be in two stores: outputs would take the messages of one for those of the other.
fn is_own(family: Family, key: &[u8]) -> bool {
    family == Family::Meta && key == OUTBOX_NAME
}

fn line<T: Serialize>(to: &mut dyn Write, value: &T) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

/// Writes the records of an export into a store, which should be a new one; their number.
///
/// # Errors
/// The text is no export of this format, or the store cannot be written.
pub fn import(from: &mut dyn BufRead, store: &Store) -> Result<u64, TransferError> {
    let (mut text, mut number, mut records) = (String::new(), 1, 0);
    from.read_line(&mut text)?;
    let head: Head = read(&text, number)?;
    if head.format != FORMAT {
        let Head { spillway, format } = head;
        let reason =
            format!("format {format} (of version {spillway}), this version reads {FORMAT}");
        return Err(TransferError::Line { number, reason });
    }
    let mut batch = store.batch();
    loop {
        text.clear();
        number += 1;
        if from.read_line(&mut text)? == 0 {
            break;
        }
        let Line { family, key, value } = read(&text, number)?;
        let bad = |reason: String| TransferError::Line { number, reason };
        let known = Family::ALL.iter().find(|known| known.name() == family);
        let family = known.ok_or_else(|| bad(format!("there is no family `{family}`")))?;
        let decode = |text: &str| {
            BASE64_STANDARD.decode(text).map_err(|error| bad(format!("no base64: {error}")))
        };
        batch.put(*family, &decode(&key)?, &decode(&value)?);
        records += 1;
        if batch.len() >= AT_ONCE {
            store.commit(std::mem::replace(&mut batch, store.batch()))?;
        }
    }
    store.commit(batch)?;
    Ok(records)
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, number: u64) -> Result<T, TransferError> {
    serde_json::from_str(text).map_err(|error| TransferError::Line {
        number,
        reason: format!("this is no line of an export: {error}"),
    })
}
