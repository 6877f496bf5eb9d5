//! Asks a running service at its control socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::config::load;
use crate::config::settings::SOCKET;
use crate::hub::environment;

/// How long an answer may take: new rules compile for seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which service is asked.
#[derive(Clone, Debug, Default, Args)]
pub struct SocketArgs {
    /// Its configuration; by default /etc/spillway/spillway.yaml, if it is there
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its data directory, instead of the configured one
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Its control socket, instead of the configured one
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Whether it was done.
    pub is_success: bool,
    /// What was answered.
    pub body: Vec<u8>,
}

impl SocketArgs {
    /// Where it listens.
    fn path(&self) -> PathBuf {
        if let Some(socket) = &self.socket {
            return socket.clone();
        }
        if let Some(data) = &self.data {
            return data.join(SOCKET);
        }
        // What is wrong with the rest of it is no matter here.
        load::load(self.config.as_deref(), &environment::process).settings.socket()
    }

    /// What the service answers to a question.
    ///
    /// # Errors
    /// It does not run, or this user may not ask it.
    pub fn get(&self, target: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.ask(Method::GET, target)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        anyhow::ensure!(answer.is_success, "{target}: {text}");
        Ok(answer.body)
    }

    /// What it answers, whatever it is.
    ///
    /// # Errors
    /// It does not run, or this user may not ask it.
    pub fn ask(&self, method: Method, target: &str) -> anyhow::Result<Answer> {
        let path = self.path();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asked = async { tokio::time::timeout(PATIENCE, ask(&path, method, target)).await };
        runtime.block_on(asked).with_context(|| format!("{} does not answer", path.display()))?
    }
}

async fn ask(path: &Path, method: Method, target: &str) -> anyhow::Result<Answer> {
    let stream = UnixStream::connect(path).await.with_context(|| {
        format!("cannot ask {}: does the service run, and may you ask it?", path.display())
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer; what went wrong is told there.
    let connection = tokio::spawn(connection);
    let request = Request::builder().method(method).uri(target).header("host", "spillway");
    let answer = sender.send_request(request.body(Full::<Bytes>::default())?).await?;
    let is_success = answer.status() == StatusCode::OK;
    let body = answer.into_body().collect().await?.to_bytes().to_vec();
    connection.abort();
    Ok(Answer { is_success, body })
}
