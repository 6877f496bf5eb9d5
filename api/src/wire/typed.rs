//! Keys of a body that are read for their types alone: what comes in is a value, nothing comes out, and a
//! value of another type is refused as CrowdSec refuses it.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};

/// A value of this type, or null or absent; it takes no space.
#[derive(Debug)]
pub(super) struct Typed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Typed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(|_| Self(PhantomData))
    }
}
