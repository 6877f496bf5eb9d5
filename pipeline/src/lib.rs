//! Spillway as a program: what joins records, rules and the world.

pub mod acquisition;
pub mod cli;
pub mod compile;
pub mod config;
pub mod content;
pub mod derive;
pub mod detection;
pub mod emit;
pub mod explain;
pub mod graph;
pub mod hub;
pub mod hubtest;
pub mod ingest;
pub mod input;
pub mod judge;
pub mod live;
pub mod lookup;
pub mod outputs;
pub mod replay;
pub mod report;
pub mod serve;
pub mod service;
pub mod state;
pub mod stored;
pub mod telemetry;
pub mod transform;
