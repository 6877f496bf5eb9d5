//! `spillway completion`: completions of a shell.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print the completions of a shell.
#[derive(Debug, Args)]
#[command(after_help = "Try: spillway completion bash > /etc/bash_completion.d/spillway")]
pub struct Completion {
    /// The shell
    shell: Shell,
}

impl Completion {
    /// Prints them.
    ///
    /// # Errors
    /// Nobody reads them.
    pub fn run(self) -> anyhow::Result<()> {
        // The generator panics where it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "spillway", &mut script);
        Ok(std::io::stdout().write_all(&script)?)
    }
}
