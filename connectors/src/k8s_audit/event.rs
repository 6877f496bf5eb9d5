//! An audit event as CrowdSec writes it. It decodes events into the API server's internal type, so that
//! names become those of its fields (`ObjectRef.Resource`), and fields that are not there are written
//! as empty: rules of its hub count on both (`crowdsecurity/k8s-audit`).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::rfc3339;

/// Fields of `audit.Event` in their order, with what stands for one that is not there.
const EVENT: [(&str, &str); 17] = [
    ("Level", TEXT),
    ("AuditID", TEXT),
    ("Stage", TEXT),
    ("RequestURI", TEXT),
    ("Verb", TEXT),
    ("User", "{}"),
    ("ImpersonatedUser", NULL),
    ("AuthenticationMetadata", NULL),
    ("SourceIPs", NULL),
    ("UserAgent", TEXT),
    (OBJECT_REF, NULL),
    ("ResponseStatus", NULL),
    ("RequestObject", NULL),
    ("ResponseObject", NULL),
    ("RequestReceivedTimestamp", NULL),
    ("StageTimestamp", NULL),
    ("Annotations", NULL),
];

/// Fields of `audit.ObjectReference`.
const OBJECT: [(&str, &str); 8] = [
    ("Resource", TEXT),
    ("Namespace", TEXT),
    ("Name", TEXT),
    ("UID", TEXT),
    ("APIGroup", TEXT),
    ("APIVersion", TEXT),
    ("ResourceVersion", TEXT),
    ("Subresource", TEXT),
];

/// The one field whose own fields are renamed too.
const OBJECT_REF: &str = "ObjectRef";

const NULL: &str = "null";
const TEXT: &str = "\"\"";

/// The line of an event, and when it reached its stage. Unit: nanoseconds since 1970. What a request
/// or an answer holds is copied as it is, however deep.
///
/// # Errors
/// It is no JSON object.
pub(crate) fn line(event: &str) -> Result<(String, Option<i64>), serde_json::Error> {
    let given = named(event)?;
    let time = given.get("stagetimestamp").and_then(|time| serde_json::from_str(time.get()).ok());
    let time = time.and_then(rfc3339::nanoseconds);
    let object = given.get(&OBJECT_REF.to_ascii_lowercase()).copied().filter(|object| is(object));
    let object = object.map(|object| Ok(object_of(&OBJECT, &named(object.get())?, None)));
    let object = object.transpose()?;
    Ok((object_of(&EVENT, &given, object.as_deref()), time))
}

/// Values by their names in lower case: Go finds fields by their names in any case.
fn named(object: &str) -> Result<BTreeMap<String, &RawValue>, serde_json::Error> {
    let given: BTreeMap<String, &RawValue> = serde_json::from_str(object)?;
    Ok(given.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

fn object_of(
    fields: &[(&str, &str)],
    given: &BTreeMap<String, &RawValue>,
    object: Option<&str>,
) -> String {
    let mut text = String::new();
    for (name, empty) in fields {
        let value = given.get(&name.to_ascii_lowercase()).filter(|value| is(value));
        let value = match object {
            Some(object) if *name == OBJECT_REF => object,
            _ => value.map_or(*empty, |value| value.get()),
        };
        text.push(if text.is_empty() { '{' } else { ',' });
        text += &format!("\"{name}\":{value}");
    }
    text.push('}');
    text
}

fn is(value: &RawValue) -> bool {
    value.get() != NULL
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the types of `k8s.io/apiserver` 0.36 make of these events, as CrowdSec 1.7.8 uses them.
    const EVENTS: &str = include_str!("../../tests/fixtures/k8s_audit/events.json");
    const LINES: &str = include_str!("../../tests/fixtures/k8s_audit/lines.jsonl");

    #[test]
    fn lines_read_as_crowdsecs() {
        let list: Value = serde_json::from_str(EVENTS).unwrap();
        let events = list["items"].as_array().unwrap();
        assert_eq!(events.len(), LINES.lines().count());
        for (event, expected) in events.iter().zip(LINES.lines()) {
            let (line, time) = line(&event.to_string()).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&line).unwrap(),
                serde_json::from_str::<Value>(expected).unwrap()
            );
            assert_eq!(time.is_some(), event.get("stageTimestamp").is_some());
        }
    }

    #[test]
    fn a_request_hides_no_event_by_being_deep() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let (line, _) = line(&format!(r#"{{"verb":"create","requestObject":{deep}}}"#)).unwrap();
        assert!(line.contains(r#""Verb":"create""#) && line.contains(&deep));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in ["", "1", "[]", "{\"level\":", &"[".repeat(100_000)] {
            assert!(line(text).is_err());
        }
    }
}
