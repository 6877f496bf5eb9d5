//! The transform of a live source at work. In: what the source delivers. Out: the lines that are made
//! of it, with what their transport says.

use std::sync::Arc;

use connectors::{Chunk, ReadOptions};
use operators::parse::lines::Transport;
use operators::time::Stamp;

use super::lanes::SourceSettings;
use crate::derive::{Block, Made, Trouble};
use crate::transform::Transformer;

/// Derives the lines of one source.
#[derive(Debug)]
pub struct Transforming {
    source: Arc<str>,
    transformer: Transformer,
    max_line: usize,
    /// Derived lines that failed or are too long, so far.
    troubles: u64,
}

impl Transforming {
    /// For a source that has a transform.
    pub fn new(settings: &SourceSettings) -> Option<Self> {
        let transformer = settings.transform.clone()?;
        let max_line = ReadOptions::default().max_line;
        Some(Self { source: Arc::clone(&settings.name), transformer, max_line, troubles: 0 })
    }

    /// The lines that are made of those of `chunk`; `transport` becomes what is said of these.
    pub fn derive(&mut self, chunk: &Chunk, transport: &mut Transport) -> Block {
        let mut made = Made::default();
        let mut troubles = Vec::new();
        for (number, span) in (0..).zip(&chunk.lines) {
            if let Some(origin) = transport.origin(number) {
                let time = transport.time(number).unwrap_or(transport.arrived);
                self.transformer.come_from(origin, Stamp::utc_at(time));
            }
            let line = (number, &chunk.text, *span);
            let mut note = |trouble| troubles.push(trouble);
            made.add(&mut self.transformer, line, self.max_line, &mut note);
        }
        troubles.iter().for_each(|trouble| self.tell(trouble));
        *transport = transport.of(made.of.iter().copied());
        (made.text.into(), made.spans)
    }

    /// Logs the first trouble, the tenth, the hundredth: a source must not fill the log.
    fn tell(&mut self, trouble: &Trouble) {
        self.troubles += 1;
        if 10_u64.pow(self.troubles.ilog10()) != self.troubles {
            return;
        }
        let (source, so_far) = (&*self.source, self.troubles);
        match trouble {
            Trouble::Failed(reason) => {
                tracing::warn!(source, reason, so_far, "a transform failed: the line stays");
            }
            Trouble::TooLong => {
                tracing::warn!(source, so_far, "a line is too long after its transform: left out");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use connectors::Span;
    use operators::detector::Origin;
    use operators::parse::lines::Clock;
    use operators::time::EventTime;

    use super::*;
    use crate::transform::tests::transformer;

    fn origin(source: &str) -> Arc<Origin> {
        Arc::new(Origin { source: source.into(), labels: Arc::default(), module: "http" })
    }

    #[test]
    fn derived_lines_keep_origin_and_time_of_theirs() {
        let settings = SourceSettings {
            name: "s".into(),
            labels: Arc::new(BTreeMap::new()),
            clock: Clock::Event,
            transform: Some(transformer("evt.Line.Raw == '' ? [] : [evt.Line.Src, evt.Line.Raw]")),
        };
        let mut transforming = Transforming::new(&settings).unwrap();
        let span = |start, end, offset| Span { start, end, offset };
        let lines = vec![span(0, 1, 7), span(1, 1, 8), span(1, 2, 9)];
        let chunk = Chunk { text: "ab".into(), lines, ..Chunk::default() };
        let mut transport = Transport {
            origins: vec![origin("one"), origin("two")],
            origin_of: vec![0, 0, 1],
            times: [1, 2, 3].map(EventTime).into(),
            arrived: EventTime(9),
            clock: Clock::Event,
        };
        let (text, spans) = transforming.derive(&chunk, &mut transport);
        let line = |span: &operators::parse::lines::LineSpan| {
            (text[span.start as usize..span.end as usize].to_owned(), span.position)
        };
        let expected = [("one", 7), ("a", 7), ("two", 9), ("b", 9)];
        let expected = expected.map(|(text, position)| (text.to_owned(), position));
        assert_eq!(spans.iter().map(line).collect::<Vec<_>>(), expected);
        assert_eq!(transport.origin_of, [0, 0, 1, 1]);
        assert_eq!(transport.times, [1, 1, 3, 3].map(EventTime));
    }
}
