//! Which store a command works on that opens it itself.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::config::load;
use crate::hub::environment;

/// Which store it is.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// Configuration of the service; by default /etc/spillway/spillway.yaml, if it is there
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Directory of the store, instead of the configured one
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl StoreArgs {
    /// Its directory. What is wrong with the rest of the configuration is no matter here.
    ///
    /// # Errors
    /// The configuration that was named is not there.
    pub(super) fn directory(self) -> anyhow::Result<PathBuf> {
        if let Some(data) = self.data {
            return Ok(data);
        }
        if let Some(missing) = self.config.as_deref().filter(|path| !path.is_file()) {
            bail!("no configuration at {}", missing.display());
        }
        Ok(load::load(self.config.as_deref(), &environment::process).settings.data)
    }
}
