//! Samples of Prometheus grouped into the tables that cscli prints of them (crowdsec
//! cmd/crowdsec-cli/climetrics).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A sample: its name, its labels, its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// A table.
#[derive(Debug)]
pub(super) struct Section {
    /// Its name.
    pub(super) name: &'static str,
    /// What stands above it.
    pub(super) title: &'static str,
    /// What it says.
    pub(super) about: &'static str,
    /// What its rows are told apart by: header and label.
    by: &'static [(&'static str, &'static str)],
    /// What is counted: header, key in JSON ("" where it is the only one), metric. Nothing where it is
    /// not made of samples.
    counts: &'static [(&'static str, &'static str, &'static str)],
}

/// The section of what bouncers say.
pub(super) const BOUNCERS: &str = "bouncers";

/// Groups of tables.
pub(super) const ALIASES: [(&str, &[&str]); 2] =
    [("engine", &["acquisition", "parsers", "scenarios"]), ("lapi", &["decisions", "lapi"])];

/// All tables.
pub(super) static SECTIONS: [Section; 6] = [
    Section {
        name: "acquisition",
        title: "Acquisition Metrics",
        about: "Lines read, parsed, not parsed, and poured into buckets, by where they come from",
        by: &[("Source", "source")],
        counts: &[
            ("Lines read", "reads", "cs_parser_hits_total"),
            ("Lines parsed", "parsed", "cs_parser_hits_ok_total"),
            ("Lines unparsed", "unparsed", "cs_parser_hits_ko_total"),
            ("Lines poured to bucket", "pour", "cs_bucket_poured_total"),
        ],
    },
    Section {
        name: BOUNCERS,
        title: "Bouncer Metrics",
        about: "Traffic that bouncers blocked, by why, as they say themselves",
        by: &[],
        counts: &[],
    },
    Section {
        name: "decisions",
        title: "Local API Decisions",
        about: "Decisions that are active, by why, from where and of what type",
        by: &[("Reason", "reason"), ("Origin", "origin"), ("Action", "action")],
        counts: &[("Count", "", "cs_active_decisions")],
    },
    Section {
        name: "lapi",
        title: "Local API Metrics",
        about: "Requests to the API, by route and method",
        by: &[("Route", "route"), ("Method", "method")],
        counts: &[("Hits", "", "cs_lapi_route_requests_total")],
    },
    Section {
        name: "parsers",
        title: "Parser Metrics",
        about: "Events that parser nodes took",
        by: &[("Parsers", "name")],
        counts: &[("Parsed", "parsed", "cs_node_hits_ok_total")],
    },
    Section {
        name: "scenarios",
        title: "Scenario Metrics",
        about: "Buckets begun and overflowed, and events poured into them, by scenario",
        by: &[("Scenario", "name")],
        counts: &[
            ("Overflows", "overflow", "cs_bucket_overflowed_total"),
            ("Instantiated", "instantiation", "cs_bucket_instantiation_total"),
            ("Poured", "pour", "cs_bucket_poured_total"),
        ],
    },
];

/// Sums by what rows are told apart by; `None` for what no sample says.
type Sums = BTreeMap<Vec<String>, Vec<Option<f64>>>;

impl Section {
    /// Whether it is made of what bouncers say, not of samples.
    pub(super) fn is_of_bouncers(&self) -> bool {
        self.name == BOUNCERS
    }

