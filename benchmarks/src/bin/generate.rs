//! `generate`: writes a seeded log to the standard output.

use std::io::{self, BufWriter, ErrorKind};

use anyhow::{Context, Result};
use benchmarks::generator::arguments::Arguments;
use benchmarks::generator::generate;
use clap::Parser;

fn main() -> Result<()> {
    let plan = Arguments::parse().plan();
    match generate(&plan, &mut BufWriter::new(io::stdout().lock())) {
        // The reader has seen enough, as with `| head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("write the log to the standard output"),
    }
}
