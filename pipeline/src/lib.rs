//! Spillway as a program: what joins records, rules and the world.

pub mod lookup;
