//! What rules may ask of the world: data files and databases of the data directory, recorded DNS
//! answers, the time given at the start. No answer comes from the network.

mod bots;
mod datafile;
mod geoip;
mod recorded;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use operators::lookup::{Asn, City, Lookups};
use operators::time::Stamp;
use operators::value::Value;
use operators::yaml::RuleError;

pub use datafile::{FileError, FileType};
pub use recorded::RecordedError;

use datafile::{Files, Notes};
use geoip::Databases;
use recorded::Recorded;

use crate::hub::RuleSet;
use crate::hub::data::{Place, Wanted};

/// Names of the databases.
const DATABASES: [&str; 2] = ["GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"];

/// The answers of one run.
#[derive(Debug)]
pub struct WorldLookups {
    now: Stamp,
    directory: PathBuf,
    hostname: String,
    files: Files,
    databases: Databases,
    recorded: Recorded,
    missing: BTreeSet<String>,
    warnings: Vec<RuleError>,
}

impl WorldLookups {
    /// Answers from a data directory. Databases are `GeoLite2-City.mmdb` and `GeoLite2-ASN.mmdb`
    /// there; each is optional. `now` is the only clock that rules see.
    pub fn new(directory: &Path, now: Stamp) -> Self {
        let (databases, warnings) = Databases::open(directory);
        Self {
            now,
            directory: directory.to_owned(),
            hostname: "localhost".into(),
            files: Files::default(),
            databases,
            recorded: Recorded::default(),
            missing: BTreeSet::new(),
            warnings,
        }
    }

    /// Sets what `Hostname()` answers.
    #[must_use]
    pub fn with_hostname(mut self, hostname: &str) -> Self {
        hostname.clone_into(&mut self.hostname);
        self
    }

    /// Loads a data file by its `dest_file`; a second load of the same name and type does nothing.
    /// A file that does not exist is noted in [`WorldLookups::missing`]: functions answer as if it
    /// was empty.
    ///
    /// # Errors
    /// The type of the file is wrong, it is too large, or it cannot be read.
    pub fn load(&mut self, name: &str, kind: &str) -> Result<(), FileError> {
        let Some(kind) = FileType::named(name, kind)? else { return Ok(()) };
        if self.files.knows(name, kind) {
            return Ok(());
        }
        match std::fs::read(self.directory.join(name)) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let mut notes = Notes::new(name, &text, &mut self.warnings);
                self.files.add(name, kind, &text, &mut notes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.missing.insert(name.to_owned());
                Ok(())
            }
            Err(source) => Err(FileError::Read { file: name.to_owned(), source }),
        }
    }

    /// Answers from the data that a rule set comes with: files in its directories or in the binary,
    /// databases in the first directory that has one. What cannot be loaded is noted as a warning
    /// or as missing, as with CrowdSec.
    pub fn of_rules(rules: &RuleSet, now: Stamp) -> Self {
        let has_database = |dir: &&PathBuf| DATABASES.iter().any(|name| dir.join(name).is_file());
        let directory = rules.data_dirs.iter().find(has_database).cloned().unwrap_or_default();
        let mut lookups = Self::new(&directory, now);
        for wanted in rules.data_files() {
            let shown = match &wanted.place {
                Place::File(path) => path.display().to_string(),
                Place::Embedded(_) | Place::Missing => wanted.name.clone(),
            };
            let loaded = match &wanted.place {
                Place::File(path) => std::fs::read(path)
                    .map_err(|source| FileError::Read { file: wanted.name.clone(), source })
                    .and_then(|bytes| {
                        lookups.load_text(&wanted, &shown, &String::from_utf8_lossy(&bytes))
                    }),
                Place::Embedded(text) => lookups.load_text(&wanted, &shown, text),
                Place::Missing => {
                    lookups.missing.insert(wanted.name.clone());
                    Ok(())
                }
            };
            if let Err(error) = loaded {
                let message = crate::report::chain(&error);
                lookups.warnings.push(RuleError::of_file(&shown, message));
            }
        }
        lookups
    }

    fn load_text(&mut self, wanted: &Wanted, shown: &str, text: &str) -> Result<(), FileError> {
        let name = &wanted.name;
        let Some(kind) = FileType::named(name, &wanted.kind)? else { return Ok(()) };
        if self.files.knows(name, kind) {
            return Ok(());
        }
        self.files.add(name, kind, text, &mut Notes::new(shown, text, &mut self.warnings))
    }

    /// Loads recorded DNS answers. JSON lines of three fields: `kind` is `reverse_dns` (question:
    /// an address) or `lookup_host` (question: a name), `answer` is a list of texts. The first
    /// line of a question counts.
    ///
    /// # Errors
    /// A line is not of that form.
    pub fn load_recorded(&mut self, text: &str) -> Result<(), RecordedError> {
        self.recorded.add(text)
    }

    /// Data files that rules name and that are not there.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }

    /// What was wrong and is left out: databases, files, lines of files.
    pub fn warnings(&self) -> &[RuleError] {
        &self.warnings
    }
}

impl Lookups for WorldLookups {
    fn now(&self) -> Stamp {
        self.now
    }

    fn file(&self, name: &str) -> Option<&Value> {
        self.files.lines(name)
    }

    fn regexp_in_file(&self, text: &str, name: &str) -> Option<bool> {
        self.files.patterns(name).map(|patterns| patterns.is_match(text))
    }

    fn file_map(&self, name: &str) -> Option<&Value> {
        self.files.map(name).map(datafile::RowMap::rows)
    }

    fn lookup_file(&self, text: &str, name: &str) -> Option<&str> {
        self.files.map(name).map(|map| map.tag(text))
    }

    fn known_bot(&self, ip: &str, user_agent: &str, path: &str, files: &[&str]) -> String {
        let request = bots::Request::new(ip, user_agent, path);
        let bots = files.iter().filter_map(|name| self.files.bots(name)).flatten();
        let mut known = bots.filter(|bot| bot.is_from(&request, &self.recorded));
        known.next().map_or_else(String::new, |bot| bot.name.clone())
    }

    fn city(&self, ip: IpAddr) -> Option<City> {
        self.databases.city(ip)
    }

    fn asn(&self, ip: IpAddr) -> Option<Asn> {
        self.databases.asn(ip)
    }

    fn reverse_dns(&self, ip: IpAddr) -> Option<String> {
        self.recorded.names(ip).first().cloned()
    }

    fn lookup_host(&self, name: &str) -> Vec<String> {
        self.recorded.addresses(name).to_vec()
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }

    fn decisions_count(&self, _value: &str, _since_ns: Option<i64>) -> i64 {
        0
    }

    fn active_decisions(&self, _value: &str) -> (i64, i64) {
        (0, 0)
    }

    fn cti(&self, _ip: &str) -> Result<Value, String> {
        Err("threat intelligence is not available offline".into())
    }

    fn http(
        &self,
        method: &str,
        url: &str,
        _headers: &[(&str, &str)],
        _body: &str,
    ) -> Result<Value, String> {
        Err(format!("{method} {url}: the network is not available offline"))
    }
}

#[cfg(test)]
mod tests;
