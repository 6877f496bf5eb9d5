//! Runs tests, and judges them as the reference does and strictly.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use operators::expr::{Env, Memo};
use operators::lookup::Lookups;
use operators::profile::Profile;
use operators::rules::Rules;
use operators::time::Stamp;
use operators::value::Value;
use serde::Serialize;

use super::assertions::{Assertions, Verdict, file_name};
use super::drive::{Log, drive};
use super::dump::Dump;
use super::install::install;
use super::scenario_results::Overflows;
use super::{Places, Test, TestConfig, generate};
use crate::compile::{Compiled, Options, compile};
use crate::lookup::WorldLookups;

/// How a test went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The test.
    pub name: String,
    /// Whether every assertion is true.
    pub strict: bool,
    /// Whether the reference passes it: it overlooks some false assertions.
    pub reference: bool,
    /// Why it could not be judged.
    pub error: Option<String>,
    /// Whether it was not run: it tests the WAF.
    pub skipped: bool,
    /// Assertions that were evaluated.
    pub assertions: usize,
    /// Assertions that are false.
    pub failed: Vec<Failed>,
    /// Assertions for files that have none.
    #[serde(skip)]
    pub generated: Vec<Generated>,
}

/// An assertion that is false.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// `parser.assert` or `scenario.assert`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// As written.
    pub assertion: String,
    /// The value of its left side, null where that has none.
    pub got: Option<String>,
    /// Whether the reference counts it.
    #[serde(skip)]
    pub counts: bool,
}

/// Assertions that hold for what happened.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The empty file.
    pub file: String,
    /// The lines.
    pub text: String,
}

/// Runs tests of one hub.
#[derive(Debug)]
pub struct Runner {
    /// Where everything is.
    pub places: Places,
    /// The only clock that rules see.
    pub now: Stamp,
}

/// What a test is made of.
#[derive(Debug)]
pub struct Prepared {
    /// Its rules.
    pub rules: Arc<Rules>,
    /// What alerts lead to.
    pub profiles: Arc<[Profile]>,
    /// What the rules are told of the world.
    pub lookups: Arc<dyn Lookups>,
    /// Its lines.
    pub log: Log,
}

/// What a test's lines led to.
#[derive(Debug)]
pub struct Outcome {
    /// The test's configuration.
    pub config: TestConfig,
    /// Everything that was recorded.
    pub dump: Dump,
    /// What the rules were told of the world.
    pub lookups: Arc<dyn Lookups>,
}

impl Runner {
    /// Runs tests on `jobs` threads; reports in the order of the tests. `done` hears of each one
    /// as it ends.
    pub fn run(&self, tests: &[Test], jobs: usize, done: &(dyn Fn(&Report) + Sync)) -> Vec<Report> {
        let next = AtomicUsize::new(0);
        let reports: Mutex<Vec<(usize, Report)>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, tests.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(test) = tests.get(index) else { return };
                        let report = self.guarded(test);
                        done(&report);
                        let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                        reports.push((index, report));
                    }
                });
            }
        });
        let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
        reports.sort_by_key(|(index, _)| *index);
        reports.into_iter().map(|(_, report)| report).collect()
    }

    /// A defect that one test meets does not take the others with it.
    fn guarded(&self, test: &Test) -> Report {
        let run = std::panic::AssertUnwindSafe(|| self.one(test));
        std::panic::catch_unwind(run)
            .unwrap_or_else(|_| Report::of_error(test, "the engine failed: see standard error"))
    }

    /// Runs a test.
    pub fn one(&self, test: &Test) -> Report {
        let config = match test.config() {
            Ok(config) => config,
            Err(error) => return Report::of_error(test, error.to_string()),
        };
        if config.is_appsec() {
            return Report { name: test.name.clone(), skipped: true, ..Report::default() };
        }
        let outcome = self.outcome(test, config);
        let judged = outcome.and_then(|outcome| judge(test, &outcome));
        judged.unwrap_or_else(|error| Report::of_error(test, error))
    }

    /// Runs the lines of a test.
    ///
    /// # Errors
    /// As [`Runner::prepare`].
    pub fn outcome(&self, test: &Test, config: TestConfig) -> Result<Outcome, String> {
        let Prepared { rules, lookups, log, .. } = self.prepare(test, &config)?;
        let dump = drive(&rules, &lookups, &log);
        Ok(Outcome { config, dump, lookups })
    }

    /// Loads what a test is made of.
    ///
    /// # Errors
    /// Its rules do not load, or its log is not there.
    pub fn prepare(&self, test: &Test, config: &TestConfig) -> Result<Prepared, String> {
        let log = read_log(test, config)?;
        let set = install(&self.places, test, config).map_err(|error| error.to_string())?;
        let path = Arc::clone(&log.path);
        let names = Box::new(move |_| Some(Arc::clone(&path)));
        let library = Some(self.places.patterns.clone());
        let options = Options { names, library, timers: false, ..Options::default() };
        let compiled = compile(&set, options);
        if let Some(error) = set.errors.iter().chain(&compiled.errors).next() {
            return Err(error.to_string());
        }
        let lookups: Arc<dyn Lookups> = Arc::new(WorldLookups::of_rules(&set, self.now));
        let Compiled { rules, profiles, .. } = compiled;
        Ok(Prepared { rules, profiles, lookups, log })
    }
}

