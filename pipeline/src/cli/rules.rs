//! The options that say which rules run, shared by the commands that load some.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use operators::bucket::codec::SourceNames;
use operators::profile::simulation::Simulation;
use operators::profile::spec::{self as profile_spec, ProfileSpec};
use operators::profile::{Exempt, Profile};
use operators::rules::Rules;
use operators::time::Stamp;
use operators::yaml::{Documents, Reading, RuleError, Source};

use super::clock;
use crate::compile::{self, Options};
use crate::detection::Detection;
use crate::hub::data::Place;
use crate::hub::{self, PatternFile, RuleFile, RuleSet, RuleSource, Selection, file, local};
use crate::lookup::WorldLookups;
use crate::report::Report;

/// Which rules run.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Directory in the layout of a hub, or of /etc/crowdsec; instead of the embedded rules. Of
    /// several the first that has an item gives it
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
    /// Only this item (author/name); a collection brings its members
    #[arg(long, value_name = "NAME")]
    pub item: Vec<String>,
    /// Directory of data files and GeoLite2 databases
    #[arg(long, value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// Directory of grok pattern files
    #[arg(long, value_name = "DIR")]
    pub patterns: Vec<PathBuf>,
    /// What alerts lead to (profiles.yaml); by default a ban of 4 hours for what asks for one
    #[arg(long, value_name = "FILE")]
    pub profiles: Option<PathBuf>,
    /// Which scenarios only pretend (simulation.yaml)
    #[arg(long, value_name = "FILE")]
    pub simulation: Option<PathBuf>,
    /// Addresses and networks that no decision may hit
    #[arg(long, value_name = "FILE")]
    pub allowlist: Option<PathBuf>,
    /// Recorded DNS answers as JSON lines {"kind":"reverse_dns"|"lookup_host","question","answer":[]}
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Go on without the items that are broken, and list them
    #[arg(long)]
    pub skip_broken: bool,
    /// The only clock that rules see, in RFC 3339; by default the time of the start
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    pub now: Option<Stamp>,
}

/// Rules that can run.
#[derive(Debug)]
pub struct Loaded {
    /// The rules.
    pub rules: Arc<Rules>,
    /// What alerts lead to.
    pub profiles: Arc<[Profile]>,
    /// Whom no decision may hit.
    pub exempt: Arc<Exempt>,
    /// Facts that are not in the log.
    pub lookups: Arc<WorldLookups>,
    /// The only clock that rules see.
    pub now: Stamp,
    /// The rules as written.
    pub set: RuleSet,
    /// What is wrong.
    pub errors: Vec<RuleError>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
}

impl RuleArgs {
    /// Loads the rules and says on standard error what is wrong with them. `names` gives the name
    /// of a source partition.
    ///
    /// # Errors
    /// Something is broken and may not be skipped.
    pub fn load(&self, names: Box<SourceNames>) -> anyhow::Result<Loaded> {
        let loaded = self.inspect(names);
        let report = Report::for_stderr();
        if !loaded.errors.is_empty() {
            eprint!("{}", report.all(&loaded.errors, &[]));
            let what = "the rules do not load";
            anyhow::ensure!(
                self.skip_broken,
                "{what} (--skip-broken goes on without what is broken)"
            );
        }
        Ok(loaded)
    }

    /// Loads the rules; what is wrong with them is in the result.
    pub fn inspect(&self, names: Box<SourceNames>) -> Loaded {
        let now = self.now.unwrap_or_else(clock::present);
        let selection = match self.item.as_slice() {
            [] => Selection::All,
            items => Selection::Named(items.to_vec()),
        };
        let mut set = hub::load(&self.sources(), &selection);
        self.add_directories(&mut set);
        let (mut errors, mut warnings) =
            (std::mem::take(&mut set.errors), std::mem::take(&mut set.warnings));
        let profiles = self.read_profiles(&set, &mut errors);
        let simulation = self.read_simulation(&set, &mut errors);
        let exempt = self.read_allowlist(&mut errors);
        let compiled =
            compile::compile(&set, Options { profiles, simulation, names, ..Options::default() });
        errors.extend(compiled.errors);
        warnings.extend(compiled.warnings);
        warnings.extend(missing_data(&set));
        let mut lookups = WorldLookups::of_rules(&set, now);
        warnings.extend_from_slice(lookups.warnings());
        errors.extend(self.read_answers(&mut lookups).err());
        let lookups = Arc::new(lookups);
        let (rules, profiles) = (compiled.rules, compiled.profiles);
        Loaded { rules, profiles, exempt, lookups, now, set, errors, warnings }
    }

