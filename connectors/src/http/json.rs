//! CrowdSec's `http` source: a body is JSON values one after another, and the text of each is a line.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::value::RawValue;

use crate::labels::Labels;
use crate::listener::{Bad, Batch, Protocol, Reply, Route, Sent, is_below};

/// JSON values by HTTP.
#[derive(Debug)]
pub(crate) struct Json {
    path: String,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Json {
    /// Values sent to `path`, answered with `status` and `headers`.
    pub(crate) fn new(
        path: String,
        status: StatusCode,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Self {
        Self { path, status, headers }
    }
}

impl Protocol for Json {
    /// A GET shows that the credentials are right.
    fn route(&self, method: &Method, path: &str) -> Route {
        if !is_below(&self.path, path) {
            return Route::Refuse(StatusCode::NOT_FOUND);
        }
        match *method {
            Method::POST => Route::Take,
            Method::GET | Method::HEAD => Route::Answer(Reply::text(StatusCode::OK, "OK")),
            _ => Route::Refuse(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// What stands before the first fault is kept, as CrowdSec does.
    fn read(&self, sent: &Sent<'_>, batch: &mut Batch) -> Result<(), Bad> {
        let text: Cow<'_, str> = String::from_utf8_lossy(sent.body);
        let none = Labels::default();
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<&RawValue>();
        while let Some(value) = values.next() {
            match value {
                Ok(value) => batch.push(value.get().as_bytes(), None, &none)?,
                Err(error) => {
                    let rest = text.get(values.byte_offset()..).unwrap_or_default();
                    batch.reject(rest.trim_start().as_bytes())?;
                    return Err(Bad { text: error.to_string(), keep: true });
                }
            }
        }
        Ok(())
    }

    fn kept(&self, _headers: &HeaderMap, _left_out: u64) -> Reply {
        let mut reply = Reply::text(self.status, "OK");
        reply.headers.extend(self.headers.iter().cloned());
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::Limits;

    #[track_caller]
    fn check(body: &str, expected: &[&str], whole: bool) {
        let json = Json::new("/".into(), StatusCode::OK, Vec::new());
        let mut batch = Batch::new(&Limits::default());
        let sent = Sent { headers: &HeaderMap::new(), body: body.as_bytes() };
        let read = json.read(&sent, &mut batch);
        let lines = batch.lines.iter().map(|l| &batch.text[l.start as usize..l.end as usize]);
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        assert!(if whole { read.is_ok() } else { read.is_err_and(|bad| bad.keep) });
    }

    #[test]
    fn each_value_is_a_line_as_it_was_written() {
        check(
            "{\"a\" : 1}\n{\"b\":\n2}{}[1] \"x\" 12 null",
            &["{\"a\" : 1}", "{\"b\":\n2}", "{}", "[1]", "\"x\"", "12", "null"],
            true,
        );
        check(" \n", &[], true);
    }

    #[test]
    fn what_stands_before_a_fault_is_read() {
        check("{\"a\":1}\n{\"b\":", &["{\"a\":1}"], false);
        check("rubbish", &[], false);
        check(&"[".repeat(100_000), &[], false);
    }
}
