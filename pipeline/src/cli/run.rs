//! `spillway run`: the service.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::config::difference;
use crate::config::load::{self, Loaded};
use crate::hub::environment;
use crate::report::Report;
use crate::service::reload::Wanted;
use crate::service::rules::Broken;
use crate::service::run::{Role, ServiceError, Start, run};
use crate::telemetry::log;
use crate::telemetry::traces::Traces;

/// Run the service.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Without a configuration it reads the usual logs of this host, with the embedded rules.
Examples:
  spillway run
  spillway run -c /etc/spillway/spillway.yaml
  spillway run --data /tmp/spillway --listen 127.0.0.1:8081")]
pub struct Run {
    /// The configuration; by default /etc/spillway/spillway.yaml, if it is there
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What this process does
    #[arg(long, value_enum, default_value_t)]
    role: RoleArg,
    /// Directory of the store, instead of the configured one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the API, instead of the configured one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address of metrics and health, instead of the configured one
    #[arg(long, value_name = "ADDR")]
    metrics: Option<String>,
    /// Unix socket of administration, instead of the configured one
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// What alerts lead to (profiles.yaml), instead of the configured one
    #[arg(long, value_name = "FILE")]
    profiles: Option<PathBuf>,
}

/// What a process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    /// Everything
    #[default]
    All,
    /// Read and detect, without the API
    Detect,
    /// Answer bouncers and agents, without reading
    Serve,
}

impl Run {
    /// Runs the command.
    ///
    /// # Errors
    /// A configuration or rules that do not load, a store that cannot be opened, an address that is
    /// taken, a store that fails later.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        crate::input::limit::raise_open_files();
        let loaded = self.load()?;
        let first = self.read();
        let role = match self.role {
            RoleArg::All => Role::All,
            RoleArg::Detect => Role::Detect,
            RoleArg::Serve => Role::Serve,
        };
        let Loaded { settings, sources, files, .. } = loaded;
        let traces = settings.tracing.as_ref();
        let traces = traces.map(|how| Traces::start(how, &settings.machine)).transpose()?;
        log::start(&settings.log.level, settings.log.json, traces.as_ref());
        let which = Arc::new(move || self.wanted(&first));
        match run(Start { settings, sources, role, which, files }) {
            Err(ServiceError::Rules(Broken { report })) => {
                eprint!("{report}");
                anyhow::bail!("the rules do not load")
            }
            ended => ended.map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::from),
        }
    }

    fn load(&self) -> anyhow::Result<Loaded> {
        let mut loaded = self.read();
        loaded.warn_of_shared_files();
        eprint!("{}", Report::for_stderr().all(&loaded.errors, &loaded.warnings));
        anyhow::ensure!(loaded.errors.is_empty(), "the configuration does not load");
        Ok(loaded)
    }

    /// What the configuration asks for now, of a service that was started with `first`.
    fn wanted(&self, first: &Loaded) -> Result<Wanted, String> {
        let loaded = self.read();
        match loaded.errors.as_slice() {
            [] => {
                let waiting = difference::waiting(first, &loaded);
                Ok(Wanted { rules: loaded.settings.rules, waiting })
            }
            errors => Err(Report::default().all(errors, &[])),
        }
    }

    /// The configuration with what the command line says instead.
    fn read(&self) -> Loaded {
        let mut loaded = load::load(self.config.as_deref(), &environment::process);
        let settings = &mut loaded.settings;
        if let Some(data) = &self.data {
            settings.data.clone_from(data);
        }
        if let Some(listen) = &self.listen {
            settings.api.listen.clone_from(listen);
        }
        if let Some(metrics) = &self.metrics {
            settings.metrics.listen.clone_from(metrics);
        }
        if let Some(socket) = &self.socket {
            settings.api.socket = Some(socket.clone());
        }
        if let Some(profiles) = &self.profiles {
            settings.rules.profiles = Some(profiles.clone());
        }
        loaded
    }
}
