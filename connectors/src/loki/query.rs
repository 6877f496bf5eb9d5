//! Questions to Loki's `query_range`, and what its refusals mean.

use std::collections::BTreeSet;

use reqwest::StatusCode;

use super::answer::{self, AnswerError};
use super::split::Part;
use crate::endpoint::{Asking, Refusal, causes};
use crate::range::{Entry, Page, Range, Store, Trouble};

/// What an instant may weigh in memory: 256 MiB. Unit: bytes.
const MAX_INSTANT: usize = 256 << 20;

/// Keeps stream labels, structured metadata and parsed labels apart.
const CATEGORIZED: (&str, &str) = ("X-Loki-Response-Encoding-Flags", "categorize-labels");

/// A query of one Loki.
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

    async fn ask(&self, filter: &str, range: Range, limit: usize) -> Result<Page, Trouble> {
        let query = format!("{}{filter}", self.query);
        let (start, end) = (range.start.to_string(), range.end.to_string());
        let limit_text = limit.to_string();
        let form = [
            ("query", query.as_str()),
            ("start", &start),
            ("end", &end),
            ("limit", &limit_text),
            ("direction", "forward"),
        ];
        let answer = self.asking.ask("/loki/api/v1/query_range", &form, &[CATEGORIZED]).await;
        let answer = answer.map_err(|refusal| trouble(refusal, limit))?;
        let entries = answer::entries(&answer.body, &self.labels_from);
        let entries = entries.map_err(|error| match &error {
            AnswerError::Json(_) => Trouble::Again { reason: causes(&error), wait: None },
            AnswerError::NoLog(_) => Trouble::Never(error.to_string()),
        })?;
        Ok(Page { entries, served_at: answer.served_at })
    }
}

impl Store for Query {
    async fn page(&mut self, range: Range, limit: usize) -> Result<Page, Trouble> {
        self.ask("", range, limit).await
    }

    /// Loki pages by time alone. What begins alike is asked for by itself.
    async fn instant(
        &mut self,
        time: i64,
        known: Vec<Entry>,
        limit: usize,
    ) -> Result<Vec<Entry>, Trouble> {
        let mut todo = vec![(Part::default(), Some(known))];
        let (mut all, mut weight) = (Vec::new(), 0);
        while let Some((part, known)) = todo.pop() {
            let some = match known {
                Some(known) => known,
                None => self.ask(&part.filter(), time..time + 1, limit).await?.entries,
            };
            if some.len() < limit {
                weight += some.iter().map(Entry::weight).sum::<usize>();
                all.extend(some);
            } else {
                let lines = some.iter().map(|entry| entry.line.as_str());
                let parts = part.split(lines).ok_or_else(|| same(limit))?;
                todo.extend(parts.into_iter().map(|part| (part, None)));
            }
            if weight > MAX_INSTANT {
                let reason = format!("more than {MAX_INSTANT} bytes have the time {time}");
                return Err(Trouble::Again { reason, wait: None });
            }
        }
        Ok(all)
    }
}

fn same(limit: usize) -> Trouble {
    let reason = format!(
        "{limit} entries of one nanosecond have the same line: set `limit` higher, and \
         max_entries_limit_per_query in Loki"
    );
    Trouble::Again { reason, wait: None }
}

fn trouble(refusal: Refusal, limit: usize) -> Trouble {
    let reason = refusal.to_string();
    let (status, text, wait) = match refusal {
        Refusal::Unreachable { late: true, .. } => return Trouble::Narrower(reason),
        Refusal::Unreachable { late: false, .. } => return Trouble::Again { reason, wait: None },
        Refusal::TooLong if limit > 1 => return Trouble::Limit(limit / 2),
        Refusal::TooLong => return Trouble::Again { reason, wait: None },
        Refusal::Status { status, text, wait } => (status, text, wait),
    };
    if let Some(limit) = allowed(&text) {
        return Trouble::Limit(limit);
    }
    match status {
        StatusCode::BAD_REQUEST if text.contains("parse error") => Trouble::Never(reason),
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::GATEWAY_TIMEOUT => Trouble::Narrower(reason),
        _ => Trouble::Again { reason, wait },
    }
}

/// What Loki allows at most, where it complains of `limit`:
/// `… limit > max_entries_limit_per_query (10000 > 5000)`.
fn allowed(text: &str) -> Option<usize> {
    let (_, numbers) = text.split_once("max_entries_limit_per_query (")?;
    let (_, allowed) = numbers.split_once('>')?;
    allowed.trim_start().split(')').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused(status: u16, text: &str) -> Trouble {
        let status = StatusCode::from_u16(status).unwrap();
        let wait = Some(Duration::from_secs(3));
        trouble(Refusal::Status { status, text: text.into(), wait }, 100)
    }

    #[test]
    fn refusals_mean_what_helps() {
        assert!(matches!(refused(400, "parse error at line 1, col 2"), Trouble::Never(_)));
        let limit =
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (9 > 7)";
        assert!(matches!(refused(400, limit), Trouble::Limit(7)));
        let long = "the query time range exceeds the limit (query length: 800h, limit: 721h)";
        assert!(matches!(refused(400, long), Trouble::Narrower(_)));
        assert!(matches!(refused(504, ""), Trouble::Narrower(_)));
        assert!(matches!(refused(401, ""), Trouble::Again { .. }));
        assert!(matches!(refused(429, ""), Trouble::Again { wait: Some(_), .. }));
        assert!(matches!(trouble(Refusal::TooLong, 100), Trouble::Limit(50)));
    }
}
