//! Asks the API of a service: on its Unix socket, or over the network as a machine.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, StatusCode, Url, header};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::credentials::Credentials;

/// How long an answer may take: a large import is one request.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// What this is, as the API wants to hear it.
const AGENT: &str = concat!("spillway/v", env!("CARGO_PKG_VERSION"));

/// The host that requests on the Unix socket are for.
const SOCKET_HOST: &str = "spillway";

/// Parameters of a request.
pub type Query = Vec<(&'static str, String)>;

/// The way to the API.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    login: Option<String>,
}

/// What the API answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    body: Vec<u8>,
}

impl Client {
    /// Asks on the Unix socket.
    ///
    /// # Errors
    /// The process has no room for a client.
    pub fn of_socket(socket: &Path) -> anyhow::Result<Self> {
        // Nobody shows a certificate there: a host may have none to judge them by.
        let http = reqwest::Client::builder().unix_socket(socket).tls_certs_only([]);
        Self::new(http, &format!("http://{SOCKET_HOST}/"), None)
    }

    /// Asks as a machine, once it has logged in.
    ///
    /// # Errors
    /// The server is not reached, or does not know the machine.
    pub fn of_machine(credentials: &Credentials) -> anyhow::Result<Self> {
        let mut client = Self::new(
            credentials.trust(reqwest::Client::builder())?,
            &credentials.url,
            Some(credentials.login.clone()),
        )?;
        let login = serde_json::json!({
            "machine_id": credentials.login, "password": credentials.password, "scenarios": [],
        });
        let answer = client.send(&Method::POST, &["v1", "watchers", "login"], &[], Some(&login));
        let answer = answer.with_context(|| format!("log in at {}", credentials.url))?;
        client.token = answer.get("token").and_then(Value::as_str).map(str::to_owned);
        Ok(client)
    }

    /// Asks without having said who it is.
    ///
    /// # Errors
    /// The address is none, or a certificate cannot be read.
    pub fn unknown(server: &Credentials) -> anyhow::Result<Self> {
        Self::new(server.trust(reqwest::Client::builder())?, &server.url, None)
    }

    fn new(
        http: reqwest::ClientBuilder,
        base: &str,
        login: Option<String>,
    ) -> anyhow::Result<Self> {
        // The first of a process stays; every crate here brings the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let slash = if base.ends_with('/') { "" } else { "/" };
        let base = Url::parse(&format!("{base}{slash}"))
            .with_context(|| format!("not an address: {base:?}: write http://127.0.0.1:8080"))?;
        anyhow::ensure!(!base.cannot_be_a_base(), "not an address: {base}");
        let http = http.user_agent(AGENT).timeout(PATIENCE).connect_timeout(CONNECT);
        let http = http.redirect(reqwest::redirect::Policy::none()).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, http, base, token: None, login })
    }

    /// Where the API is reached: over the network as it was asked, else as the service says.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn url(&self) -> anyhow::Result<String> {
        if !self.is_local() {
            return Ok(self.base.as_str().trim_end_matches('/').to_owned());
        }
        let status = self.get(&["control", "status"], &[])?;
        Ok(super::output::text(&status, "/api"))
    }

    /// Who asks, for people.
    pub fn who(&self) -> String {
        let named = |name| std::env::var(name).ok().filter(|name| !name.is_empty());
        let known = self.login.clone().or_else(|| named("SUDO_USER")).or_else(|| named("USER"));
        known.unwrap_or_else(|| "local".to_owned())
    }

    /// Sends a request and reads the answer whole.
    ///
    /// # Errors
    /// The service is not reached.
    pub fn ask(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&'static str, String)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let body = body.map(serde_json::to_vec).transpose()?;
        self.exchange(method, path, query, body)
    }

    fn exchange(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&'static str, String)],
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Answer> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method.clone(), url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let answer = self.runtime.block_on(async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        });
        let (status, body) = answer.map_err(reqwest::Error::without_url).with_context(|| {
            let place = if self.is_local() { "the socket" } else { self.base.as_str() };
            format!("nobody answers at {place}; does the service run?")
        })?;
        Ok(Answer { status, body: body.to_vec() })
    }

    /// Sends a request that must succeed; what it gave, null for nothing.
    ///
    /// # Errors
    /// The service is not reached, or refuses: its words.
    pub fn send(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&'static str, String)],
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        self.ask(method, path, query, body)?.succeeded()
    }

    /// Asks for something.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&self, path: &[&str], query: &[(&'static str, String)]) -> anyhow::Result<Value> {
        self.send(&Method::GET, path, query, None)
    }

    /// Asks for a list; null is an empty one.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn list(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
    ) -> anyhow::Result<Vec<Value>> {
        match self.get(path, query)? {
            Value::Array(all) => Ok(all),
            _ => Ok(Vec::new()),
        }
    }

    /// Posts something.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn post(&self, path: &[&str], body: &(impl Serialize + ?Sized)) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(body)?;
        self.exchange(&Method::POST, path, &[], Some(body))?.succeeded()
    }

    /// Posts something long, of about so many bytes.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn post_long(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
        about: usize,
    ) -> anyhow::Result<Value> {
        let mut bytes = Vec::with_capacity(about);
        serde_json::to_writer(&mut bytes, body)?;
        self.exchange(&Method::POST, path, &[], Some(bytes))?.succeeded()
    }

    /// Asks for a text.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn text(&self, path: &[&str]) -> anyhow::Result<String> {
        self.ask(&Method::GET, path, &[], None)?.text()
    }

    /// Whether it asks on the Unix socket.
    pub fn is_local(&self) -> bool {
        self.base.host_str() == Some(SOCKET_HOST)
    }

    /// Deletes something.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn delete(&self, path: &[&str], query: &[(&'static str, String)]) -> anyhow::Result<Value> {
        self.send(&Method::DELETE, path, query, None)
    }
}

impl Answer {
    /// What it gave; null for nothing.
    ///
    /// # Errors
    /// It was refused: in what words; or it is no JSON.
    pub fn succeeded(&self) -> anyhow::Result<Value> {
        anyhow::ensure!(self.status.is_success(), "{}", self.refusal());
        self.value()
    }

    /// What it gave; null for nothing.
    ///
    /// # Errors
    /// It is no JSON: somebody else answers there.
    pub fn value(&self) -> anyhow::Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).context("the answer is no JSON: is it this API?")
    }

    /// What it gave, where that is no JSON.
    ///
    /// # Errors
    /// It was refused.
    pub fn text(&self) -> anyhow::Result<String> {
        anyhow::ensure!(self.status.is_success(), "{}", self.refusal());
        Ok(String::from_utf8_lossy(&self.body).into_owned())
    }

    /// Why it was refused, for people.
    pub fn refusal(&self) -> String {
        let value = serde_json::from_slice::<Value>(&self.body).ok();
        let told = value.as_ref().and_then(|value| value.get("message")).and_then(Value::as_str);
        match told {
            Some(text) => text.to_owned(),
            None => format!("it answers {}", self.status),
        }
    }
}

/// How many were deleted: a number or a text.
pub fn deleted(answer: &Value) -> String {
    super::output::text(answer, "/nbDeleted")
}
