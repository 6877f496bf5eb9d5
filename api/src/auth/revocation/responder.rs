//! Asks a responder about a certificate, by HTTP. Its address stands in the certificate, which an
//! authority of ours signed; what it may cost is bounded all the same.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::chain::Link;
use super::ocsp::{self, AnswerError, Status};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const MOST: usize = 64 << 10;

/// Why nothing was learnt.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponderError {
    /// It cannot be asked at that address.
    #[error("not an address of http")]
    Address,
    /// It takes too long.
    #[error("no answer within {PATIENCE:?}")]
    Late,
    /// It is not reached.
    #[error("it is not reached")]
    Reach(#[from] std::io::Error),
    /// It does not speak HTTP.
    #[error("it does not speak HTTP")]
    Http(#[from] hyper::Error),
    /// It answers with an error.
    #[error("it answers {0}")]
    Status(http::StatusCode),
    /// The answer is too long, or broken off.
    #[error("the answer cannot be taken")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer says nothing that counts.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// What the responder at `url` says about a certificate. Unit of `now`: seconds since the Unix epoch.
///
/// # Errors
/// It says nothing that counts.
pub(super) async fn ask(url: &str, link: &Link, now: i64) -> Result<Status, ResponderError> {
    let question = ocsp::question(link)?;
    let asked = tokio::time::timeout(PATIENCE, post(url, question)).await;
    let answer = asked.map_err(|_| ResponderError::Late)??;
    Ok(ocsp::answer(&answer, link, now)?)
}

async fn post(url: &str, question: Vec<u8>) -> Result<Bytes, ResponderError> {
    let url: Uri = url.parse().map_err(|_| ResponderError::Address)?;
    let plain = url.scheme_str() == Some("http");
    let authority = url.authority().filter(|_| plain).ok_or(ResponderError::Address)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender.
    tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/ocsp-request")
        .header(header::ACCEPT, "application/ocsp-response")
        .body(Full::new(Bytes::from(question)))
        .map_err(|_| ResponderError::Address)?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    if !status.is_success() {
        return Err(ResponderError::Status(status));
    }
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    Ok(body.map_err(ResponderError::Body)?.to_bytes())
}
