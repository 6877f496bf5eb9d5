//! Where to resume a lane: what a source says with each delivery, the store keeps, and the same kind
//! of source understands after a restart.
//!
//! The text is JSON, so that `spillway state` can show it to people. Each source owns the shape of
//! its positions and names it in its file; a shape never changes its meaning, it gets new fields.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A place in a lane, opaque to everybody but the kind of source that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(Arc<str>);

/// A kept position that this source does not understand: it was written by another kind.
#[derive(Debug, thiserror::Error)]
#[error("position {text:?} is of another kind of source")]
pub struct PositionError {
    text: String,
    source: serde_json::Error,
}

impl Position {
    /// Writes a place down.
    pub fn new<T: Serialize>(place: &T) -> Self {
        // A position is a plain struct of numbers and texts: writing it to memory cannot fail.
        Self(serde_json::to_string(place).unwrap_or_default().into())
    }

    /// What [`Position::as_str`] gave.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the place again.
    ///
    /// # Errors
    /// It was not written as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, PositionError> {
        serde_json::from_str(&self.0)
            .map_err(|source| PositionError { text: self.0.to_string(), source })
    }
}