    fn read_answers(&self, lookups: &mut WorldLookups) -> Result<(), RuleError> {
        let Some(path) = &self.answers else { return Ok(()) };
        let shown = path.display().to_string();
        let text = hub::text::read_text(path, &shown)?;
        lookups.load_recorded(&text).map_err(|wrong| {
            let source = Source::new(shown, &text);
            source.error(source.position(wrong.line, 1), wrong.to_string())
        })
    }

    fn sources(&self) -> Vec<RuleSource> {
        match self.rules.as_slice() {
            [] => vec![RuleSource::Embedded(crate::content::CONTENT)],
            directories => directories.iter().cloned().map(RuleSource::Directory).collect(),
        }
    }

    fn add_directories(&self, set: &mut RuleSet) {
        // What is named on the command line comes before what rules bring along.
        set.data_dirs.splice(0..0, self.data.iter().cloned());
        for directory in &self.patterns {
            let mut layout = hub::layout::Layout::default();
            layout.read_patterns(directory);
            let given = |file: &PatternFile| layout.patterns.iter().any(|g| g.name == file.name);
            set.patterns.retain(|file| !given(file));
            set.patterns.append(&mut layout.patterns);
            set.patterns.sort_by(|a, b| a.name.cmp(&b.name));
            set.errors.append(&mut layout.errors);
            set.warnings.append(&mut layout.warnings);
        }
    }

    fn read_simulation(&self, set: &RuleSet, errors: &mut Vec<RuleError>) -> Simulation {
        let Some(path) = self.simulation.as_ref().or(set.simulation.as_ref()) else {
            return Simulation::default();
        };
        let mut simulation = Simulation::default();
        for path in [Some(path.clone()), local::beside(path)].into_iter().flatten() {
            let change = |documents: &Documents, reading: &mut Reading<'_>| {
                simulation.change(documents, reading);
            };
            match file::read(&path, change) {
                Ok(read) => errors.extend(read.errors),
                Err(error) => errors.push(error),
            }
        }
        simulation
    }

    /// Profiles of the local file come before those of the file itself.
    fn read_profiles(
        &self,
        set: &RuleSet,
        errors: &mut Vec<RuleError>,
    ) -> Vec<RuleFile<Vec<ProfileSpec>>> {
        let Some(path) = self.profiles.as_ref().or(set.profiles.as_ref()) else {
            return Vec::new();
        };
        let paths = [local::beside(path), Some(path.clone())].into_iter().flatten();
        let read = paths.map(|path| file::read(&path, profile_spec::read));
        read.filter_map(|read| read.map_err(|error| errors.push(error)).ok()).collect()
    }

    fn read_allowlist(&self, errors: &mut Vec<RuleError>) -> Arc<Exempt> {
        let Some(path) = &self.allowlist else { return Arc::default() };
        match file::read_allowlist(path) {
            Ok(read) => {
                errors.extend(read.errors);
                let mut reading = Reading::new(&read.source);
                let exempt = Exempt::compile(&read.content, &mut reading);
                errors.append(&mut reading.errors);
                Arc::new(exempt)
            }
            Err(error) => {
                errors.push(error);
                Arc::default()
            }
        }
    }
}

impl Loaded {
    /// What the workers of a graph are made of.
    pub fn detection(&self) -> Detection {
        Detection {
            rules: Arc::clone(&self.rules),
            profiles: Arc::clone(&self.profiles),
            exempt: Arc::clone(&self.exempt),
            lookups: Arc::clone(&self.lookups) as _,
        }
    }
}

/// So many missing data files are named one by one.
const FEW: usize = 5;

/// What looks into a data file that is missing finds nothing there.
fn missing_data(set: &RuleSet) -> Vec<RuleError> {
    let mut missing = set.data_files();
    missing.retain(|wanted| matches!(wanted.place, Place::Missing));
    let help = "give its directory with --data; `spillway check` says where it comes from";
    if missing.len() > FEW {
        let names: Vec<_> = missing.iter().map(|wanted| wanted.name.as_str()).collect();
        let message = format!("{} data files are missing: they match nothing", names.len());
        return vec![RuleError::of_file(&names.join(", "), message).with_help(help)];
    }
    let warning = |wanted: &hub::data::Wanted| {
        let users: Vec<_> = wanted.users.iter().map(ToString::to_string).collect();
        let message = format!("data file is missing: it matches nothing in {}", users.join(", "));
        RuleError::of_file(&wanted.name, message).with_help(help)
    };
    missing.iter().map(warning).collect()
}
