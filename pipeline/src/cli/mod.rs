//! The command line: one command, one file.

pub mod admin;
pub mod alerts;
pub mod changes;
pub mod check;
pub mod clock;
pub mod compare;
pub mod completion;
pub mod config;
pub mod emit;
pub mod explain;
pub mod figures;
pub mod hubtest;
pub mod import;
pub mod inputs;
pub mod metrics;
pub mod reload;
pub mod replay;
pub mod rules;
pub mod run;
pub mod socket;
mod state;
pub mod status;
mod store;
pub mod top;
pub mod unparsed;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Spillway runs the detection content of the CrowdSec hub over logs and prints who attacked.
#[derive(Debug, Parser)]
#[command(name = "spillway", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Try: spillway replay /var/log/auth.log /var/log/nginx/access.log")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the attacks in archived logs: alerts and decisions, the same bytes every time
    Replay(Box<replay::Replay>),
    /// Validate rules and print what would run
    Check(Box<check::Check>),
    /// Show what rules do to a line, step by step, and why not more
    Explain(Box<explain::Explain>),
    /// Run the tests of a hub, and what helps to write them
    Hubtest(Box<hubtest::Hubtest>),
    /// Import what another system knew
    Import(import::Import),
    /// Run the service
    Run(Box<run::Run>),
    /// See and change decisions
    #[command(visible_alias = "decision")]
    Decisions(Box<admin::decisions::Decisions>),
    /// See and delete alerts
    #[command(visible_alias = "alert")]
    Alerts(Box<admin::alerts::Alerts>),
    /// See and change bouncers
    #[command(visible_alias = "bouncer")]
    Bouncers(Box<admin::bouncers::Bouncers>),
    /// See and change machines
    #[command(visible_alias = "machine")]
    Machines(Box<admin::machines::Machines>),
    /// See and change allowlists
    #[command(visible_alias = "allowlist")]
    Allowlists(Box<admin::allowlists::Allowlists>),
    /// This host as a machine of a server
    Lapi(Box<admin::lapi::Lapi>),
    /// See and change which scenarios only pretend to decide
    Simulation(Box<admin::simulation::Pretence>),
    /// Gather what somebody needs who helps
    Support(Box<admin::support::Support>),
    /// Look into the store, check it, carry it elsewhere
    State(Box<state::State>),
    /// How a running service is
    Status(status::StatusArgs),
    /// Watch a running service: sources, lag, hottest keys and scenarios, last decisions
    Top(top::Top),
    /// Show lines of a running service that no parser took
    Unparsed(unparsed::Unparsed),
    /// Show the metrics of a running service
    Metrics(metrics::Metrics),
    /// Let a running service take up changed rules
    Reload(reload::Reload),
    /// What a configuration may hold, and what one holds
    Config(config::Config),
    /// Print the completions of a shell
    Completion(completion::Completion),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// JSON, for machines
    Json,
    /// Comma-separated, for spreadsheets and scripts
    Raw,
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What stopped it, for people.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Replay(replay) if !replay.compare.is_empty() => compare::run(&replay),
            Self::Replay(replay) => replay.run(),
            Self::Check(check) => check.run(),
            Self::Explain(explain) => explain.run(),
            Self::Hubtest(hubtest) => hubtest.run(),
            Self::Import(import) => import.run(),
            Self::Run(run) => run.run(),
            Self::Decisions(decisions) => decisions.run(),
            Self::Alerts(alerts) => alerts.run(),
            Self::Bouncers(bouncers) => bouncers.run(),
            Self::Machines(machines) => machines.run(),
            Self::Allowlists(allowlists) => allowlists.run(),
            Self::Lapi(lapi) => lapi.run(),
            Self::Simulation(simulation) => simulation.run(),
            Self::Support(support) => support.run(),
            Self::State(state) => state.run(),
            Self::Status(status) => status.run(),
            Self::Top(top) => top.run(),
            Self::Unparsed(unparsed) => unparsed.run(),
            Self::Metrics(metrics) => metrics.run(),
            Self::Reload(reload) => reload.run(),
            Self::Config(config) => config.run(),
            Self::Completion(completion) => completion.run().map(|()| ExitCode::SUCCESS),
        }
    }
}