    /// The names of its columns.
    pub(super) fn header(&self) -> Vec<&'static str> {
        let counts = self.counts.iter().map(|(header, ..)| *header);
        self.by.iter().map(|(header, _)| *header).chain(counts).collect()
    }

    fn sums(&self, samples: &[Sample]) -> Sums {
        let mut sums = Sums::new();
        for sample in samples {
            let of = |(_, _, metric): &&(&str, &str, &str)| *metric == sample.name;
            let Some(place) = self.counts.iter().position(|one| of(&one)) else { continue };
            let key = self.by.iter().map(|(_, label)| sample.label(label)).collect();
            let row = sums.entry(key).or_insert_with(|| vec![None; self.counts.len()]);
            if let Some(cell) = row.get_mut(place) {
                *cell = Some(cell.unwrap_or_default() + sample.value);
            }
        }
        sums
    }

    /// Its rows, numbers with their units or whole.
    pub(super) fn rows(&self, samples: &[Sample], units: bool) -> Vec<Vec<String>> {
        let shown = |cell: Option<f64>| match cell {
            None | Some(0.0) => "-".to_owned(),
            Some(number) => number_of(number, units),
        };
        let row = |(key, cells): (Vec<String>, Vec<Option<f64>>)| {
            key.into_iter().chain(cells.into_iter().map(shown)).collect()
        };
        self.sums(samples).into_iter().map(row).collect()
    }

    /// Its numbers by what they are told apart by, one object in another.
    pub(super) fn json(&self, samples: &[Sample]) -> Value {
        let mut all = Map::new();
        for (path, cells) in self.sums(samples) {
            let whole = |number: f64| Value::from(number.round() as i64);
            let counts: Map<_, _> = self
                .counts
                .iter()
                .zip(cells)
                .filter_map(|((_, key, _), cell)| Some(((*key).to_owned(), whole(cell?))))
                .collect();
            let value = match counts.get("") {
                Some(only) => only.clone(),
                None => Value::Object(counts),
            };
            put(&mut all, &path, value);
        }
        Value::Object(all)
    }
}

/// Puts a value where a path leads, by objects that are made on the way.
fn put(all: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            all.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = all.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

impl Sample {
    /// A label; "" where it has none. A source is told with its module.
    fn label(&self, name: &str) -> String {
        let text = self.labels.get(name).cloned().unwrap_or_default();
        match self.labels.get("type").filter(|_| name == "source") {
            Some(module) => format!("{module}:{text}"),
            None => text,
        }
    }
}

/// `1234` as `1.23k`.
pub(super) fn number_of(number: f64, units: bool) -> String {
    const UNITS: [(f64, &str); 6] =
        [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match UNITS.iter().find(|(least, _)| units && number >= *least) {
        Some((least, unit)) => format!("{:.2}{unit}", number / least),
        None => format!("{number:.0}"),
    }
}

/// The samples of a page (Prometheus text format 0.0.4). A line that is none is left out.
pub(super) fn samples(page: &str) -> Vec<Sample> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        while let Some((label, after)) = inner.split_once("=\"") {
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            inner = after.strip_prefix(',').unwrap_or(after);
            if inner.starts_with('}') {
                break;
            }
        }
        rest = inner.strip_prefix('}')?;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// What stands before the next quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut each = text.char_indices();
    while let Some((place, letter)) = each.next() {
        match letter {
            '"' => return Some((out, text.get(place + 1..)?)),
            '\\' => out.push(match each.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => out.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP cs_parser_hits_total Total events entered the parser.\n\
cs_parser_hits_total{source=\"/var/log/a \\\"b\\\",c}.log\",type=\"file\"} 1234\n\
cs_parser_hits_ok_total{source=\"/var/log/a \\\"b\\\",c}.log\",type=\"file\",acquis_type=\"x\"} 4\n\
cs_parser_hits_ok_total{source=\"/var/log/a \\\"b\\\",c}.log\",type=\"file\",acquis_type=\"y\"} 5\n\
cs_active_decisions{reason=\"s\",origin=\"cscli\",action=\"ban\"} 2\n\
spillway_ready 1\nrubbish\n";

    fn section(name: &str) -> &'static Section {
        SECTIONS.iter().find(|one| one.name == name).unwrap()
    }

    #[test]
    fn samples_become_rows() {
        let samples = samples(PAGE);
        assert_eq!(samples.len(), 5);
        let rows = section("acquisition").rows(&samples, true);
        assert_eq!(rows, [["file:/var/log/a \"b\",c}.log", "1.23k", "9", "-", "-"]]);
        let rows = section("acquisition").rows(&samples, false);
        assert_eq!(rows[0][1], "1234");
        assert!(section("lapi").rows(&samples, true).is_empty());
    }

    #[test]
    fn samples_become_json() {
        let samples = samples(PAGE);
        let expected = serde_json::json!({"s": {"cscli": {"ban": 2}}});
        assert_eq!(section("decisions").json(&samples), expected);
        let source = "file:/var/log/a \"b\",c}.log";
        let expected = serde_json::json!({source: {"reads": 1234, "parsed": 9}});
        assert_eq!(section("acquisition").json(&samples), expected);
    }
}
