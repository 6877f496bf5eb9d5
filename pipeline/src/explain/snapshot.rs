//! The event as text at one moment, and what changed since an earlier one.

use std::collections::BTreeMap;

use operators::event::Event;
use operators::schema::Space;
use operators::text::Text;

use super::condition::json_of;
use super::story::Change;

/// Everything that rules may write, as expressions name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// The event as it is now.
    pub fn of(event: &Event) -> Self {
        let mut all = BTreeMap::new();
        for (space, prefix) in [
            (Space::Parsed, "evt.Parsed."),
            (Space::Meta, "evt.Meta."),
            (Space::Enriched, "evt.Enriched."),
        ] {
            for (name, value) in event.named(space) {
                all.insert(format!("{prefix}{name}"), value.to_owned());
            }
        }
        for (name, value) in &event.unmarshaled {
            all.insert(format!("evt.Unmarshaled.{name}"), json_of(value).to_string());
        }
        for (name, value) in event.line.labels.iter() {
            all.insert(format!("evt.Line.Labels.{name}"), value.to_string());
        }
        let mut text = |name: &str, value: &Text| {
            let value = event.text(value);
            if !value.is_empty() {
                all.insert(name.to_owned(), value.to_owned());
            }
        };
        text("evt.StrTime", &event.str_time);
        text("evt.StrTimeFormat", &event.str_time_format);
        text("evt.MarshaledTime", &event.marshaled_time);
        all.insert("evt.Line.Raw".into(), event.line.raw.as_str().to_owned());
        if let Some(reason) = &event.whitelisted {
            all.insert("evt.Whitelisted".into(), event.text(reason).to_owned());
        }
        if let Some(overflow) = &event.overflow {
            let alert = &overflow.alert;
            all.insert("evt.Overflow.Alert.Message".into(), alert.message.to_string());
            all.insert("evt.Overflow.Alert.Scenario".into(), alert.scenario.to_string());
            all.insert("evt.Overflow.Alert.Source.Scope".into(), alert.source.scope.to_string());
            all.insert("evt.Overflow.Alert.Source.Value".into(), alert.source.value.to_string());
        }
        Self(all)
    }

    /// What is different in `later`, by name.
    pub fn changes(&self, later: &Self) -> Vec<Change> {
        let gone = self.0.iter().filter(|(name, _)| !later.0.contains_key(*name));
        let gone = gone.map(|(name, old)| (name, Some(old), None));
        let written = later.0.iter().map(|(name, new)| (name, self.0.get(name), Some(new)));
        let written = written.filter(|(_, old, new)| old != new);
        let change = |(name, old, new): (&String, Option<&String>, Option<&String>)| Change {
            name: name.clone(),
            old: old.cloned(),
            new: new.cloned(),
        };
        gone.chain(written).map(change).collect()
    }
}
