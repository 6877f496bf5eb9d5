//! From rules as written to rules as meant: everything compiled together once.

use std::collections::BTreeSet;
use std::sync::Arc;

use operators::bucket::codec::SourceNames;
use operators::bucket::compile::{Origin, compile as compile_scenario, reads};
use operators::bucket::context::Contexts;
use operators::bucket::{Catalogue, Codec, ScenarioId};
use operators::expr::{Compiler, Env, Expect};
use operators::grok::Library;
use operators::matcher::Matcher;
use operators::parse::compile::ParserCompiler;
use operators::parse::statics::Origin as Content;
use operators::profile::simulation::Simulation;
use operators::profile::spec::ProfileSpec;
use operators::profile::{Profile, spec as profile_spec};
use operators::rules::Rules;
use operators::schema::Space;
use operators::yaml::{Reading, RuleError, Source};

use crate::hub::{self, NodeFile, RuleSet};

/// What is compiled with the rules.
pub struct Options {
    /// Files of profiles, in order; none for CrowdSec's two defaults.
    pub profiles: Vec<hub::RuleFile<Vec<ProfileSpec>>>,
    /// Which scenarios only pretend.
    pub simulation: Simulation,
    /// Names of source partitions, as events show them.
    pub names: Box<SourceNames>,
    /// Grok patterns that are loaded already, for rule sets that share them: those of the rule set
    /// come on top. `None` for the standard ones.
    pub library: Option<Library>,
    /// Whether buckets with a `duration` overflow when it is over. Without timers they end
    /// silently, as in a replay of CrowdSec, whose timers run on the wall clock.
    pub timers: bool,
}

impl Default for Options {
    fn default() -> Self {
        let names = Box::new(|_| None);
        Self {
            profiles: Vec::new(),
            simulation: Simulation::default(),
            names,
            library: None,
            timers: true,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("simulation", &self.simulation).finish_non_exhaustive()
    }
}

/// A compiled rule set, and what is wrong with the rest of it.
#[derive(Debug)]
pub struct Compiled {
    /// What could be compiled.
    pub rules: Arc<Rules>,
    /// The profiles.
    pub profiles: Arc<[Profile]>,
    /// What does not work; what it belongs to is left out.
    pub errors: Vec<RuleError>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
}

#[derive(Debug, Default)]
struct Notes {
    errors: Vec<RuleError>,
    warnings: Vec<RuleError>,
}

impl Notes {
    /// Lets `read` note what is wrong in a file.
    fn of<T>(&mut self, source: &Source, read: impl FnOnce(&mut Reading<'_>) -> T) -> T {
        let mut reading = Reading::new(source);
        let result = read(&mut reading);
        self.errors.append(&mut reading.errors);
        self.warnings.append(&mut reading.warnings);
        result
    }
}

/// Compiles a rule set. Its own errors (of decoding) are not repeated.
pub fn compile(set: &RuleSet, options: Options) -> Compiled {
    let mut notes = Notes::default();
    let mut compiler = Compiler::new();
    for name in operators::enrich::FIELDS {
        // Far below the limit of fields: nothing else is known yet.
        let _ = compiler.schema().add(Space::Enriched, name);
    }
    let library = library(options.library, set, &mut notes);
    if let Some(broken) = &set.broken {
        let known = set.errors.iter().map(place).collect();
        notes.errors.extend(more_errors(broken, library.clone(), &known));
    }
    let parsers = nodes(&set.parsers, library.clone(), &mut compiler, &mut notes);
    let postoverflows = nodes(&set.postoverflows, library, &mut compiler, &mut notes);
    let mut scenarios = scenarios(set, &options.simulation, &mut compiler, &mut notes);
    if !options.timers {
        scenarios.iter_mut().for_each(|scenario| scenario.timed = false);
    }
    let contexts = contexts(set, &mut compiler, &mut notes);
    let profiles = profiles(options.profiles, &mut compiler, &mut notes);

    let mut caches = parsers.caches.clone();
    caches.extend(postoverflows.caches.iter().cloned());
    let program = Arc::new(compiler.finish());
    let parsers = parsers.finish(&program);
    let constants = parsers.statics().filter_map(|origin| match origin {
        Content::Constant(text) => Some(text),
        Content::Expression(_) => None,
    });
    let constants = constants.collect::<Vec<_>>();
    let reads = reads(&scenarios, &contexts, &program);
    let codec = Codec::new(Arc::clone(program.schema()), reads, constants, options.names);
    let catalogue = Arc::new(Catalogue::new(scenarios, codec, contexts));
    let matcher = Matcher::new(catalogue.scenarios(), &program);
    let postoverflows = postoverflows.finish(&program);
    let rules = Rules { program, parsers, postoverflows, catalogue, matcher, caches };
    let Notes { errors, warnings } = notes;
    Compiled { rules: Arc::new(rules), profiles: profiles.into(), errors, warnings }
}

/// What else is wrong with files that are left out. Where an error is known in a line, what follows
/// from it is not told.
fn more_errors(set: &RuleSet, library: Library, known: &BTreeSet<Place>) -> Vec<RuleError> {
    let (mut compiler, mut notes) = (Compiler::new(), Notes::default());
    nodes(&set.parsers, library.clone(), &mut compiler, &mut notes);
    nodes(&set.postoverflows, library, &mut compiler, &mut notes);
    scenarios(set, &Simulation::default(), &mut compiler, &mut notes);
    contexts(set, &mut compiler, &mut notes);
    notes.errors.retain(|error| !known.contains(&place(error)));
    notes.errors
}

/// File and line of an error.
type Place = (Arc<str>, u32);

fn place(error: &RuleError) -> Place {
    (Arc::clone(&error.file), error.line)
}

fn library(loaded: Option<Library>, set: &RuleSet, notes: &mut Notes) -> Library {
    let mut library = loaded.unwrap_or_else(Library::standard);
    let files: Vec<_> =
        set.patterns.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
    if let Err(refused) = library.load(&files) {
        let shown = set.patterns.iter().find(|file| file.name == refused.file);
        let shown = shown.map_or(refused.file.as_str(), |file| file.shown.as_str());
        let text = shown_text(set, &refused.file);
        let source = Source::new(shown, text);
        let at = source.position(refused.line, refused.error.span.start + 1);
        let error = source.error(at, refused.error.message.clone());
        notes.errors.push(error.with_suggestion(refused.error.help));
    }
    library
}

fn shown_text<'a>(set: &'a RuleSet, name: &str) -> &'a str {
    set.patterns.iter().find(|file| file.name == name).map_or("", |file| file.text.as_str())
}

