//! Flags that every command of the daily work has: which service is asked, and how answers look.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::client::Client;
use super::credentials::{self, Credentials};
use super::output::{Colour, Output};
use crate::cli::Format;
use crate::config::load;
use crate::config::settings::Settings;
use crate::hub::environment;

/// Which service is asked, and how answers look.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service and output")]
pub struct Access {
    /// Configuration of the service; by default /etc/spillway/spillway.yaml, if it is there
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its Unix socket, instead of the configured one
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "credentials")]
    socket: Option<PathBuf>,
    /// Ask over the network, as the machine of this file (url, login, password)
    #[arg(long, global = true, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// How results are printed
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Colour,
}

impl Access {
    /// The way to the service: the credentials that are named, else the socket, else the credentials
    /// of this host.
    ///
    /// # Errors
    /// The configuration or the credentials cannot be read, or nothing leads to a service.
    pub fn connect(&self) -> anyhow::Result<Client> {
        if let Some(file) = &self.credentials {
            return Client::of_machine(&Credentials::read(file)?);
        }
        let socket = match &self.socket {
            Some(socket) => socket.clone(),
            None => self.settings()?.socket(),
        };
        let own = credentials::usual();
        if !socket.exists() && self.socket.is_none() && self.config.is_none() && own.exists() {
            return Client::of_machine(&Credentials::read(&own)?);
        }
        if !socket.exists() {
            bail!(
                "no service runs here: {} is missing; start it with `spillway run`, name its \
                 configuration with `-c`, or another server with `--credentials`",
                socket.display()
            );
        }
        Client::of_socket(&socket)
    }

    /// The configuration as far as it is sound: a service that runs is not to become unreachable by a
    /// mistake in its file.
    ///
    /// # Errors
    /// The file that was named is missing.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        if let Some(missing) = self.config.as_deref().filter(|path| !path.is_file()) {
            bail!("no configuration at {}", missing.display());
        }
        Ok(load::load(self.config.as_deref(), &environment::process).settings)
    }

    /// How results are printed.
    pub fn output(&self) -> Output {
        Output::new(self.output, self.color)
    }
}
