//! An HTTP server that a source asks again and again: address, credentials, bounded answers, and what
//! an answer that is none means. Shared by the sources that ask.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{
    Certificate, Client, ClientBuilder, Identity, RequestBuilder, Response, StatusCode, redirect,
};

use crate::source::SourceError;

/// A connection is made within.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What goes into an address at most. Unit: bytes.
const LONGEST_ADDRESS: usize = 4000;

/// As much of a refusal is shown. Unit: bytes.
const SHOWN: usize = 300;

/// Where it is and how to be let in.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `http://HOST:PORT` or `https://…`, with or without a path.
    pub url: String,
    /// Path before that of the API, for servers behind a gateway.
    pub prefix: String,
    /// Credentials.
    pub credentials: Credentials,
    /// Headers that each request carries.
    pub headers: BTreeMap<String, String>,
    /// Certificates.
    pub tls: ClientTls,
    /// An answer comes within; half a minute.
    pub timeout: Duration,
    /// Largest answer, unpacked; 64 MiB. Unit: bytes.
    pub max_answer: usize,
}

impl Endpoint {
    /// A server without credentials.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: String::new(),
            credentials: Credentials::None,
            headers: BTreeMap::new(),
            tls: ClientTls::default(),
            timeout: Duration::from_secs(30),
            max_answer: 64 << 20,
        }
    }
}

/// How a request says who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all, or by certificate.
    None,
    /// Name and password.
    Basic {
        /// Name.
        username: String,
        /// Password.
        password: String,
    },
    /// A bearer token.
    Bearer(String),
    /// A file with a bearer token, read for each request: such tokens change.
    BearerFile(PathBuf),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::BearerFile(_) => "BearerFile",
        })
    }
}

/// Certificates of a client: files in PEM, read when the source starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Trusted authorities, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Certificate and key to show.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Take any certificate.
    pub insecure_skip_verify: bool,
}

/// An endpoint that can be asked.
#[derive(Debug)]
pub(crate) struct Asking {
    client: Client,
    base: String,
    credentials: Credentials,
    max_answer: usize,
}

/// A whole answer with status 200.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// The server's clock. Unit: seconds since 1970.
    pub(crate) served_at: Option<i64>,
}

/// No answer that can be used.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It could not be reached, or broke off.
    Unreachable {
        /// What happened.
        reason: String,
        /// It took longer than the timeout.
        late: bool,
    },
    /// It said no.
    Status {
        /// What it said.
        status: StatusCode,
        /// The beginning of its words.
        text: String,
        /// When to ask again.
        wait: Option<Duration>,
    },
    /// Its answer is above the limit.
    TooLong,
}

impl Endpoint {
    /// Makes a client of it.
    ///
    /// # Errors
    /// The address, a header or a certificate is none.
    pub(crate) fn open(&self) -> Result<Asking, SourceError> {
        let builder = builder(&self.tls)?
            .default_headers(headers(&self.headers)?)
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .timeout(self.timeout);
        let client = builder.build().map_err(|error| {
            SourceError::Configuration(format!("no client for {}: {}", self.url, causes(&error)))
        })?;
        let base = format!("{}/{}", self.url.trim_end_matches('/'), self.prefix.trim_matches('/'));
        let base = base.trim_end_matches('/').to_owned();
        if let Err(error) = client.get(&base).build() {
            let causes = causes(&error);
            return Err(SourceError::Configuration(format!("url {:?}: {causes}", self.url)));
        }
        let (credentials, max_answer) = (self.credentials.clone(), self.max_answer);
        Ok(Asking { client, base, credentials, max_answer })
    }
}

impl Asking {
    /// Asks with a form and reads the answer: in the address, or in the body where it is long.
    ///
    /// # Errors
    /// There is none that can be used.
    pub(crate) async fn ask(
        &self,
        path: &str,
        form: &[(&str, &str)],
        extra: &[(&'static str, &'static str)],
    ) -> Result<Answer, Refusal> {
        let pairs = form.iter().map(|(key, value)| format!("{key}={}", percent(value)));
        let form = pairs.collect::<Vec<_>>().join("&");
        let mut request = if form.len() <= LONGEST_ADDRESS {
            self.client.get(format!("{}{path}?{form}", self.base))
        } else {
            let request = self.client.post(format!("{}{path}", self.base));
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
        };
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        let response = self.with_credentials(request)?.send().await.map_err(unreachable)?;
        self.answer(response).await
    }

    fn with_credentials(&self, request: RequestBuilder) -> Result<RequestBuilder, Refusal> {
        Ok(match &self.credentials {
            Credentials::None => request,
            Credentials::Basic { username, password } => {
                request.basic_auth(username, Some(password))
            }
            Credentials::Bearer(token) => request.bearer_auth(token),
            Credentials::BearerFile(path) => {
                let token = fs::read_to_string(path).map_err(|error| {
                    let reason = format!("bearer token {}: {error}", path.display());
                    Refusal::Unreachable { reason, late: false }
                })?;
                let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
                let value = value.map_err(|_| {
                    let reason = format!("bearer token {} is no header value", path.display());
                    Refusal::Unreachable { reason, late: false }
                })?;
                request.header(AUTHORIZATION, value)
            }
        })
    }

