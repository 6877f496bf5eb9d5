//! What is asked of a Docker daemon: its containers, what happens, and logs.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::endpoint::{self, ClientTls};
use crate::source::SourceError;

pub(crate) use crate::endpoint::causes;

/// A short answer comes within.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Largest short answer. Unit: bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Events that have not come to an end hold at most so much. Unit: bytes.
const MAX_EVENT: usize = 4 << 20;

/// What a daemon tells of what happens to containers.
const HAPPENINGS: &str = r#"{"type":["container"],"event":["start","die","destroy","rename"]}"#;

/// A daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    client: Client,
    base: String,
}

/// A container, as a list has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Container {
    /// Its full id.
    pub(crate) id: String,
    /// Its names, with a leading slash.
    pub(crate) names: Vec<String>,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// When it was made. Unit: seconds since 1970.
    pub(crate) created: i64,
    /// `running`, `exited`, …
    pub(crate) state: String,
}

impl Container {
    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }
}

/// What happens, as the daemon tells it: JSON, one after another.
#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
}

/// Something that happened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Event {
    /// `start`, `die`, …
    pub(crate) action: String,
    /// The container.
    pub(crate) actor: Actor,
}

/// Whom it happened to.
#[derive(Debug, Deserialize)]
pub(crate) struct Actor {
    /// Its full id.
    #[serde(rename = "ID")]
    pub(crate) id: String,
}

impl Events {
    /// What happened next: at least one thing. What is no event is left out.
    ///
    /// # Errors
    /// The daemon is gone.
    pub(crate) async fn next(&mut self) -> Result<Vec<Event>, String> {
        loop {
            let part = self.response.chunk().await.map_err(|error| causes(&error))?;
            let part = part.ok_or_else(|| "the daemon closed its events".to_owned())?;
            if self.buffer.len() + part.len() > MAX_EVENT {
                self.buffer.clear();
            }
            self.buffer.extend_from_slice(&part);
            let Some(end) = self.buffer.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = self.buffer.split_off(end + 1);
            let whole = std::mem::replace(&mut self.buffer, rest);
            let lines = whole.split(|byte| *byte == b'\n');
            let events: Vec<Event> =
                lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    config: Configured,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configured {
    #[serde(default)]
    tty: bool,
}

impl Daemon {
    /// A daemon at `unix://PATH`, `tcp://HOST:PORT`, or an address of HTTP.
    ///
    /// # Errors
    /// It is no such address, or a certificate is none.
    pub(crate) fn new(host: &str, tls: &ClientTls) -> Result<Self, SourceError> {
        let mut builder = endpoint::builder(tls)?;
        let base = match host.split_once("://") {
            Some(("unix", path)) => {
                builder = builder.unix_socket(path);
                "http://localhost".to_owned()
            }
            Some(("tcp", address)) if *tls == ClientTls::default() => format!("http://{address}"),
            Some(("tcp", address)) => format!("https://{address}"),
            Some(("http" | "https", _)) => host.trim_end_matches('/').to_owned(),
            _ => {
                let text = format!("{host}: expected unix://PATH, tcp://HOST:PORT or https://…");
                return Err(SourceError::Configuration(text));
            }
        };
        let client = builder.build();
        let client = client.map_err(|error| SourceError::Configuration(causes(&error)))?;
        Ok(Self { client, base })
    }

    /// All containers, also those that do not run.
    ///
    /// # Errors
    /// The daemon does not say; the text tells why.
    pub(crate) async fn containers(&self) -> Result<Vec<Container>, String> {
        self.short("/containers/json?all=1").await
    }

    /// Whether a container has a terminal.
    ///
    /// # Errors
    /// As [`Daemon::containers`].
    pub(crate) async fn has_terminal(&self, id: &str) -> Result<bool, String> {
        let inspected: Inspected = self.short(&format!("/containers/{id}/json")).await?;
        Ok(inspected.config.tty)
    }

    /// What happens to containers from now on.
    ///
    /// # Errors
    /// As [`Daemon::containers`].
    pub(crate) async fn events(&self) -> Result<Events, String> {
        let filters = endpoint::percent(HAPPENINGS);
        let request = self.client.get(format!("{}/events?filters={filters}", self.base));
        Ok(Events { response: self.open(request).await?, buffer: Vec::new() })
    }

    /// The log of a container from a second on, with the time of each line.
    ///
    /// # Errors
    /// As [`Daemon::containers`].
    pub(crate) async fn log(
        &self,
        id: &str,
        since: i64,
        streams: (bool, bool),
        follow: bool,
    ) -> Result<Response, String> {
        let (stdout, stderr, follow) = (streams.0.into(), streams.1.into(), follow.into());
        let [stdout, stderr, follow]: [u8; 3] = [stdout, stderr, follow];
        let query =
            format!("timestamps=1&since={since}&stdout={stdout}&stderr={stderr}&follow={follow}");
        self.open(self.client.get(format!("{}/containers/{id}/logs?{query}", self.base))).await
    }

    async fn open(&self, request: RequestBuilder) -> Result<Response, String> {
        let response = tokio::time::timeout(TIMEOUT, request.send()).await;
        let response = response.map_err(|_| "the daemon does not answer".to_owned())?;
        let response = response.map_err(|error| causes(&error.without_url()))?;
        if response.status() != StatusCode::OK {
            return Err(format!("the daemon answers {}", response.status()));
        }
        Ok(response)
    }

    async fn short<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let asked = async {
            let mut response = self.open(self.client.get(format!("{}{path}", self.base))).await?;
            let mut body = Vec::new();
            while let Some(part) = response.chunk().await.map_err(|error| causes(&error))? {
                if body.len() + part.len() > MAX_ANSWER {
                    return Err("the daemon's answer is above the limit".to_owned());
                }
                body.extend_from_slice(&part);
            }
            serde_json::from_slice(&body).map_err(|error| format!("the daemon's answer: {error}"))
        };
        tokio::time::timeout(TIMEOUT, asked).await.map_err(|_| "the daemon is slow".to_owned())?
    }
}
