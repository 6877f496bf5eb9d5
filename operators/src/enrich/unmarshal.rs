//! `UnmarshalJSON`: the raw line as a document, its keys merged into `evt.Unmarshaled`.

use super::EnrichError;
use crate::event::Event;
use crate::json;
use crate::value::Value;

/// Decodes the line of an event. `null` empties `evt.Unmarshaled`, as it does a Go map.
///
/// # Errors
/// The line is no JSON object; the event is unchanged.
pub fn line(event: &mut Event) -> Result<(), EnrichError> {
    match json::decode(event.line.raw.as_str())? {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                event.unmarshaled.insert(key.clone(), value.clone());
            }
        }
        Value::Nil => event.unmarshaled.clear(),
        _ => return Err(EnrichError::NotAnObject),
    }
    event.touch();
    Ok(())
}
