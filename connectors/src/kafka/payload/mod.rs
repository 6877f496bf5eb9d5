//! How lines stand in records: as they are, or in the JSON of a shipper. Comes in: the bytes of a
//! record; goes out: lines with the labels and the time that the document tells.

mod field;
mod instant;
mod json;
mod otlp;
mod preset;

use std::borrow::Cow;
use std::sync::Arc;

use crate::metric::Reason;

pub use field::Path;
pub use json::{Fields, SyslogParts};
pub use otlp::Attributes;
pub use preset::PRESETS;

/// How lines stand in records.
#[derive(Clone, Debug)]
pub enum Payload {
    /// The record is the line.
    Raw,
    /// A JSON object with the line in one of its fields.
    Json(Fields),
    /// `ExportLogsServiceRequest` of OpenTelemetry in JSON: many lines in a record.
    Otlp(Attributes),
}

/// A line as a document tells it.
#[derive(Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// Its text, not empty.
    pub text: Cow<'a, str>,
    /// When it was written, where told. Unit: nanoseconds since 1970.
    pub time: Option<i64>,
    /// Name and value of what the document says of it.
    pub labels: Vec<(Arc<str>, Cow<'a, str>)>,
}

/// Finds the lines of documents.
#[derive(Debug)]
pub struct Decoder(Kind);

#[derive(Debug)]
enum Kind {
    Json(json::Picker),
    Otlp(Attributes),
}

impl Decoder {
    /// `None` where records are lines.
    pub fn new(payload: &Payload) -> Option<Self> {
        match payload {
            Payload::Raw => None,
            Payload::Json(fields) => Some(Self(Kind::Json(json::Picker::new(fields)))),
            Payload::Otlp(attributes) => Some(Self(Kind::Otlp(attributes.clone()))),
        }
    }

    /// Gives each line of a document to `line`.
    ///
    /// # Errors
    /// Why the document has none.
    pub fn decode<'a>(
        &self,
        document: &'a str,
        line: &mut dyn FnMut(Told<'a>),
    ) -> Result<(), Reason> {
        match &self.0 {
            Kind::Json(picker) => picker.decode(document).map(line),
            Kind::Otlp(attributes) => otlp::decode(document, attributes, line),
        }
    }
}

/// The text without the line ends behind it.
pub(super) fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn decoded(preset: &str, document: &str) -> Result<Vec<Value>, Reason> {
        let payload = Payload::preset(preset).unwrap();
        let mut lines = Vec::new();
        Decoder::new(&payload).unwrap().decode(document, &mut |told| {
            let labels = told.labels.iter().map(|(name, value)| format!("{name}={value}"));
            let labels: Vec<String> = labels.collect();
            lines.push(serde_json::json!({
                "text": told.text, "time": told.time, "labels": labels,
            }));
        })?;
        Ok(lines)
    }

    /// Payloads as the shippers' documentation shows them.
    #[test]
    fn lines_of_shippers_are_found() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kafka");
        let mut seen = std::collections::BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let preset = case["preset"].as_str().unwrap();
            let lines = decoded(preset, case["payload"].as_str().unwrap()).unwrap();
            assert_eq!(Value::from(lines), case["lines"], "{}", path.display());
            seen.insert(preset.to_owned());
        }
        let all = PRESETS.iter().filter(|preset| **preset != "raw");
        assert_eq!(seen, all.map(|preset| (*preset).to_owned()).collect());
    }

    #[test]
    fn documents_without_lines_say_why() {
        for preset in PRESETS.iter().filter(|preset| **preset != "raw") {
            let deep = format!("{{\"x\":{}", "[".repeat(100_000));
            assert!(decoded(preset, "[]").is_err(), "{preset}");
            for document in ["", "null", "7", "{\"message\":", "\u{0}", &deep] {
                assert_eq!(
                    decoded(preset, document),
                    Err(Reason::Payload),
                    "{preset} {document:.20}"
                );
            }
            assert_eq!(decoded(preset, "{}"), Err(Reason::NoLine), "{preset}");
            let deep = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
            assert_eq!(decoded(preset, &deep), Err(Reason::NoLine), "{preset}");
        }
        assert_eq!(decoded("vector", "{\"message\":\"\\n\"}"), Err(Reason::Empty));
        assert_eq!(decoded("vector", "{\"message\":null}"), Err(Reason::NoLine));
    }

    #[test]
    fn own_fields_replace_those_of_a_preset() {
        let mut fields = Fields { line: vec![Path::from("event.original")], ..Fields::default() };
        fields.labels.push(("type".into(), vec![Path::from("kind"), Path::from("fallback")]));
        let decoder = Decoder::new(&Payload::Json(fields)).unwrap();
        let document = r#"{"event":{"original":"x"},"fallback":1,"time":3}"#;
        let mut told = Vec::new();
        decoder
            .decode(document, &mut |line| told.push((line.text, line.time, line.labels)))
            .unwrap();
        assert_eq!(told, [("x".into(), None, vec![("type".into(), "1".into())])]);
    }
}
