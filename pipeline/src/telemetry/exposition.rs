//! Prometheus' text format: families of samples, one after the other.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use metrics_exporter_prometheus::formatting::{
    sanitize_label_value, write_help_line, write_type_line,
};

/// Values of one label that are shown; what is beyond goes under [`OTHER`].
pub const MOST_VALUES: usize = 1_000;
/// What stands for all values beyond.
pub const OTHER: &str = "other";

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by upper bounds.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A page of metrics in the making.
#[derive(Debug, Default)]
pub struct Page(String);

/// A family of samples on a page.
#[derive(Debug)]
pub struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Page {
    /// Begins a family.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        write_help_line(&mut self.0, name, None, None, help);
        write_type_line(&mut self.0, name, None, None, kind.name());
        Family { page: self, name }
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// The whole page.
    pub fn text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    /// Adds a histogram: upper bounds with the counts of values up to each and above the one before,
    /// then the count above all bounds; `sum` of all values.
    pub fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        (bounds, counts): (&[f64], &[u64]),
        sum: f64,
    ) {
        let mut total = 0;
        let bounds = bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts) {
            total += count;
            let labels: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.line("_bucket", &labels, total);
        }
        self.line("_sum", labels, sum);
        self.line("_count", labels, total);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let text = &mut self.page.0;
        text.push_str(self.name);
        text.push_str(suffix);
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            // Writing to a String does not fail.
            let _ = write!(text, "{before}{name}=\"{}\"", sanitize_label_value(value));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{end} {value}");
    }
}

/// Counts by label values, of which those beyond [`MOST_VALUES`] are one.
pub fn bounded<K: Ord + Clone>(counts: BTreeMap<K, u64>, other: &K) -> BTreeMap<K, u64> {
    if counts.len() <= MOST_VALUES {
        return counts;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest = sorted.split_off(MOST_VALUES);
    let mut kept: BTreeMap<K, u64> = sorted.into_iter().collect();
    *kept.entry(other.clone()).or_default() += rest.iter().map(|(_, count)| count).sum::<u64>();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        let mut family = page.family("a_total", Kind::Counter, "how many");
        family.sample(&[("source", "x\"y\n"), ("type", "file")], 3);
        page.family("t_seconds", Kind::Histogram, "how long").histogram(
            &[],
            (&[0.1, 1.0], &[2, 0, 1]),
            7.5,
        );
        let expected = "# HELP a_total how many\n# TYPE a_total counter\n\
            a_total{source=\"x\\\"y\\n\",type=\"file\"} 3\n\
            # HELP t_seconds how long\n# TYPE t_seconds histogram\n\
            t_seconds_bucket{le=\"0.1\"} 2\nt_seconds_bucket{le=\"1\"} 2\n\
            t_seconds_bucket{le=\"+Inf\"} 3\nt_seconds_sum 7.5\nt_seconds_count 3\n";
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn values_of_a_label_are_bounded() {
        let counts = (0..MOST_VALUES as u64 + 10).map(|n| (format!("{n}"), n + 1)).collect();
        let kept = bounded(counts, &OTHER.to_owned());
        assert_eq!(kept.len(), MOST_VALUES + 1);
        assert_eq!(kept[OTHER], (1..=10).sum::<u64>());
    }
}
