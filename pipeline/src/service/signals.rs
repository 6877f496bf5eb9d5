//! What tells the service to do something while it runs: signals, changed files; and what it tells the
//! service manager.

use std::path::PathBuf;
use std::sync::Arc;

use api::listen::tls::Tls;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::observer::Observer;
use super::rules::Broken;
use super::watching::{self, Look, Watching};
use crate::cli::rules::RuleArgs;

/// Does what signals say, until somebody wants the service to end, or it has.
///
/// # Errors
/// Signals are refused.
pub async fn attend(
    mut ended: Option<watch::Receiver<bool>>,
    observer: &Arc<Observer>,
) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(keep_watchdog_quiet(Arc::clone(observer)));
    notify(&[NotifyState::Ready]);
    tracing::info!("the service runs");
    let ends = async {
        match &mut ended {
            // Its sender lives as long as its thread.
            Some(ended) => drop(ended.wait_for(|ended| *ended).await),
            None => std::future::pending().await,
        }
    };
    tokio::pin!(ends);
    loop {
        tokio::select! {
            _ = terminate.recv() => break tracing::info!("stopping"),
            _ = interrupt.recv() => break tracing::info!("stopping"),
            () = &mut ends => break tracing::error!("detection ended"),
            _ = hangup.recv() => reload(observer).await,
        }
    }
    notify(&[NotifyState::Stopping]);
    Ok(())
}

/// Takes up changed rules; what is wrong with them is in the log.
async fn reload(observer: &Observer) {
    let reloader = Arc::clone(&observer.reloader);
    // Rules compile for seconds.
    if let Ok(Err(Broken { report })) = tokio::task::spawn_blocking(move || reloader.reload()).await
    {
        eprint!("{report}");
    }
}

/// Reads certificates again at each SIGHUP, until the service ends.
pub async fn reload_certificates(tls: Arc<Tls>, mut stopping: watch::Receiver<bool>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            _ = hangup.recv() => tls.reload(),
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Takes up rules whenever their files look other than `known`, which is how they looked before the
/// rules that run were loaded.
pub async fn watch_rules(
    (rules, files): (RuleArgs, Vec<PathBuf>),
    known: Look,
    observer: Arc<Observer>,
) {
    let (rules, files) = (Arc::new(rules), Arc::new(files));
    let look = || {
        let (rules, files) = (Arc::clone(&rules), Arc::clone(&files));
        tokio::task::spawn_blocking(move || watching::look(&rules, &files))
    };
    let mut watching = Watching::new(known);
    loop {
        tokio::time::sleep(watching::EVERY).await;
        let Ok(now) = look().await else { return };
        if watching.has_changed(now) {
            reload(&observer).await;
        }
    }
}

/// Tells systemd's watchdog that all is well, as long as it is.
async fn keep_watchdog_quiet(observer: Arc<Observer>) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    loop {
        match observer.lives() {
            Ok(()) => notify(&[NotifyState::Watchdog]),
            Err(error) => tracing::error!(error, "the watchdog is not told that all is well"),
        }
        tokio::time::sleep(patience / 3).await;
    }
}

/// Tells systemd, where it is the one who started this.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
