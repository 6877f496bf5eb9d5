//! `spillway run`: the service. For now its serving half: the API that bouncers and agents talk to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use api::listen::{self, Bounds};
use api::service::Policy;
use clap::{Args, ValueEnum};
use operators::profile::{Decide, Exempt};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};

use super::rules::RuleArgs;
use crate::serve::flush::Retention;
use crate::serve::{Options, Serving};
use crate::state::{Budget, Store};

/// Run the service.
#[derive(Debug, Args)]
pub struct Run {
    /// What this process does
    #[arg(long, value_enum, default_value_t)]
    role: Role,
    /// Directory of the store
    #[arg(long, value_name = "DIR", default_value = "/var/lib/spillway")]
    data: PathBuf,
    /// Address of the API
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Unix socket of the API, besides the address
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// What alerts lead to (profiles.yaml); by default a ban of 4 hours for what asks for one
    #[arg(long, value_name = "FILE")]
    profiles: Option<PathBuf>,
}

/// What a process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Answer bouncers and agents
    #[default]
    Serve,
}

impl Run {
    /// Runs the command.
    ///
    /// # Errors
    /// Profiles that do not load, a store that cannot be opened, an address that is taken.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        crate::input::limit::raise_open_files();
        let Role::Serve = self.role;
        tracing_subscriber::fmt()
            .with_env_filter(
                tracing_subscriber::EnvFilter::try_from_default_env()
                    .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
            )
            .with_writer(std::io::stderr)
            .init();
        let store = Arc::new(Store::open(&self.data, Budget::default())?);
        let rules = RuleArgs { profiles: self.profiles.clone(), ..RuleArgs::default() };
        let loaded = rules.load(Box::new(|_| None))?;
        let exempt = Arc::new(Exempt::default());
        let program = Arc::clone(&loaded.rules.program);
        let secret = std::env::var_os("CS_LAPI_SECRET").filter(|secret| !secret.is_empty());
        let serving = Serving::start(Options {
            store,
            decide: Decide::new(Arc::clone(&loaded.profiles), exempt, program),
            lookups: loaded.lookups,
            policy: Policy::default(),
            retention: Retention::default(),
            secret: secret.map(std::os::unix::ffi::OsStringExt::into_vec),
            now: unix_nanos,
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve(&serving))?;
        // Whatever a request still holds ends with the runtime.
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        serving.finish();
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(&self, serving: &Serving) -> anyhow::Result<()> {
        let router = api::routes::router(Arc::clone(&serving.service));
        let stopping = serving.service.stopping.clone();
        let bounds = Bounds::default();
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("listen on {}", self.listen))?;
        tracing::info!(address = %listener.local_addr()?, "the API listens");
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(listen::tcp(listener, router.clone(), bounds, stopping.clone()));
        if let Some(path) = &self.socket {
            let listener = unix_listener(path)?;
            tasks.spawn(listen::unix(listener, router, bounds, stopping));
        }
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping");
        serving.stop();
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

/// A Unix socket that a process before may have left behind.
fn unix_listener(path: &PathBuf) -> anyhow::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_err() {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", path.display()));
            }
            _ => {}
        }
    }
    UnixListener::bind(path).with_context(|| format!("listen on {}", path.display()))
}

/// The present. Unit: nanoseconds since the Unix epoch.
pub(super) fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
