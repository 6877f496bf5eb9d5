//! A source of known lines: several lanes, each a list. Delivery: each line once, again from where a
//! position says. Order: that of the list. Resume point: number of the next line.

use std::sync::Arc;
use std::time::Duration;

use connectors::{
    Chunk, Context, Delivery, Lane, Origin, Position, Resume, Source, SourceError, Span,
};

/// Lanes of lines.
#[derive(Clone)]
pub(crate) struct Listed {
    /// Name and lines of each lane.
    pub(crate) lanes: Vec<(String, Arc<Vec<String>>)>,
    /// Lines of one delivery.
    pub(crate) chunk: usize,
    /// Waited after each round over the lanes.
    pub(crate) pause: Duration,
    /// When the transport says that they were written, if it does. Unit: nanoseconds since 1970.
    pub(crate) written: Option<i64>,
}

impl Source for Listed {
    fn module(&self) -> &'static str {
        "file"
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let open = |(name, lines): &(String, Arc<Vec<String>>)| {
            let next = context.resume.get(name.as_str()).map_or(0, next);
            (context.outlet.lane(name, 1 << 14), Arc::clone(lines), next)
        };
        let mut lanes: Vec<_> = self.lanes.iter().map(open).collect();
        context.outlet.ready();
        context.health.reading();
        while !context.stop.is_set() && !lanes.is_empty() {
            let mut open = Vec::new();
            for (lane, lines, next) in lanes {
                // One lane that waits for another must not keep that one waiting.
                if !lane.has_room() {
                    open.push((lane, lines, next));
                    continue;
                }
                let end = (next + self.chunk).min(lines.len());
                let mut delivery = delivery(&lane, &lines, next, end);
                delivery.times = (next..end).filter_map(|_| self.written).collect();
                let sent = lane.send_blocking(delivery, &context.runtime);
                if sent.is_ok() && end < lines.len() {
                    open.push((lane, lines, end));
                } else {
                    lane.close();
                }
            }
            lanes = open;
            context.stop.wait_for(&context.runtime, self.pause.max(Duration::from_micros(200)));
        }
        while !context.stop.wait_for(&context.runtime, Duration::from_secs(60)) {}
        Ok(())
    }
}

fn next(resume: &Resume) -> usize {
    resume.position.read().unwrap()
}

fn delivery(lane: &Lane, lines: &[String], from: usize, to: usize) -> Delivery {
    let mut text = String::new();
    let spans = (from..to).map(|number| {
        let start = u32::try_from(text.len()).unwrap();
        text.push_str(&lines[number]);
        let end = u32::try_from(text.len()).unwrap();
        text.push('\n');
        Span { start, end, offset: number as u64 }
    });
    let lines = spans.collect();
    let chunk = Chunk { lines, text: text.into(), ..Chunk::default() };
    let (source, labels) = (Arc::clone(lane.name()), Arc::default());
    let origin = Origin { source, labels, module: "file" };
    Delivery::new(chunk, Arc::new(origin), Position::new(&from), Position::new(&to))
}
