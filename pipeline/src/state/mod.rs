//! What is kept: one RocksDB, one atomic and synced batch per commit.

pub mod directory;
mod error;
mod family;
mod rocks;

pub use error::StoreError;
pub use family::Family;
pub use rocks::{Batch, Budget, Entry, FORMAT, Store};
