//! `spillway completion`: completions of a shell.

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
    pub fn run(self) {
        let mut command = super::Cli::command();
        clap_complete::generate(self.shell, &mut command, "spillway", &mut std::io::stdout());
    }
}