fn nodes(
    files: &[NodeFile],
    library: Library,
    compiler: &mut Compiler,
    notes: &mut Notes,
) -> operators::parse::compile::Compiled {
    let mut compile = ParserCompiler::new(compiler, library);
    for file in files {
        notes.of(&file.source, |reading| {
            for node in &file.nodes {
                compile.add(&file.item.stage, node, reading);
            }
        });
    }
    compile.finish()
}

fn scenarios(
    set: &RuleSet,
    simulation: &Simulation,
    compiler: &mut Compiler,
    notes: &mut Notes,
) -> Vec<operators::bucket::Scenario> {
    let mut all = Vec::with_capacity(set.scenarios.len());
    for scenario in &set.scenarios {
        let origin = Origin {
            id: ScenarioId(u32::try_from(all.len()).unwrap_or(u32::MAX)),
            version: &scenario.item.version,
            hash: &scenario.item.hash,
            simulated: simulation.is_simulated(&scenario.spec.name.value),
        };
        let compiled = notes.of(&scenario.source, |reading| {
            compile_scenario(&scenario.spec, origin, compiler, reading)
        });
        all.extend(compiled);
    }
    all
}

fn contexts(set: &RuleSet, compiler: &mut Compiler, notes: &mut Notes) -> Contexts {
    let mut contexts = Contexts::new();
    for file in &set.contexts {
        notes.of(&file.source, |reading| {
            for spec in &file.contexts {
                for text in &spec.expressions {
                    match compiler.compile(&text.value, Env::Context, Expect::Any) {
                        Ok(id) => contexts.add(&spec.key.value, id),
                        Err(error) => error.note(text, reading),
                    }
                }
            }
        });
    }
    contexts
}

/// Whether a file has neither profiles nor errors.
fn says_nothing(file: &hub::RuleFile<Vec<ProfileSpec>>) -> bool {
    file.content.is_empty() && file.errors.is_empty()
}

fn profiles(
    mut files: Vec<hub::RuleFile<Vec<ProfileSpec>>>,
    compiler: &mut Compiler,
    notes: &mut Notes,
) -> Vec<Profile> {
    if files.is_empty() {
        let text = operators::profile::DEFAULTS;
        files.push(hub::file::decode_text("defaults.yaml", text, profile_spec::read));
    }
    if let Some(file) = files.last().filter(|_| files.iter().all(says_nothing)) {
        let error = RuleError::of_file(file.source.name(), "no profiles here");
        let help = "write one, or take the file away for the two usual ones";
        notes.errors.push(error.with_help(help));
    }
    let mut profiles = Vec::new();
    for file in files {
        notes.errors.extend(file.errors);
        notes.warnings.extend(file.warnings);
        let specs = file.content.iter();
        profiles.extend(notes.of(&file.source, |reading| {
            let compiled = specs.filter_map(|spec| Profile::compile(spec, compiler, reading));
            compiled.collect::<Vec<_>>()
        }));
    }
    profiles
}
