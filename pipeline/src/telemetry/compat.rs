//! CrowdSec's metrics under its names and labels (pkg/metrics, pkg/acquisition/modules). Values of
//! labels are bounded; what is counted by line there and by source here has the labels that are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::metric::Counter;
use operators::bucket::shares::Shares;
use operators::parse::hit::Hit;
use operators::place::Partition;

use super::exposition::{Kind, OTHER, Page, bounded};
use crate::config::settings::Level;
use crate::live::insight::{Shown, ordinal};
use crate::live::sources::Watched;
use crate::live::totals::{Bucketed, Counted};
use crate::service::observer::Observer;

/// What CrowdSec calls the lines of its sources.
const SOURCES: [(&str, &str); 9] = [
    ("file", "cs_filesource_hits_total"),
    ("journalctl", "cs_journalctlsource_hits_total"),
    ("syslog", "cs_syslogsource_hits_total"),
    ("docker", "cs_dockersource_hits_total"),
    ("kafka", "cs_kafkasource_hits_total"),
    ("loki", "cs_lokisource_hits_total"),
    ("victorialogs", "cs_victorialogssource_hits_total"),
    ("http", "cs_httpsource_hits_total"),
    ("k8s-audit", "cs_k8sauditsource_hits_total"),
];

/// What is counted of nodes, what CrowdSec calls it, and its help; those of whitelists last.
type NodeHits = (Hit, &'static str, &'static str);

const NODES: [NodeHits; 5] = [
    (Hit::Entered, "cs_node_hits_total", "Total events entered node."),
    (Hit::Succeeded, "cs_node_hits_ok_total", "Total events successfully exited node."),
    (Hit::Failed, "cs_node_hits_ko_total", "Total events unsuccessfully exited node."),
    (Hit::Looked, "cs_node_wl_hits_total", "Total events processed by whitelist node."),
    (
        Hit::Whitelisted,
        "cs_node_wl_hits_ok_total",
        "Total events successfully whitelisted by node.",
    ),
];

/// What parsers say of a lane: source, module, label `type`.
type Lane = (String, &'static str, Arc<str>);

/// Writes them.
pub fn write(page: &mut Page, observer: &Observer, shown: &Shown, level: Level) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.family("cs_info", Kind::Gauge, "Information about Crowdsec.").sample(&version, 1);
    sources(page, observer);
    parsers(page, observer, shown);
    let lanes = Lanes::new(observer);
    buckets(page, (&lanes, shown), level);
    // CrowdSec's `aggregated` has those of whitelists.
    let first = if level == Level::Full { 0 } else { NODES.len() - 2 };
    let hits = NODES.get(first..).unwrap_or_default();
    hits.iter().for_each(|hits| nodes(page, (&lanes, shown), hits));
    if level == Level::Full {
        active(page, observer);
        alerts(page, observer);
        machines(page, observer);
    }
}

fn sources(page: &mut Page, observer: &Observer) {
    let watched = || observer.engine.iter().flat_map(|engine| engine.watched.iter());
    for (module, name) in SOURCES {
        let own: Vec<&Watched> = watched().filter(|watched| watched.module == module).collect();
        if own.is_empty() {
            continue;
        }
        let mut family = page.family(name, Kind::Counter, "Total lines that were read.");
        for watched in own {
            let named = if module == "kafka" { "topic" } else { "source" };
            let labels = [
                (named, &*watched.name),
                ("datasource_type", module),
                ("acquis_type", &*watched.kind),
            ];
            family.sample(&labels, watched.meter.count(Counter::Lines));
        }
    }
}

fn parsers(page: &mut Page, observer: &Observer, shown: &Shown) {
    let lanes = Lanes::new(observer);
    let (mut ok, mut ko) = (BTreeMap::<Lane, u64>::new(), BTreeMap::<Lane, u64>::new());
    for (partition, read) in &shown.totals.partitions {
        let Some(lane) = lanes.of(*partition) else { continue };
        *ok.entry(lane.clone()).or_default() += read.lines.saturating_sub(read.unparsed);
        *ko.entry(lane).or_default() += read.unparsed;
    }
    let mut all = ok.clone();
    for (lane, count) in &ko {
        *all.entry(lane.clone()).or_default() += count;
    }
    let help = "Total events entered the parser.";
    let mut family = page.family("cs_parser_hits_total", Kind::Counter, help);
    for ((source, module, _), count) in bounded(all, &other()) {
        family.sample(&[("source", &source), ("type", module)], count);
    }
    for (name, help, counts) in [
        ("cs_parser_hits_ok_total", "Total events were successfully parsed.", ok),
        ("cs_parser_hits_ko_total", "Total events were unsuccessfully parsed.", ko),
    ] {
        let mut family = page.family(name, Kind::Counter, help);
        for ((source, module, kind), count) in bounded(counts, &other()) {
            let labels = [("source", source.as_str()), ("type", module), ("acquis_type", &*kind)];
            family.sample(&labels, count);
        }
    }
}

fn other() -> Lane {
    (OTHER.to_owned(), OTHER, OTHER.into())
}

