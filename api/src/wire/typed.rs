//! Keys of a body that are read for their types alone: what comes in is a value, nothing comes out, and a
//! value of another type is refused as CrowdSec refuses it.

use std::marker::PhantomData;

use serde::Deserializer;

use super::target::Target;

/// A value of this type, or null or absent; it takes no space.
#[derive(Debug)]
pub(super) struct Typed<T>(PhantomData<T>);

impl<T> Default for Typed<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Target<'de>> Target<'de> for Typed<T> {
    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        T::default().value(from)
    }
}
