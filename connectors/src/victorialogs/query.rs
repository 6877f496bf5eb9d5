//! Questions to VictoriaLogs' `/select/logsql/query`, its answers of JSON lines, and what its refusals
//! mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::StatusCode;

use crate::endpoint::{Answer, Asking, Refusal, causes};
use crate::range::{Entry, Page, Range, Store, Trouble};
use crate::rfc3339;

/// A query of one VictoriaLogs.
#[derive(Debug)]
pub(crate) struct Query {
    asking: Asking,
    query: String,
    labels_from: BTreeSet<String>,
}

impl Query {
    /// Asks `query`.
    pub(crate) fn new(asking: Asking, query: String, labels_from: BTreeSet<String>) -> Self {
        Self { asking, query, labels_from }
    }

    async fn ask(&self, pipe: &str, range: Range) -> Result<Answer, Refusal> {
        let query = format!("{}{pipe}", self.query);
        let (start, end) = (range.start.to_string(), range.end.to_string());
        let form = [("query", query.as_str()), ("start", &start), ("end", &end)];
        self.asking.ask("/select/logsql/query", &form, &[]).await
    }

    fn entries(&self, answer: &Answer) -> Result<Vec<Entry>, Trouble> {
        entries(&answer.body, &self.labels_from).map_err(|error| match error {
            AnswerError::Json(_) => Trouble::Again { reason: causes(&error), wait: None },
            AnswerError::NoLog => Trouble::Never(error.to_string()),
        })
    }
}

impl Store for Query {
    async fn page(&mut self, range: Range, limit: usize) -> Result<Page, Trouble> {
        let answer = self.ask(&format!("\n| sort by (_time) limit {limit}"), range).await;
        let answer = answer.map_err(|refusal| trouble(refusal, limit))?;
        Ok(Page { entries: self.entries(&answer)?, served_at: answer.served_at })
    }

    /// Without a limit VictoriaLogs gives everything.
    async fn instant(
        &mut self,
        time: i64,
        _known: Vec<Entry>,
        _limit: usize,
    ) -> Result<Vec<Entry>, Trouble> {
        let answer = self.ask("", time..time + 1).await;
        let answer = answer.map_err(|refusal| match refusal {
            Refusal::TooLong => {
                let reason = format!("more than the limit of an answer has the time {time}");
                Trouble::Again { reason, wait: None }
            }
            refusal => trouble(refusal, 1),
        })?;
        self.entries(&answer)
    }
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    /// The bytes.
    #[error("its answer is no JSON of VictoriaLogs'")]
    Json(#[source] serde_json::Error),
    /// The query.
    #[error("the query gives no log lines: its results must have `_time`")]
    NoLog,
}

fn entries(body: &[u8], labels_from: &BTreeSet<String>) -> Result<Vec<Entry>, AnswerError> {
    let mut entries = Vec::new();
    for row in serde_json::Deserializer::from_slice(body).into_iter() {
        let mut fields: BTreeMap<String, String> = row.map_err(AnswerError::Json)?;
        let label = |name: &String| Some((name.as_str().into(), fields.get(name)?.as_str().into()));
        let labels = Arc::new(labels_from.iter().filter_map(label).collect());
        let time = fields.remove("_time").and_then(|time| rfc3339::nanoseconds(&time));
        let time = time.ok_or(AnswerError::NoLog)?;
        let stream = fields.remove("_stream").unwrap_or_default().into();
        let line = fields.remove("_msg").unwrap_or_default();
        // The same stream has the same number: it says nothing more.
        fields.remove("_stream_id");
        let metadata = serde_json::to_string(&fields).map_err(AnswerError::Json)?;
        entries.push(Entry { time, stream, metadata, line, labels });
    }
    Ok(entries)
}

fn trouble(refusal: Refusal, limit: usize) -> Trouble {
    let reason = refusal.to_string();
    match refusal {
        Refusal::Unreachable { late: true, .. } => Trouble::Narrower(reason),
        Refusal::Unreachable { late: false, .. } => Trouble::Again { reason, wait: None },
        Refusal::TooLong if limit > 1 => Trouble::Limit(limit / 2),
        Refusal::TooLong => Trouble::Again { reason, wait: None },
        Refusal::Status { status: StatusCode::BAD_REQUEST, text, .. }
            if text.contains("cannot parse `query`") =>
        {
            Trouble::Never(reason)
        }
        Refusal::Status {
            status:
                StatusCode::BAD_REQUEST
                | StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT,
            ..
        } => Trouble::Narrower(reason),
        Refusal::Status { wait, .. } => Trouble::Again { reason, wait },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_tell_entries_apart() {
        let body = r#"{"_msg":"m","_stream":"{a=\"b\"}","_stream_id":"1","_time":"1970-01-01T00:00:01.5Z","a":"b","x":"1"}
{"_stream":"{a=\"b\"}","_time":"1970-01-01T00:00:01.5Z","a":"b","x":"2","_msg":"m"}
"#;
        let read = entries(body.as_bytes(), &["x".to_owned(), "y".to_owned()].into()).unwrap();
        assert_eq!((read[0].time, &*read[0].line), (1_500_000_000, "m"));
        assert!(read[0].order(&read[1]).is_lt() && read[0].stream == read[1].stream);
        assert_eq!(read[1].labels.get("x").map(|value| &**value), Some("2"));
        assert_eq!(read[1].labels.len(), 1);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let check = |body: &str| entries(body.as_bytes(), &BTreeSet::new()).unwrap_err();
        assert!(matches!(check(r#"{"_msg":"m","#), AnswerError::Json(_)));
        assert!(matches!(check(r#"{"c":"10"}"#), AnswerError::NoLog));
        assert!(matches!(check(&"[".repeat(100_000)), AnswerError::Json(_)));
    }
}