/// What parsers say of lanes.
struct Lanes<'a> {
    observer: &'a Observer,
    by_place: BTreeMap<u32, &'a Watched>,
}

impl<'a> Lanes<'a> {
    fn new(observer: &'a Observer) -> Self {
        let engines = observer.engine.iter();
        let all = engines.flat_map(|engine| engine.watched.iter().map(move |one| (engine, one)));
        let placed = all.filter_map(|(engine, one)| Some((*engine.ordinals.get(&one.name)?, one)));
        Self { observer, by_place: placed.collect() }
    }

    fn of(&self, partition: Partition) -> Option<Lane> {
        let watched = self.by_place.get(&ordinal(partition))?;
        let name = self.observer.names.get(partition);
        let source = name.map_or_else(String::new, |name| name.to_string());
        Some((source, watched.module, Arc::clone(&watched.kind)))
    }

    /// Shares by what parsers say of their partitions.
    fn shared(&self, shares: &Shares) -> BTreeMap<Lane, u64> {
        let mut counts = BTreeMap::new();
        for (partition, count) in shares.iter() {
            let lane = partition.and_then(|partition| self.of(partition)).unwrap_or_else(other);
            *counts.entry(lane).or_default() += count;
        }
        counts
    }
}

fn nodes(page: &mut Page, (lanes, shown): (&Lanes<'_>, &Shown), hits: &NodeHits) {
    let (hit, name, help) = *hits;
    let mut family = page.family(name, Kind::Counter, help);
    for (counted, shares) in shown.totals.nodes.iter().filter(|(one, _)| one.hit == hit) {
        let Counted { name, stage, reason, .. } = *counted;
        for ((source, module, kind), count) in lanes.shared(shares) {
            let mut labels = vec![("source", source.as_str()), ("type", module), ("name", name)];
            if hit.is_of_whitelist() {
                labels.push(("reason", reason));
            }
            labels.extend([("stage", stage), ("acquis_type", &*kind)]);
            family.sample(&labels, count);
        }
    }
}

/// What is counted of a scenario.
type Of = fn(&Bucketed) -> u64;

fn buckets(page: &mut Page, (lanes, shown): (&Lanes<'_>, &Shown), level: Level) {
    let scenarios = &shown.totals.scenarios;
    if level == Level::Full {
        let help = "Total events were poured in bucket.";
        let mut family = page.family("cs_bucket_poured_total", Kind::Counter, help);
        for (name, sum) in scenarios {
            for ((source, module, _), count) in lanes.shared(&sum.poured_of) {
                let labels = [("source", source.as_str()), ("type", module), ("name", name)];
                family.sample(&labels, count);
            }
        }
    }
    let totals: [(_, _, Of); 4] = [
        ("cs_bucket_instantiation_total", "Total buckets were instantiated.", |sum| sum.begun),
        ("cs_bucket_overflowed_total", "Total buckets overflowed.", |sum| sum.overflowed),
        ("cs_bucket_canceled_total", "Total buckets canceled.", |sum| sum.cancelled),
        ("cs_bucket_underflowed_total", "Total buckets underflowed.", |sum| sum.underflowed),
    ];
    for (name, help, count) in totals {
        let mut family = page.family(name, Kind::Counter, help);
        for (name, sum) in scenarios {
            family.sample(&[("name", name)], count(sum));
        }
    }
    let help = "Number of buckets that currently exist.";
    let mut family = page.family("cs_buckets", Kind::Gauge, help);
    for (name, sum) in scenarios {
        family.sample(&[("name", name)], sum.live);
    }
}

fn active(page: &mut Page, observer: &Observer) {
    let mut counts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for entry in observer.index.current().entries() {
        let key = (entry.scenario().to_owned(), entry.origin().to_owned(), entry.kind().to_owned());
        *counts.entry(key).or_default() += 1;
    }
    let other = (OTHER.to_owned(), OTHER.to_owned(), OTHER.to_owned());
    let mut family = page.family("cs_active_decisions", Kind::Gauge, "Number of active decisions.");
    for ((reason, origin, action), count) in bounded(counts, &other) {
        let labels =
            [("reason", reason.as_str()), ("origin", origin.as_str()), ("action", &*action)];
        family.sample(&labels, count);
    }
}

fn alerts(page: &mut Page, observer: &Observer) {
    let help = "Number of alerts (excluding CAPI).";
    let mut family = page.family("cs_alerts", Kind::Gauge, help);
    for (reason, count) in bounded(observer.alerts.all(), &OTHER.into()) {
        family.sample(&[("reason", &*reason)], count);
    }
}

fn machines(page: &mut Page, observer: &Observer) {
    let help = "Timestamp of the last heartbeat of the machine";
    let name = "cs_machines_last_heartbeat_timestamp";
    let mut family = page.family(name, Kind::Gauge, help);
    for machine in observer.accounts.machines() {
        let seen = machine.last_heartbeat();
        if seen > 0 {
            family.sample(&[("machine", &machine.row().id)], seen / 1_000_000_000);
        }
    }
}