impl Report {
    fn of_error(test: &Test, error: impl Into<String>) -> Self {
        Self { name: test.name.clone(), error: Some(error.into()), ..Self::default() }
    }

    /// Whether the test went well, or was not run.
    pub fn is_fine(&self) -> bool {
        self.skipped || self.reference
    }

    fn add(&mut self, file: &str, assertions: &Assertions, verdict: Verdict) {
        self.assertions += verdict.evaluated;
        let line = |index: usize| assertions.lines().get(index);
        for failed in verdict.failed {
            let Some(line) = line(failed.index) else { continue };
            self.failed.push(Failed {
                file: file.to_owned(),
                line: line.number,
                assertion: line.text.clone(),
                got: failed.got,
                counts: failed.counts,
            });
        }
        if let Some((index, error)) = verdict.error
            && let Some(line) = line(index)
        {
            let error = format!("{file}:{}: {error}: {}", line.number, line.text);
            self.error = Some(error);
        }
    }
}

fn read_log(test: &Test, config: &TestConfig) -> Result<Log, String> {
    if config.log_file.is_empty() {
        return Err("config.yaml names neither a log_file nor a nuclei_template".into());
    }
    let path = test.path.join(&config.log_file);
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.is_empty() {
        return Err(format!("{}: the log is empty, fill it with lines", path.display()));
    }
    let mut labels: std::collections::BTreeMap<Arc<str>, Arc<str>> = config
        .labels
        .iter()
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect();
    labels.insert("type".into(), config.log_type.as_str().into());
    Ok(Log {
        path: path.display().to_string().into(),
        labels: Arc::new(labels),
        text: String::from_utf8_lossy(&bytes).into(),
    })
}

fn judge(test: &Test, outcome: &Outcome) -> Result<Report, String> {
    let Outcome { config, dump, lookups } = outcome;
    let mut report = Report { name: test.name.clone(), ..Report::default() };
    let mut verdicts = Vec::new();
    if !config.ignore_parsers {
        if dump.is_empty() {
            return Err("no parser looked at any line: config.yaml needs the right parsers".into());
        }
        let path = test.parser_assertions();
        match read_assertions(&path)? {
            None => report.generate(&path, generate::parsers(dump)),
            Some(text) => {
                let assertions = Assertions::compile(&text, Env::ParserAssert);
                let verdict = assertions.evaluate(&dump.parser_results(), &**lookups);
                verdicts.push((verdict.strict(), verdict.reference()));
                report.add(&file_name(&path), &assertions, verdict);
            }
        }
    }
    // Both files may be empty: what holds now is shown for both.
    let parsers_judged = report.error.is_none() || !report.generated.is_empty();
    if !config.scenarios.is_empty() && parsers_judged {
        let path = test.scenario_assertions();
        let overflows = Overflows::new(&dump.overflows);
        match read_assertions(&path)? {
            None => report.generate(&path, generate::scenarios(overflows.events())),
            Some(text) => {
                let assertions = Assertions::compile(&text, Env::ScenarioAssert);
                let verdict = judge_scenarios(&assertions, &overflows, &**lookups);
                verdicts.push((verdict.strict(), verdict.reference()));
                report.add(&file_name(&path), &assertions, verdict);
            }
        }
    }
    let judged = report.generated.is_empty();
    report.strict = judged && verdicts.iter().all(|(strict, _)| *strict);
    report.reference = judged && verdicts.iter().all(|(_, reference)| *reference);
    Ok(report)
}

