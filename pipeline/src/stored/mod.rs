//! What a store holds, as people look at it, check it and carry it elsewhere: `spillway state`.

pub mod buckets;
pub mod journal;
pub mod transfer;
pub mod verify;
