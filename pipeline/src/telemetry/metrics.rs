//! The metrics of a service: ours here, CrowdSec's in [`super::compat`]. Made from what is counted,
//! whenever somebody asks.

use connectors::metric::{Counter, Gauge, OutputCounter, Reason};

use super::compat;
use super::exposition::{Kind, Page};
use super::lapi::Counted;
use crate::config::settings::Level;
use crate::live::insight::{BOUNDS, Shown};
use crate::service::observer::{Observer, Seen, seconds_since};

/// What a page is made of besides what is observed.
#[derive(Debug)]
pub struct Metrics {
    /// Which of CrowdSec's metrics there are.
    pub level: Level,
    /// Requests to the API.
    pub requests: Counted,
}

impl Metrics {
    /// All metrics, in Prometheus' text format.
    pub fn page(&self, observer: &Observer) -> String {
        let shown = observer.shown();
        let sources = observer.sources(&shown);
        let mut page = Page::default();
        lines(&mut page, &shown);
        of_sources(&mut page, &sources);
        lags(&mut page, &sources);
        state(&mut page, observer, &shown);
        outputs(&mut page, observer);
        if self.level != Level::None {
            compat::write(&mut page, observer, &shown, self.level);
            self.requests.write(&mut page, self.level == Level::Full);
        }
        page.text()
    }
}

fn lines(page: &mut Page, shown: &Shown) {
    let totals = &shown.totals;
    let help = "lines that were read, by what became of them";
    let mut family = page.family("spillway_lines_total", Kind::Counter, help);
    for (outcome, count) in [
        ("parsed", totals.parsed),
        ("unparsed", totals.unparsed),
        ("whitelisted", totals.whitelisted),
        ("poured", totals.poured),
    ] {
        family.sample(&[("outcome", outcome)], count);
    }
    let help = "lines whose date did not count, by why";
    let mut family = page.family("spillway_redated_lines_total", Kind::Counter, help);
    family.sample(&[("reason", "undated")], totals.undated);
    family.sample(&[("reason", "ahead of their arrival")], totals.ahead);
    let help = "lines with pours that came after their time, and were applied";
    page.single("spillway_late_lines_total", Kind::Counter, help, shown.late);
    let help = "buckets of scenarios that have changed or are gone: they were dropped";
    page.single("spillway_dropped_buckets_total", Kind::Counter, help, shown.dropped);
    let help =
        "overflows of scenarios with reprocess that were not matched again: too many followed";
    let mut family = page.family("spillway_unmatched_overflows_total", Kind::Counter, help);
    for (scenario, sum) in totals.scenarios.iter().filter(|(_, sum)| sum.left > 0) {
        family.sample(&[("scenario", scenario)], sum.left);
    }
    page.single("spillway_alerts_total", Kind::Counter, "alerts", totals.alerts);
    let mut family = page.family("spillway_decisions_total", Kind::Counter, "decisions");
    for ((origin, kind), count) in &totals.decisions {
        family.sample(&[("origin", origin), ("type", kind)], count);
    }
}

