//! Lines in: what a command line names becomes chunks of records with their positions.
//!
//! ```text
//! PATH, glob, directory, `-` ─ input ─▶ Input ─ reader (codec, lines) ─▶ Chunk of Records
//! ```
//!
//! Each input is one source partition: its lines come in the order of the file, each with the byte
//! offset at which it stands in the decompressed text. This crate knows nothing of events or rules.

pub mod codec;
pub mod input;
mod lines;
pub mod reader;
pub mod record;

pub use input::{Input, InputError, Resolved, resolve};
pub use reader::{ReadError, ReadOptions, Reader};
pub use record::{Chunk, Record, Reject, Span};