impl Report {
    fn generate(&mut self, path: &Path, text: String) {
        self.generated.push(Generated { file: path.display().to_string(), text });
        let files = self.generated.iter().map(|file| file_name(Path::new(&file.file)));
        let files = files.collect::<Vec<_>>().join(" and ");
        self.error = Some(format!("no assertions in {files}: `hubtest run` shows what holds"));
    }
}

/// The text of an assertion file, `None` where it is not there or empty.
fn read_assertions(path: &Path) -> Result<Option<String>, String> {
    match fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Judges assertions about scenarios. Overflows that the reference's order does not tell apart may
/// stand in any order among themselves.
fn judge_scenarios(
    assertions: &Assertions,
    overflows: &Overflows,
    lookups: &dyn Lookups,
) -> Verdict {
    let verdict = assertions.evaluate(&overflows.value(), lookups);
    if verdict.strict() || overflows.ties.is_empty() {
        return verdict;
    }
    let mut order = overflows.clone();
    for tie in &overflows.ties {
        if let Some(places) = arrangement(assertions, overflows, tie, lookups) {
            order = order.reordered(tie, &places);
        }
    }
    assertions.evaluate(&order.value(), lookups)
}

/// For each place of a tie the overflow that its assertions want, so that none is wanted twice.
fn arrangement(
    assertions: &Assertions,
    overflows: &Overflows,
    tie: &std::ops::Range<usize>,
    lookups: &dyn Lookups,
) -> Option<Vec<usize>> {
    let mut memo = Memo::new();
    let mut fits = |place: usize, event: usize| {
        let results = overflows.exchanged(place, event).value();
        lines_about(assertions, place)
            .all(|index| assertions.holds(index, &results, lookups, &mut memo) == Ok(true))
    };
    let wanted: Vec<Vec<usize>> = tie
        .clone()
        .map(|place| tie.clone().filter(|event| fits(place, *event)).collect())
        .collect();
    matching(&wanted, tie)
}

/// Lines that speak of one overflow only, this one.
fn lines_about(assertions: &Assertions, place: usize) -> impl Iterator<Item = usize> {
    let wanted = format!("results[{place}]");
    let speaks = move |text: &str| {
        text.contains(&wanted) && text.matches("results[").count() == text.matches(&wanted).count()
    };
    let lines = assertions.lines().iter().enumerate();
    lines.filter(move |(_, line)| speaks(&line.text)).map(|(index, _)| index)
}

/// A different choice for every place (augmenting paths), `None` where there is none.
fn matching(wanted: &[Vec<usize>], range: &std::ops::Range<usize>) -> Option<Vec<usize>> {
    fn place(
        at: usize,
        wanted: &[Vec<usize>],
        (first, taken): (usize, &mut Vec<Option<usize>>),
        seen: &mut Vec<bool>,
    ) -> bool {
        for choice in wanted.get(at).into_iter().flatten() {
            let slot = choice - first;
            if std::mem::replace(&mut seen[slot], true) {
                continue;
            }
            if taken[slot].is_none_or(|other| place(other, wanted, (first, taken), seen)) {
                taken[slot] = Some(at);
                return true;
            }
        }
        false
    }
    let mut taken = vec![None; range.len()];
    for at in 0..wanted.len() {
        let mut seen = vec![false; range.len()];
        if !place(at, wanted, (range.start, &mut taken), &mut seen) {
            return None;
        }
    }
    let mut chosen = vec![range.start; wanted.len()];
    for (slot, at) in taken.iter().enumerate() {
        if let Some(to) = at.and_then(|at| chosen.get_mut(at)) {
            *to = range.start + slot;
        }
    }
    Some(chosen)
}

/// What `eval` may look at.
pub fn results(outcome: &Outcome, env: Env) -> Value {
    match env {
        Env::ScenarioAssert => Overflows::new(&outcome.dump.overflows).value(),
        _ => outcome.dump.parser_results(),
    }
}
