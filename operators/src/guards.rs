//! What filters ask of an event before they are evaluated, as an index looks it up.

use std::sync::Arc;

use crate::event::Event;
use crate::expr::{Guard, GuardTest, Known, Subject};
use crate::index::{Index, Need};

/// What of a filter with these guards holds for every candidate of an index.
pub(crate) fn known(guards: &[Guard], index: &Index<Subject>) -> Known {
    let mut known = Known::default();
    for (at, guard) in guards.iter().enumerate() {
        let first = guards.iter().position(|other| other.subject == guard.subject);
        if first == Some(at) && index.decides(&guard.subject) {
            known.add(guard);
        }
    }
    known
}

/// What an index may ask of a rule, from what its filter needs.
pub(crate) fn needs(guards: &[Guard]) -> Vec<Need<Subject>> {
    let need = |guard: &Guard| {
        let subject = guard.subject.clone();
        let (values, prefixes) = match &guard.test {
            GuardTest::OneOf(values) => (values.iter().map(ToString::to_string).collect(), vec![]),
            GuardTest::StartsWith(prefix) => (vec![], vec![prefix.to_string()]),
        };
        Need { subject, values, prefixes }
    };
    guards.iter().map(need).collect()
}

/// The string that a guard looks at.
pub(crate) fn subject_value<'a>(event: &'a Event, subject: &Subject) -> &'a str {
    match subject {
        Subject::Field(id) => event.get(*id).unwrap_or(""),
        Subject::Label(name) => event.line.labels.get(name).map_or("", Arc::as_ref),
        Subject::Part(part) => crate::expr::part_of(event, *part).unwrap_or(""),
    }
}
