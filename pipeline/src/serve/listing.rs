//! The events that an alert lists, packed: they say much the same, so each text is written once and
//! named by its number.

use std::sync::Arc;

use operators::alert::{AlertEvent, Listed};

/// Packed events: texts, and what each event says by their numbers: how many pairs it has, its
/// timestamp, names and values in turn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Packed<'a> {
    pub(super) texts: Vec<&'a str>,
    pub(super) codes: Vec<u32>,
}

impl<'a> Packed<'a> {
    /// Packs events. A text is known again where the event before has it in the same place.
    pub(super) fn new(events: &'a [Listed]) -> Self {
        let most = events.iter().map(|event| 2 + 2 * event.meta.len()).sum();
        let (texts, codes) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let mut packed = Self { texts, codes };
        let mut before = 0;
        for event in events {
            let start = packed.codes.len();
            packed.codes.push(u32::try_from(event.meta.len()).unwrap_or(u32::MAX));
            let pairs = event.meta.iter().flat_map(|(name, value)| [name, value]);
            for text in std::iter::once(&event.timestamp).chain(pairs) {
                before += 1;
                let known = packed.codes.get(before).filter(|_| before < start).copied();
                packed.text(text, known);
            }
            before = start;
        }
        packed
    }

    fn text(&mut self, text: &'a str, known: Option<u32>) {
        let is_known = |number: &u32| {
            // Events share most of their texts: these need not be read.
            let at = self.texts.get(*number as usize);
            at.is_some_and(|known| std::ptr::eq(*known, text) || *known == text)
        };
        let number = known.filter(is_known).unwrap_or_else(|| {
            self.texts.push(text);
            // Alerts are far smaller than what this cuts off.
            u32::try_from(self.texts.len() - 1).unwrap_or(u32::MAX)
        });
        self.codes.push(number);
    }
}

/// The events again; `None` where the numbers make no sense.
pub(super) fn unpacked(texts: &[Arc<str>], codes: &[u32]) -> Option<Vec<Listed>> {
    let text = |number: &u32| texts.get(*number as usize).map(Arc::clone);
    let (mut events, mut rest) = (Vec::new(), codes);
    while let [pairs, timestamp, behind @ ..] = rest {
        let (pairs, behind) = behind.split_at_checked(2 * *pairs as usize)?;
        rest = behind;
        let pair = |[name, value]: &[u32; 2]| Some((text(name)?, text(value)?));
        let meta = pairs.as_chunks().0.iter().map(pair).collect::<Option<_>>()?;
        events.push(Listed::from(AlertEvent { timestamp: text(timestamp)?, meta }));
    }
    rest.is_empty().then_some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(timestamp: &str, meta: &[(&str, &str)]) -> Listed {
        let meta = meta.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        AlertEvent { timestamp: timestamp.into(), meta }.into()
    }

    #[test]
    fn events_come_back_and_what_they_share_is_written_once() {
        let events = [
            event("t1", &[("ip", "192.0.2.7"), ("user", "a")]),
            event("t2", &[("ip", "192.0.2.7"), ("user", "b")]),
            event("t2", &[]),
            event("t3", &[("x", "y")]),
        ];
        let Packed { texts, codes } = Packed::new(&events);
        assert_eq!(texts, ["t1", "ip", "192.0.2.7", "user", "a", "t2", "b", "t3", "x", "y"]);
        let texts: Vec<Arc<str>> = texts.into_iter().map(Arc::from).collect();
        assert_eq!(unpacked(&texts, &codes).unwrap(), events);
        for cut in 1..codes.len() {
            let whole = unpacked(&texts, &codes[..cut]).map(|events| events.len());
            assert!(matches!(
                (cut, whole),
                (6, Some(1)) | (12, Some(2)) | (14, Some(3)) | (_, None)
            ));
        }
        assert_eq!(unpacked(&texts, &[1, 0, 1, 99]), None);
    }
}