fn of_sources(page: &mut Page, sources: &[Seen<'_>]) {
    let names = Counter::ALL.iter().map(|counter| (counter, source_counter(*counter)));
    for (counter, (name, help)) in names {
        let mut family = page.family(name, Kind::Counter, help);
        for Seen { watched, .. } in sources {
            let labels = [("source", &*watched.name), ("module", watched.module)];
            family.sample(&labels, watched.meter.count(*counter));
        }
    }
    let help = "records that were not read, by why";
    let mut family = page.family("spillway_source_rejected_records_total", Kind::Counter, help);
    for Seen { watched, .. } in sources {
        for reason in Reason::ALL {
            let count = watched.meter.rejected(*reason);
            if count > 0 {
                let labels = [("source", &*watched.name), ("reason", reason.as_str())];
                family.sample(&labels, count);
            }
        }
    }
    for gauge in Gauge::ALL {
        let (name, help) = source_gauge(*gauge);
        let mut family = page.family(name, Kind::Gauge, help);
        for Seen { watched, .. } in sources {
            family.sample(&[("source", &*watched.name)], watched.meter.gauge(*gauge));
        }
    }
    let help = "1 for the state that the source is in";
    let mut family = page.family("spillway_source_state", Kind::Gauge, help);
    for Seen { watched, .. } in sources {
        let labels = [("source", &*watched.name), ("state", watched.health.state().name())];
        family.sample(&labels, 1);
    }
    let help = "lines that no parser took";
    let mut family = page.family("spillway_source_unparsed_lines_total", Kind::Counter, help);
    for Seen { watched, read, .. } in sources {
        family.sample(&[("source", &*watched.name)], read.unparsed);
    }
}

fn source_counter(counter: Counter) -> (&'static str, &'static str) {
    match counter {
        Counter::Lines => ("spillway_source_lines_total", "lines handed over"),
        Counter::Bytes => ("spillway_source_bytes_total", "bytes of these lines"),
        Counter::Repaired => {
            ("spillway_source_repaired_lines_total", "lines that held invalid UTF-8")
        }
        Counter::Duplicates => {
            ("spillway_source_duplicate_records_total", "records that were known already")
        }
        Counter::Sessions => {
            ("spillway_source_sessions_total", "connections, requests or files begun")
        }
        Counter::Retries => {
            ("spillway_source_retries_total", "times that something was tried again")
        }
        Counter::Missed => {
            ("spillway_source_missed_records_total", "records that were gone before they were read")
        }
    }
}

fn source_gauge(gauge: Gauge) -> (&'static str, &'static str) {
    match gauge {
        Gauge::LagRecords => {
            ("spillway_source_lag_records", "records known to be there and not read yet")
        }
        Gauge::LagBytes => {
            ("spillway_source_lag_bytes", "bytes known to be there and not read yet")
        }
        Gauge::LagSeconds => {
            ("spillway_source_lag_seconds", "how far what was read is behind the present")
        }
        Gauge::Open => ("spillway_source_open_inputs", "connections, containers or files open"),
    }
}

fn lags(page: &mut Page, sources: &[Seen<'_>]) {
    let help = "how far the newest line that is kept is behind the present";
    let mut family = page.family("spillway_source_event_lag_seconds", Kind::Gauge, help);
    for Seen { watched, lag, .. } in sources {
        if let Some(clock) = lag.clock {
            family.sample(&[("source", &*watched.name)], seconds_since(clock));
        }
    }
    let help = "sum of the times from overflows to their decisions being kept";
    let mut family = page.family("spillway_decision_lag_seconds_sum", Kind::Counter, help);
    for Seen { watched, lag, .. } in sources {
        family.sample(&[("source", &*watched.name)], lag.sum as f64 / 1e9);
    }
    let help = "overflows whose decisions were kept";
    let mut family = page.family("spillway_decision_lag_seconds_count", Kind::Counter, help);
    for Seen { watched, lag, .. } in sources {
        family.sample(&[("source", &*watched.name)], lag.count);
    }
}

fn outputs(page: &mut Page, observer: &Observer) {
    if observer.outputs.is_empty() {
        return;
    }
    for (counter, name, help) in [
        (OutputCounter::Messages, "spillway_output_messages_total", "messages delivered"),
        (OutputCounter::Bytes, "spillway_output_bytes_total", "bytes of these messages"),
        (
            OutputCounter::Retries,
            "spillway_output_retries_total",
            "times that something was tried again",
        ),
    ] {
        let mut family = page.family(name, Kind::Counter, help);
        for output in &observer.outputs {
            let labels = [("output", &*output.name), ("module", output.module)];
            family.sample(&labels, output.meter.count(counter));
        }
    }
    let help = "messages that were never taken, by why";
    let mut family = page.family("spillway_output_refused_messages_total", Kind::Counter, help);
    for output in &observer.outputs {
        for (reason, count) in output.meter.refusals() {
            let labels =
                [("output", &*output.name), ("module", output.module), ("reason", &*reason)];
            family.sample(&labels, count);
        }
    }
    let help = "1 for the state that the output is in";
    let mut family = page.family("spillway_output_state", Kind::Gauge, help);
    for output in &observer.outputs {
        let labels = [("output", &*output.name), ("state", output.health.state().name())];
        family.sample(&labels, 1);
    }
    let help = "messages that wait for the output that is the furthest behind";
    page.single("spillway_outbox_messages", Kind::Gauge, help, observer.waiting());
}

fn state(page: &mut Page, observer: &Observer, shown: &Shown) {
    let bounds = BOUNDS.map(|millis| millis as f64 / 1e3);
    let commits = &shown.commits;
    let help = "from the end of an epoch until it is kept";
    page.family("spillway_epoch_commit_seconds", Kind::Histogram, help).histogram(
        &[],
        (&bounds, &commits.within),
        commits.time.as_secs_f64(),
    );
    let help = "epochs that are ordered and not kept yet: at the limit, sources wait";
    page.single("spillway_epochs_under_way", Kind::Gauge, help, observer.under_way());
    page.single("spillway_buckets", Kind::Gauge, "buckets in memory", shown.buckets);
    page.single("spillway_store_bytes", Kind::Gauge, "the store on disk", observer.store.size());
    let active = observer.index.current().len();
    page.single("spillway_active_decisions", Kind::Gauge, "decisions that are active", active);
    let rules = observer.reloader.status();
    let mut family = page.family("spillway_rules", Kind::Gauge, "rules that run");
    family.sample(&[("kind", "parsers")], rules.parsers);
    family.sample(&[("kind", "scenarios")], rules.scenarios);
    let help = "times that other rules were taken up";
    page.single("spillway_rule_reloads_total", Kind::Counter, help, rules.reloads);
    let help = "1 if the last new rules were refused";
    let refused = u8::from(rules.refused.is_some());
    page.single("spillway_rules_refused", Kind::Gauge, help, refused);
    let ready = u8::from(observer.trouble().is_empty());
    page.single("spillway_ready", Kind::Gauge, "1 if everything works", ready);
}
