//! `spillway.yaml` and acquisition files: as written, then as meant.
//!
//! ```text
//! text ─ environment ─ yaml ─▶ values (by the lists of sections) ─▶ settings, acquisition ─▶ service
//!                                      └─▶ schema, show
//! ```

pub mod acquisition;
pub mod cluster;
pub mod difference;
pub mod key;
mod listeners;
pub mod load;
pub mod outputs;
pub mod schema;
pub mod sections;
pub mod settings;
mod shared_files;
pub mod show;
pub mod size;
mod unset;
pub mod values;
