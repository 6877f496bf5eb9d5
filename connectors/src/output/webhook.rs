//! To an HTTP server: POSTs of JSON arrays, in order. Delivery: at least once. A repeat is known by the
//! headers of the POST: `Idempotency-Key`, and `Spillway-Sequence`, the numbers of its first and last
//! message in `Spillway-Outbox` (a repeat after a crash may be cut into other POSTs).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode};

use super::{Message, Output, OutputContext, OutputError, Refused, document};
use crate::endpoint::{self, ClientTls};
use crate::retry::Backoff;

/// Longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Settings of a webhook.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// `https://…` or `http://…`
    pub url: String,
    /// Headers of each POST: credentials, for instance.
    pub headers: BTreeMap<String, String>,
    /// Certificates.
    pub tls: ClientTls,
    /// Most messages of one POST. Default: 100.
    pub batch: usize,
    /// How long the server may take. Default: 30 s.
    pub timeout: Duration,
}

impl WebhookConfig {
    /// The defaults.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            headers: BTreeMap::new(),
            tls: ClientTls::default(),
            batch: 100,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The output.
#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    context: OutputContext,
    client: Option<Client>,
}

/// What a POST came to.
enum Answer {
    Taken,
    /// Try again, after a time that the server may name.
    Later(String, Option<Duration>),
    /// It will never be taken.
    Never(String),
}

impl Webhook {
    /// A webhook with these settings.
    pub fn new(config: WebhookConfig, context: OutputContext) -> Self {
        Self { config, context, client: None }
    }

    fn client(&self) -> Result<Client, OutputError> {
        let wrong = |error: &dyn std::error::Error| {
            OutputError::Configuration(format!(
                "url {:?}: {}",
                self.config.url,
                endpoint::causes(error)
            ))
        };
        let client = endpoint::builder(&self.config.tls)?
            .default_headers(endpoint::headers(&self.config.headers)?)
            .timeout(self.config.timeout);
        let client = client.build().map_err(|error| wrong(&error))?;
        client.post(&self.config.url).build().map_err(|error| wrong(&error))?;
        Ok(client)
    }

    /// Posts until the server takes it, or says that it never will: of many messages, each half is
    /// then tried by itself, so that one that it dislikes takes no other with it.
    fn post(&self, messages: &[Message], refused: &mut Vec<Refused>) -> Result<(), OutputError> {
        let mut parts = vec![messages];
        while let Some(part) = parts.pop() {
            let Some(reason) = self.settle(part)? else { continue };
            if part.len() > 1 {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
                continue;
            }
            tracing::error!(output = %self.context.name, reason, "webhook refused a message");
            refused.extend(
                part.iter()
                    .map(|message| Refused { sequence: message.sequence, reason: reason.clone() }),
            );
        }
        Ok(())
    }

    /// Asks until there is an answer that stands; why the messages will never be taken, if so.
    fn settle(&self, messages: &[Message]) -> Result<Option<String>, OutputError> {
        let Some(client) = &self.client else { return Err(OutputError::Stopped) };
        let body = Bytes::from(body(messages));
        let seed = messages.first().map_or(1, |message| message.sequence);
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30), seed);
        loop {
            let request = client.post(&self.config.url).header(CONTENT_TYPE, "application/json");
            let request = self.named(request, messages).body(body.clone());
            let answer = self.context.runtime.block_on(async {
                tokio::select! {
                    answer = ask(request) => Some(answer),
                    () = self.context.stop.wait() => None,
                }
            });
            match answer {
                None => return Err(OutputError::Stopped),
                Some(Answer::Taken) => return Ok(None),
                Some(Answer::Never(reason)) => return Ok(Some(reason)),
                Some(Answer::Later(reason, wait)) => {
                    self.context.try_later(&reason, &mut backoff)?;
                    let wait = wait.unwrap_or_default().min(LONGEST_WAIT);
                    if self.context.stop.wait_for(&self.context.runtime, wait) {
                        return Err(OutputError::Stopped);
                    }
                }
            }
        }
    }

    /// Puts on a request what it is known by.
    fn named(&self, request: RequestBuilder, messages: &[Message]) -> RequestBuilder {
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return request };
        let (first, last) = (first.sequence, last.sequence);
        request
            .header("Idempotency-Key", format!("{}/{first}-{last}", self.context.outbox))
            .header("Spillway-Outbox", &*self.context.outbox)
            .header("Spillway-Sequence", format!("{first}-{last}"))
    }
}

impl Output for Webhook {
    fn module(&self) -> &'static str {
        "webhook"
    }

    /// The server does not say what it has.
    fn resume(&mut self) -> Result<Option<u64>, OutputError> {
        self.client = Some(self.client()?);
        Ok(None)
    }

    fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        let mut refused = Vec::new();
        for part in messages.chunks(self.config.batch.max(1)) {
            self.post(part, &mut refused)?;
            self.context.health.reading();
        }
        self.context.count(messages, &refused);
        Ok(refused)
    }
}

async fn ask(request: RequestBuilder) -> Answer {
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Answer::Later(endpoint::causes(&error.without_url()), None),
    };
    let status = answer.status();
    if status.is_success() {
        return Answer::Taken;
    }
    let reason = format!("the server answers {status}");
    match status {
        // Nothing but another message would change these.
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Answer::Never(reason),
        _ => Answer::Later(reason, endpoint::retry_after(&answer)),
    }
}

fn body(messages: &[Message]) -> Vec<u8> {
    let mut body = vec![b'['];
    for message in messages {
        if body.len() > 1 {
            body.push(b',');
        }
        document::write(&mut body, message);
    }
    body.push(b']');
    body
}
