//! Lines of an input on their way through its transform. In: chunks. Out: blocks of derived lines,
//! each about as large as a chunk.
//!
//! The lines that were made of one line share its position and are never parted: together they are
//! the record that the order knows.

use std::sync::Arc;

use connectors::{Chunk, Span};
use operators::fault::Part;
use operators::parse::lines::LineSpan;
use operators::place::Partition;
use operators::text::RawLine;

use crate::problems::Problems;
use crate::transform::{Derived, Transformer};

/// A block ends with the record that reaches this size. Unit: bytes.
const BLOCK: usize = 64 << 10;

/// More is not made of one line: it stays as it is. Unit: bytes.
const MAX_RECORD: usize = 16 << 20;

/// What a derived line is counted under that is longer than lines may be.
const TOO_LONG: &str = "line too long after transform";

/// Text, and the lines in it.
pub type Block = (Arc<str>, Vec<LineSpan>);

/// Derives the lines of one input.
#[derive(Debug)]
pub struct Derive {
    transformer: Transformer,
    max_line: usize,
    chunk: Chunk,
    /// The line of the chunk that is next.
    next: usize,
}

impl Derive {
    /// Nothing to derive yet. Derived lines of more than `max_line` bytes are rejected.
    pub fn new(transformer: Transformer, max_line: usize) -> Self {
        Self { transformer, max_line, chunk: Chunk::default(), next: 0 }
    }

    /// Takes the next chunk, when [`Derive::block`] gives nothing any more.
    pub fn give(&mut self, chunk: Chunk) {
        (self.chunk, self.next) = (chunk, 0);
    }

    /// The next derived lines, `None` at the end of the chunk. Notes what failed.
    pub fn block(&mut self, partition: Partition, problems: &mut Problems) -> Option<Block> {
        let first = self.next;
        let (mut text, mut spans) = (String::new(), Vec::new());
        while let Some(span) = self.chunk.lines.get(self.next).copied()
            && text.len() < BLOCK
        {
            self.next += 1;
            let mut fault = |reason: &str| {
                let input = usize::try_from(partition.0).unwrap_or(usize::MAX);
                problems.faults.add(input, Part::Transform, (partition, span.offset), &reason);
            };
            let (raw, derived) = self.derived(span, &mut fault);
            for index in 0..derived.len() {
                let line = derived.get(index).unwrap_or_else(|reason| {
                    fault(&reason);
                    raw.as_str()
                });
                if line.len() > self.max_line {
                    *problems.rejects.entry(TOO_LONG).or_default() += 1;
                    continue;
                }
                let start = bound(text.len());
                text.push_str(line);
                spans.push(LineSpan { start, end: bound(text.len()), position: span.offset });
            }
        }
        (self.next > first).then(|| (text.into(), spans))
    }

    /// A line and what becomes of it.
    fn derived(&mut self, span: Span, fault: &mut dyn FnMut(&str)) -> (RawLine, Derived) {
        let raw = RawLine::new(Arc::clone(&self.chunk.text), span.start, span.end);
        let derived = record(&mut self.transformer, &raw, fault);
        (raw, derived)
    }
}

/// What becomes of a line. Where that is too much the line stays as it is.
pub fn record(
    transformer: &mut Transformer,
    raw: &RawLine,
    fault: &mut dyn FnMut(&str),
) -> Derived {
    let derived = transformer.line(raw.clone());
    let sizes = (0..derived.len()).map(|index| derived.get(index).map_or(0, str::len));
    let total = sizes.fold(0, usize::saturating_add);
    if total <= MAX_RECORD && derived.len() <= MAX_RECORD {
        return derived;
    }
    fault("it gave more than 16 MiB");
    Derived::One(raw.as_str().into())
}

/// A place in a block.
pub fn bound(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::tests::transformer;
    use connectors::Span;

    fn chunk(lines: &[&str]) -> Chunk {
        let mut chunk = Chunk { text: lines.join("\n").into(), ..Chunk::default() };
        let mut start = 0;
        for line in lines {
            let end = start + u32::try_from(line.len()).unwrap();
            chunk.lines.push(Span { start, end, offset: 1_000 + u64::from(start) });
            start = end + 1;
        }
        chunk
    }

    /// Every line with its position, block by block.
    fn blocks(derive: &mut Derive, problems: &mut Problems) -> Vec<Vec<(String, u64)>> {
        let mut all = Vec::new();
        while let Some((text, spans)) = derive.block(Partition(0), problems) {
            let line = |span: &LineSpan| {
                (text[span.start as usize..span.end as usize].to_owned(), span.position)
            };
            all.push(spans.iter().map(line).collect());
        }
        all
    }

    fn line(text: &str, position: u64) -> (String, u64) {
        (text.to_owned(), position)
    }

    #[test]
    fn derived_lines_keep_the_place_of_theirs() {
        let transformer = transformer("evt.Line.Raw == 'x' ? nil : Split(evt.Line.Raw, ',')");
        let (mut derive, mut problems) = (Derive::new(transformer, 100), Problems::default());
        derive.give(chunk(&["a,b", "x", "c"]));
        let expected = [line("a", 1_000), line("b", 1_000), line("x", 1_004), line("c", 1_006)];
        assert_eq!(blocks(&mut derive, &mut problems), [expected]);
        let fault = problems.faults.iter().map(|(input, part, fault)| (input, part, fault.count));
        assert_eq!(fault.collect::<Vec<_>>(), [(0, Part::Transform, 1)]);
    }

    #[test]
    fn many_lines_of_one_are_never_parted() {
        let transformer = transformer("map(1..20001, Sprintf('%08d', #))");
        let (mut derive, mut problems) = (Derive::new(transformer, 100), Problems::default());
        derive.give(chunk(&["a", "b"]));
        let blocks = blocks(&mut derive, &mut problems);
        let firsts = blocks.iter().map(|block| (block.len(), &block[0]));
        let expected = [line("00000001", 1_000), line("00000001", 1_002)];
        assert_eq!(firsts.collect::<Vec<_>>(), [(20_001, &expected[0]), (20_001, &expected[1])]);
    }

    #[test]
    fn a_line_that_would_become_huge_stays() {
        let transformer = transformer("map(1..1001, repeat(evt.Line.Raw, 20000))");
        let (mut derive, mut problems) = (Derive::new(transformer, 100), Problems::default());
        derive.give(chunk(&["a"]));
        assert_eq!(blocks(&mut derive, &mut problems), [[line("a", 1_000)]]);
        let (_, _, fault) = problems.faults.iter().next().unwrap();
        assert_eq!(fault.message, "it gave more than 16 MiB");
    }

    #[test]
    fn lines_that_are_too_long_are_counted() {
        let transformer = transformer("[evt.Line.Raw, evt.Line.Raw + evt.Line.Raw]");
        let (mut derive, mut problems) = (Derive::new(transformer, 3), Problems::default());
        derive.give(chunk(&["ab"]));
        assert_eq!(blocks(&mut derive, &mut problems), [[line("ab", 1_000)]]);
        assert_eq!(problems.rejects[TOO_LONG], 1);
    }

    #[test]
    fn lines_that_are_gone_leave_an_empty_block() {
        let transformer = transformer("filter(['a'], # == evt.Line.Raw)");
        let (mut derive, mut problems) = (Derive::new(transformer, 100), Problems::default());
        derive.give(chunk(&["b", "c"]));
        assert_eq!(derive.block(Partition(0), &mut problems).map(|block| block.1.len()), Some(0));
        assert!(derive.block(Partition(0), &mut problems).is_none());
    }
}
