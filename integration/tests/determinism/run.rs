//! Both ways to run logs through rules: the dataflow, and its slow twin.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use connectors::{ReadOptions, Reader};
use operators::alert::Alert;
use operators::alert::wire::WireAlert;
use operators::origin::Origin;
use operators::place::Partition;
use operators::profile::{Exempt, spec as profile_spec};
use operators::reference::{self, World};
use operators::text::RawLine;
use operators::time::layout::parse_rfc3339;
use operators::yaml::{Located, Reading, Source};
use pipeline::compile::{Options, compile};
use pipeline::detection::Detection;
use pipeline::hub::{RuleSource, Selection, file, load};
use pipeline::ingest::Feed;
use pipeline::lookup::WorldLookups;
use pipeline::replay::{self, Replay};
use pipeline::transform::{Transform, Transformer};

/// What changes no result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) workers: usize,
    pub(crate) chunk: usize,
    pub(crate) first_chunk: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self { workers: 1, chunk: 4096, first_chunk: 512 }
    }
}

/// Rules with logs.
pub(crate) struct Case {
    world: World,
    files: Vec<Vec<u8>>,
    transform: Option<Arc<Transform>>,
}

impl Case {
    /// Rules of a directory, with its `profiles.yaml` and `allowlist` if there are any.
    pub(crate) fn new(rules: &[&Path], kind: &str, files: Vec<Vec<u8>>) -> Self {
        let sources: Vec<_> =
            rules.iter().map(|dir| RuleSource::Directory((*dir).into())).collect();
        let set = load(&sources, &Selection::All);
        assert!(set.errors.is_empty(), "{:#?}", set.errors);
        let name = |partition: Partition| Some(format!("log.{}", partition.0).into());
        let beside = |name: &str| rules.iter().map(|dir| dir.join(name)).find(|path| path.exists());
        let profiles =
            beside("profiles.yaml").map(|path| file::read(&path, profile_spec::read).unwrap());
        let profiles = profiles.into_iter().collect();
        let exempt = beside("allowlist").map_or_else(Exempt::default, |path| {
            let read = file::read_allowlist(&path).unwrap();
            Exempt::compile(&read.content, &mut Reading::new(&read.source))
        });
        let options = Options { profiles, names: Box::new(name), ..Options::default() };
        let compiled = compile(&set, options);
        assert!(compiled.errors.is_empty(), "{:#?}", compiled.errors);
        let now = parse_rfc3339("2026-11-20T00:00:00Z").unwrap();
        let labels = [("type".into(), kind.into())];
        let labels = Arc::new(labels.into_iter().collect());
        let origin = |number: usize| Origin {
            source: format!("log.{number}").into(),
            labels: Arc::clone(&labels),
            module: "file",
            zone: None,
        };
        let world = World {
            rules: compiled.rules,
            profiles: compiled.profiles,
            exempt: Arc::new(exempt),
            lookups: Arc::new(WorldLookups::of_rules(&set, now)),
            origins: (0..files.len()).map(origin).collect(),
        };
        Self { world, files, transform: None }
    }

    /// The same with other lines made of the lines.
    pub(crate) fn transformed(self, expression: &str) -> Self {
        let source = Source::new("transform", expression);
        let text = Located { at: source.position(1, 1), value: expression.to_owned() };
        let mut reading = Reading::new(&source);
        let transform = Transform::compile(&text, &mut reading);
        assert!(transform.is_some(), "{:?}", reading.errors);
        Self { transform: transform.map(Arc::new), ..self }
    }

    fn transformer(&self, number: usize) -> Option<Transformer> {
        let transform = self.transform.clone()?;
        let lookups = Arc::clone(&self.world.lookups);
        Some(Transformer::new(transform, &self.world.origins[number], lookups))
    }

    /// The alerts of the dataflow, as JSON lines.
    pub(crate) fn replay(&self, way: Way) -> Vec<String> {
        let alerts: Arc<Mutex<Vec<Alert>>> = Arc::default();
        let taken = Arc::clone(&alerts);
        let world = self.world.clone();
        let run = Replay {
            detection: Detection {
                rules: world.rules,
                profiles: world.profiles,
                exempt: world.exempt,
                lookups: world.lookups,
            },
            origins: world.origins,
            feeds: self.feeds(way),
            workers: way.workers,
        };
        let emit = Box::new(move |alert| taken.lock().unwrap().push(alert));
        replay::run(run, emit, Box::new(|_| {})).unwrap();
        let alerts = alerts.lock().unwrap();
        alerts.iter().map(json).collect()
    }

    /// The alerts of the twin, as JSON lines.
    pub(crate) fn reference(&self) -> Vec<String> {
        let inputs: Vec<_> = self.feeds(Way::default()).into_iter().map(lines).collect();
        reference::run(&self.world, &inputs).iter().map(json).collect()
    }

    fn feeds(&self, way: Way) -> Vec<Feed> {
        let Way { chunk, first_chunk, .. } = way;
        let options = ReadOptions { max_line: 1 << 16, chunk, first_chunk };
        let feed = |(number, bytes): (usize, &Vec<u8>)| {
            let (name, bytes) = (format!("log.{number}"), Cursor::new(bytes.clone()));
            let reader = Reader::of_stream(&name, bytes, options, Arc::default());
            Feed { reader, transformer: self.transformer(number) }
        };
        self.files.iter().enumerate().map(feed).collect()
    }
}

fn lines(feed: Feed) -> Vec<(u64, String)> {
    let Feed { mut reader, mut transformer } = feed;
    let mut all = Vec::new();
    while let Some(chunk) = reader.next_chunk() {
        let chunk = chunk.unwrap();
        for record in chunk.records() {
            let (position, line) = (record.span.offset, record.line());
            match &mut transformer {
                None => all.push((position, line.to_owned())),
                Some(transformer) => {
                    let derived = transformer.line(RawLine::from(line));
                    let texts = (0..derived.len()).map(|part| derived.get(part).unwrap_or(line));
                    all.extend(texts.map(|text| (position, text.to_owned())));
                }
            }
        }
    }
    all
}

fn json(alert: &Alert) -> String {
    let name = |partition: Partition| format!("log.{}", partition.0).into();
    serde_json::to_string(&WireAlert::new(alert, "test", &name)).unwrap()
}
