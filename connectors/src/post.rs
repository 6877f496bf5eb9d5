//! Bodies that are sent to one place, for whoever has something to send besides messages of outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, header::CONTENT_TYPE};

use crate::endpoint::{self, ClientTls};
use crate::source::SourceError;

/// Posts to one URL.
#[derive(Clone, Debug)]
pub struct Post {
    client: Client,
    url: String,
}

/// What a server said to a body. Its text is not of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status of HTTP.
    pub status: u16,
}

impl Post {
    /// Posts with these headers; an answer comes within `timeout`.
    ///
    /// # Errors
    /// A header, a certificate or the URL is none.
    pub fn new(
        url: &str,
        headers: &BTreeMap<String, String>,
        tls: &ClientTls,
        timeout: Duration,
    ) -> Result<Self, SourceError> {
        let wrong = |error: reqwest::Error| {
            SourceError::Configuration(format!("{url:?}: {}", endpoint::causes(&error)))
        };
        let client = endpoint::builder(tls)?
            .default_headers(endpoint::headers(headers)?)
            .timeout(timeout)
            .build()
            .map_err(wrong)?;
        client.post(url).build().map_err(wrong)?;
        Ok(Self { client, url: url.to_owned() })
    }

    /// Sends a body.
    ///
    /// # Errors
    /// Nobody answered, and why.
    pub async fn send(&self, content_type: &str, body: Bytes) -> Result<Said, String> {
        let request = self.client.post(&self.url).header(CONTENT_TYPE, content_type).body(body);
        let answer = request.send().await;
        let answer = answer.map_err(|error| endpoint::causes(&error.without_url()))?;
        Ok(Said { status: answer.status().as_u16() })
    }
}