    async fn answer(&self, mut response: Response) -> Result<Answer, Refusal> {
        let status = response.status();
        let (served_at, wait) = (served_at(&response), retry_after(&response));
        let limit = if status == StatusCode::OK { self.max_answer } else { SHOWN };
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            let room = limit - body.len();
            if part.len() > room {
                body.extend(part.iter().take(room));
                if status == StatusCode::OK {
                    return Err(Refusal::TooLong);
                }
                break;
            }
            body.extend_from_slice(&part);
        }
        if status == StatusCode::OK {
            return Ok(Answer { body, served_at });
        }
        let text = String::from_utf8_lossy(&body).trim().to_owned();
        Err(Refusal::Status { status, text, wait })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable { reason, .. } => f.write_str(reason),
            Self::Status { status, text, .. } if text.is_empty() => {
                write!(f, "it answers {status}")
            }
            Self::Status { status, text, .. } => write!(f, "it answers {status}: {text}"),
            Self::TooLong => f.write_str("its answer is above the limit"),
        }
    }
}

/// A client with these certificates, without time limits but for connecting.
///
/// # Errors
/// A file is missing or not what it should be.
pub(crate) fn builder(tls: &ClientTls) -> Result<ClientBuilder, SourceError> {
    // The first of a process stays; every crate here brings the same one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .user_agent(concat!("spillway/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tls_danger_accept_invalid_certs(tls.insecure_skip_verify);
    if let Some(ca) = &tls.ca {
        let certificates = Certificate::from_pem_bundle(&read(ca)?);
        builder = builder.tls_certs_only(certificates.map_err(|error| wrong(ca, &error))?);
    }
    if let Some((certificate, key)) = &tls.identity {
        let pem = [read(certificate)?, read(key)?].concat();
        let identity = Identity::from_pem(&pem).map_err(|error| wrong(certificate, &error))?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

fn unreachable(error: reqwest::Error) -> Refusal {
    Refusal::Unreachable { late: error.is_timeout(), reason: causes(&error.without_url()) }
}

/// An error with all its causes: the last says what happened.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Headers of all requests; none is shown in logs.
///
/// # Errors
/// A name or a value is none.
pub(crate) fn headers(pairs: &BTreeMap<String, String>) -> Result<HeaderMap, SourceError> {
    let pair = |(name, value): (&String, &String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let one = |(name, value)| {
        pair((name, value)).ok_or_else(|| {
            SourceError::Configuration(format!(
                "header {name:?} with its value is none: check both"
            ))
        })
    };
    pairs.iter().map(one).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    fs::read(path).map_err(|source| SourceError::Host { what: path.display().to_string(), source })
}

fn wrong(path: &Path, error: &dyn std::error::Error) -> SourceError {
    let source = io::Error::new(io::ErrorKind::InvalidData, causes(error));
    SourceError::Host { what: format!("{} is no PEM of what it should be", path.display()), source }
}

/// Percent-encoding of everything but letters and digits.
pub(crate) fn percent(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

fn unix_seconds(date: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(date).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// When a server wants to be asked again.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let wait = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    wait_of(wait, served_at(response))
}

/// The server's clock. Unit: seconds since 1970.
fn served_at(response: &Response) -> Option<i64> {
    response.headers().get(DATE)?.to_str().ok().and_then(unix_seconds)
}

/// Seconds, or a date by the clock of the one that says it.
fn wait_of(text: &str, served_at: Option<i64>) -> Option<Duration> {
    let seconds = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from(unix_seconds(text)? - served_at?).ok()?,
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let now = unix_seconds(date).unwrap();
        assert_eq!(now, 784_111_777);
        assert_eq!(wait_of("7", None), Some(Duration::from_secs(7)));
        assert_eq!(wait_of(date, Some(now - 5)), Some(Duration::from_secs(5)));
        assert_eq!(wait_of(date, Some(now + 5)), None);
        assert_eq!(wait_of("soon", Some(now)), None);
    }

    #[test]
    fn forms_are_escaped() {
        assert_eq!(
            percent("{a=\"b c\"} |~ `ü&`"),
            "%7Ba%3D%22b%20c%22%7D%20%7C~%20%60%C3%BC%26%60".replace('~', "%7E")
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut endpoint = Endpoint::new("http://localhost");
        endpoint.credentials = Credentials::Bearer("hunter2".into());
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_work_is_said_at_the_start() {
        let check = |change: fn(&mut Endpoint), word: &str| {
            let mut endpoint = Endpoint::new("http://localhost");
            change(&mut endpoint);
            let error = endpoint.open().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        check(|endpoint| endpoint.url = "localhost:3100".into(), "localhost:3100");
        check(|endpoint| endpoint.tls.ca = Some("/nonexistent.pem".into()), "/nonexistent.pem");
        check(|endpoint| drop(endpoint.headers.insert("a b".into(), String::new())), "a b");
    }
}
