//! An allowlist file: addresses and networks that no decision may hit.
//!
//! ```text
//! # office
//! 192.0.2.7
//! 198.51.100.0/24  until 2026-12-31T00:00:00Z  # contractor
//! ```
//!
//! or a YAML list of such entries, each a text or `{value, expiration, comment}`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::yaml::{Content, Fields, Located, Node, Position, Reading};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowlistEntry {
    /// What is allowed; a single address is a network of one. Host bits are zero.
    pub net: IpNet,
    /// RFC 3339 time from which it no longer counts.
    pub until: Option<Located<String>>,
    /// Why.
    pub comment: String,
}

/// Reads either form: YAML where the first sign is one of YAML's (`-`, `[`), else lines.
pub fn read(reading: &mut Reading<'_>) -> Vec<AllowlistEntry> {
    let source = reading.source;
    let mut lines = source.text().lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
    if first.starts_with('-') || first.starts_with('[') {
        return yaml(reading);
    }
    let mut entries = Vec::new();
    let mut byte = 0;
    for line in source.text().split_inclusive('\n') {
        let at = source.position_of_byte(byte + line.len() - line.trim_start().len());
        byte += line.len();
        entries.extend(entry(line, at, reading));
    }
    entries
}

fn yaml(reading: &mut Reading<'_>) -> Vec<AllowlistEntry> {
    let documents = crate::yaml::parse(reading.source);
    reading.errors.extend(documents.errors);
    let mut entries = Vec::new();
    for document in &documents.nodes {
        let Content::List(items) = &document.content else {
            reading.refuse(document.at, "an allowlist must be a list");
            continue;
        };
        for item in items {
            entries.extend(item_entry(item, reading));
        }
    }
    entries
}

fn item_entry(item: &Node, reading: &mut Reading<'_>) -> Option<AllowlistEntry> {
    if let Content::Map(_) = &item.content {
        let keys = ["value", "expiration", "comment"];
        let fields = Fields::open(item, "allowlist entry", &keys, reading)?;
        let value = fields.required("value", "an allowlist entry", reading);
        let until = fields.text("expiration", reading);
        let comment = fields.text("comment", reading).unwrap_or_default().value;
        let net = network(&value.value, value.at, reading)?;
        return Some(AllowlistEntry { net, until, comment });
    }
    let text = reading.text_of(item, "allowlist entry")?;
    entry(&text.value, text.at, reading)
}

fn entry(line: &str, at: Position, reading: &mut Reading<'_>) -> Option<AllowlistEntry> {
    let (text, comment) = line.split_once('#').unwrap_or((line, ""));
    let mut words = text.split_whitespace();
    let address = words.next()?;
    let until = match (words.next(), words.next(), words.next()) {
        (None, _, _) => None,
        (Some("until"), Some(time), None) => Some(Located::new(time.to_owned(), at)),
        _ => {
            let help =
                "write `ADDRESS`, or `ADDRESS until 2026-12-31T00:00:00Z`; # starts a comment";
            reading.refuse_with(at, "this is no allowlist entry", help);
            return None;
        }
    };
    let net = network(address, at, reading)?;
    Some(AllowlistEntry { net, until, comment: comment.trim().to_owned() })
}

fn network(text: &str, at: Position, reading: &mut Reading<'_>) -> Option<IpNet> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if net.is_none() {
        let message = format!("neither an IP address nor a network: {text:?}");
        reading.refuse_with(at, message, "write 192.0.2.7 or 192.0.2.0/24");
    }
    net.map(|net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Source;

    type Entry = (String, Option<String>, String);

    fn read_text(text: &str) -> (Vec<Entry>, Vec<String>) {
        let source = Source::new("a.txt", text);
        let mut reading = Reading::new(&source);
        let entries = read(&mut reading).into_iter();
        let entries = entries
            .map(|entry| (entry.net.to_string(), entry.until.map(|u| u.value), entry.comment));
        (entries.collect(), reading.errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lines_and_lists_mean_the_same() {
        let expected = vec![
            ("192.0.2.7/32".to_owned(), None, "office".to_owned()),
            ("198.51.100.0/24".to_owned(), Some("2026-12-31T00:00:00Z".to_owned()), String::new()),
        ];
        let lines = "# all\n\n192.0.2.7 # office\n198.51.100.9/24 until 2026-12-31T00:00:00Z\n";
        assert_eq!(read_text(lines), (expected.clone(), vec![]));
        let list =
            "- 192.0.2.7 # no\n- {value: 198.51.100.0/24, expiration: 2026-12-31T00:00:00Z}\n";
        let (mut entries, errors) = read_text(list);
        entries[0].2 = "office".to_owned();
        assert_eq!((entries, errors), (expected, vec![]));
    }

    #[test]
    fn each_bad_line_is_refused_at_its_place() {
        let (entries, errors) = read_text("192.0.2.7\n  banana\n192.0.2.8 and more\nno entry\n");
        assert_eq!(entries.len(), 1);
        assert_eq!(
            errors,
            [
                "a.txt:2:3: neither an IP address nor a network: \"banana\"",
                "a.txt:3:1: this is no allowlist entry",
                "a.txt:4:1: this is no allowlist entry"
            ]
        );
    }
}
