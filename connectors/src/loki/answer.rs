//! Loki's JSON answers to `query_range`: in, the bytes; out, entries.
//!
//! Asked with `categorize-labels`, Loki keeps stream labels, structured metadata and what the query
//! parsed apart. An older one mixes them into the stream's labels, which tells entries apart as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, SeqAccess, Visitor};

use crate::labels::Labels;
use crate::range::Entry;

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Stream {
    stream: BTreeMap<String, String>,
    values: Vec<Line>,
}

/// `["TIME", "LINE"]` or `["TIME", "LINE", {…}]`.
struct Line {
    time: i64,
    line: String,
    more: More,
}

/// What a line has besides its stream.
#[derive(Default, Deserialize)]
#[serde(default)]
struct More {
    #[serde(rename = "structuredMetadata")]
    metadata: BTreeMap<String, String>,
    parsed: BTreeMap<String, String>,
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The bytes.
    #[error("its answer is no JSON of Loki's")]
    Json(#[from] serde_json::Error),
    /// The query.
    #[error("the query gives a {0}, not log lines")]
    NoLog(String),
}

/// Reads an answer. Entries get the labels of `labels_from` that they have.
///
/// # Errors
/// It is none, or not one of lines.
pub(crate) fn entries(
    body: &[u8],
    labels_from: &BTreeSet<String>,
) -> Result<Vec<Entry>, AnswerError> {
    let Answer { data } = serde_json::from_slice(body)?;
    if data.kind != "streams" {
        return Err(AnswerError::NoLog(data.kind));
    }
    let streams: Option<Vec<Stream>> = serde_json::from_value(data.result)?;
    let mut entries = Vec::new();
    let mut sets = BTreeSet::new();
    for Stream { stream, values } in streams.unwrap_or_default() {
        let name: Arc<str> = serde_json::to_string(&stream)?.into();
        for Line { time, line, more } in values {
            let metadata = match more.metadata.is_empty() && more.parsed.is_empty() {
                true => String::new(),
                false => serde_json::to_string(&(&more.metadata, &more.parsed))?,
            };
            let labels = labels(labels_from, &[&more.metadata, &stream], &mut sets);
            let stream = Arc::clone(&name);
            entries.push(Entry { time, stream, metadata, line, labels });
        }
    }
    Ok(entries)
}

/// Of the wanted labels those that are there; the first that has one gives it. Equal sets are one.
fn labels(
    wanted: &BTreeSet<String>,
    from: &[&BTreeMap<String, String>],
    sets: &mut BTreeSet<Labels>,
) -> Labels {
    let one = |name: &String| {
        let value = from.iter().find_map(|labels| labels.get(name))?;
        Some((name.as_str().into(), value.as_str().into()))
    };
    let set: Labels = Arc::new(wanted.iter().filter_map(one).collect());
    if let Some(same) = sets.get(&set) {
        return Arc::clone(same);
    }
    sets.insert(Arc::clone(&set));
    set
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Line;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time, a line, and perhaps labels")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Line, A::Error> {
                let time: Option<String> = parts.next_element()?;
                let time = time.and_then(|time| time.parse().ok());
                let time = time.ok_or_else(|| de::Error::custom("no nanoseconds since 1970"))?;
                let line = parts.next_element()?;
                let line = line.ok_or_else(|| de::Error::custom("no line"))?;
                let more = parts.next_element()?.unwrap_or_default();
                while parts.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Line { time, line, more })
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(result: &str) -> Result<Vec<Entry>, AnswerError> {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"streams","result":{result},"stats":{{}}}}}}"#
        );
        entries(body.as_bytes(), &["job".to_owned(), "trace".to_owned()].into())
    }

    #[test]
    fn metadata_and_streams_tell_entries_apart() {
        let all = read(
            r#"[{"stream":{"job":"a","x":"1"},"values":[["5","l"],["5","l",{"structuredMetadata":{"trace":"t"}}],["5","l",{"parsed":{"p":"1"}}],["5","l",{}]]},
                {"stream":{"x":"1","job":"b"},"values":[["6","l"]]}]"#,
        )
        .unwrap();
        let same: Vec<_> = all.iter().map(|e| e.order(&all[0]).is_eq()).collect();
        assert_eq!(same, [true, false, false, true, false]);
        let shown =
            |e: &Entry| e.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        assert_eq!(shown(&all[1]), ["job=a", "trace=t"]);
        assert_eq!(shown(&all[4]), ["job=b"]);
        assert_eq!(&*all[4].stream, r#"{"job":"b","x":"1"}"#);
    }

    #[test]
    fn nothing_found_is_an_answer_and_numbers_are_none() {
        assert_eq!(read("[]").unwrap(), []);
        assert_eq!(read("null").unwrap(), []);
        let body =
            br#"{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"]]}]}}"#;
        let error = entries(body, &BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "the query gives a matrix, not log lines");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        let whole =
            br#"{"data":{"resultType":"streams","result":[{"stream":{},"values":[["1","x"]]}]}}"#;
        assert!(entries(whole, &BTreeSet::new()).is_ok());
        for end in 0..whole.len() {
            assert!(entries(&whole[..end], &BTreeSet::new()).is_err(), "{end}");
        }
    }

    #[test]
    fn deep_rubbish_is_an_error() {
        let deep = "[".repeat(100_000);
        assert!(read(&deep).is_err());
        assert!(entries(format!(r#"{{"x":{deep}"#).as_bytes(), &BTreeSet::new()).is_err());
    }
}
