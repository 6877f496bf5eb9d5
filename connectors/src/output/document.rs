//! How a message looks where it is text: its payload on one line. A tombstone has none, so it says
//! what it ends.

use serde_json::{Value, json};

use super::Message;

/// Writes a message without a line end.
pub(super) fn write(text: &mut Vec<u8>, message: &Message) {
    match &message.payload {
        // Between the tokens of a JSON document a line end is as good as a space; inside them it
        // cannot be.
        Some(payload) => text.extend(payload.iter().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            other => *other,
        })),
        None => text.extend_from_slice(tombstone(message).to_string().as_bytes()),
    }
}

fn tombstone(message: &Message) -> Value {
    let key = String::from_utf8_lossy(&message.key);
    json!({ "stream": message.stream, "key": key, "deleted": true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::sync::Arc;

    #[test]
    fn a_message_is_one_line() {
        let mut message = Message {
            sequence: 1,
            stream: "decisions",
            partition_key: Bytes::new(),
            key: Bytes::from_static(b"Ip,192.0.2.1"),
            headers: Arc::default(),
            payload: Some(Bytes::from_static(b"{\"a\":\r\n1}")),
        };
        let written = |message: &Message| {
            let mut text = Vec::new();
            write(&mut text, message);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(written(&message), "{\"a\":  1}");
        message.payload = None;
        let expected = r#"{"stream":"decisions","key":"Ip,192.0.2.1","deleted":true}"#;
        assert_eq!(written(&message), expected);
    }
}
