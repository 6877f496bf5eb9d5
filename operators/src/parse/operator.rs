//! The parsers as a dataflow operator: lines in, stamps and pours out. Holds nothing: order is
//! made behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use super::lines::{Found, Lines, Parsed, Tally};
use crate::detector::{Detector, Verdict};
use crate::epoch::Epoch;
use crate::place::Place;
use crate::text::RawLine;

/// Parses each block on the worker that it names, one in a turn: what orders and reads on the same
/// worker has its turn in between, so that the other workers never wait for blocks.
pub fn operator<'scope>(
    lines: StreamVec<'scope, Epoch, Lines>,
    mut detector: Detector,
) -> StreamVec<'scope, Epoch, Parsed> {
    let scope = lines.scope();
    lines.unary(Exchange::new(|lines: &Lines| lines.worker), "parse", move |_capability, info| {
        let again = scope.activator_for(info.address);
        let mut waiting: VecDeque<(Capability<Epoch>, Lines)> = VecDeque::new();
        move |input, output| {
            input.for_each_time(|time, batches| {
                let capability = time.retain(output.output_index());
                let blocks = batches.flat_map(|batch| batch.drain(..));
                waiting.extend(blocks.map(|lines| (capability.clone(), lines)));
            });
            if let Some((capability, lines)) = waiting.pop_front() {
                output.session(&capability).give(parse(&mut detector, &lines));
            }
            if !waiting.is_empty() {
                again.activate();
            }
        }
    })
}

/// Parses a block.
pub fn parse(detector: &mut Detector, lines: &Lines) -> Parsed {
    let mut parsed = Parsed {
        worker: lines.worker,
        partition: lines.partition,
        number: lines.number,
        stamps: Vec::with_capacity(lines.spans.len()),
        found: Vec::new(),
        untaken: Vec::new(),
        block: None,
        transport: lines.transport.clone(),
        last: lines.last,
        tally: Tally::default(),
    };
    for (number, span) in (0_u32..).zip(&lines.spans) {
        let raw = RawLine::new(Arc::clone(&lines.block), span.start, span.end);
        let place = Place { partition: lines.partition, position: span.position };
        detector.comes(lines.transport.as_deref(), number);
        match detector.line(raw, place, None, &mut parsed.tally) {
            Verdict::Done { stamp, pours, taken } => {
                if !taken {
                    parsed.untaken.push(number);
                }
                parsed.stamps.push((span.position, stamp));
                if !pours.is_empty() {
                    parsed.found.push((number, Found::Pours(pours)));
                }
            }
            Verdict::WantsStash => {
                parsed.stamps.push((span.position, None));
                parsed.found.push((number, Found::Later(*span)));
                parsed.block = Some(Arc::clone(&lines.block));
            }
        }
    }
    parsed.tally.partitions.insert(lines.partition, parsed.tally.lines);
    parsed
}
