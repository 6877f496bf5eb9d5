//! The `spillway` binary: arguments to command to exit code.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;
use pipeline::cli::Cli;

/// A run allocates for every event that it keeps; this takes less time for it than the platform's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of our output went away, as `head` does. A connection that broke is a failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_connection =
        error.chain().any(|cause| cause.is::<reqwest::Error>() || cause.is::<hyper::Error>());
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let plain = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        plain.or_else(|| cause.downcast_ref::<serde_json::Error>()?.io_error_kind())
    };
    !is_connection && error.chain().filter_map(kind).any(|kind| kind == ErrorKind::BrokenPipe)
}
