//! `spillway reload`: a running service takes up its rules again.

use std::process::ExitCode;

use clap::Args;
use hyper::Method;

use super::socket::SocketArgs;
use crate::service::control;
use crate::service::status::RulesStatus;

/// Take up changed rules; broken ones are refused and the old ones go on.
#[derive(Debug, Args)]
pub struct Reload {
    #[command(flatten)]
    service: SocketArgs,
}

impl Reload {
    /// Runs the command.
    ///
    /// # Errors
    /// The service does not run, or this user may not ask it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.service.ask(Method::POST, control::RELOAD)?;
        if !answer.is_success {
            eprint!("{}", String::from_utf8_lossy(&answer.body));
            eprintln!("the new rules do not load: the old ones go on");
            return Ok(ExitCode::FAILURE);
        }
        let rules: RulesStatus = serde_json::from_slice(&answer.body)?;
        if !rules.waiting.is_empty() {
            eprintln!("changed, and taken up by a restart: {}", rules.waiting.join(", "));
        }
        println!("{} parsers and {} scenarios run", rules.parsers, rules.scenarios);
        Ok(ExitCode::SUCCESS)
    }
}
