//! Notices that rules on disk have changed (`watch: true`): what their files look like, seen every
//! few seconds. Hubs are made of links into other directories, which the kernel's notices do not
//! follow; a thousand files are looked at in a few milliseconds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cli::rules::RuleArgs;

/// How often files are looked at.
pub const EVERY: Duration = Duration::from_secs(2);
/// Directories are followed so deep: a link may lead to where it stands.
const DEEPEST: usize = 12;

/// What files look like: path, size, time of change.
pub type Look = BTreeSet<(PathBuf, u64, Option<SystemTime>)>;

/// Tells of changes once they are over.
#[derive(Debug)]
pub struct Watching {
    known: Look,
    changing: Option<Look>,
}

impl Watching {
    /// What is known to begin with.
    pub fn new(known: Look) -> Self {
        Self { known, changing: None }
    }

    /// Whether files have changed since they were known, and have not since the last call: an
    /// installation may still be under way.
    pub fn has_changed(&mut self, now: Look) -> bool {
        if now == self.known {
            self.changing = None;
            return false;
        }
        if self.changing.as_ref() != Some(&now) {
            self.changing = Some(now);
            return false;
        }
        self.changing = None;
        self.known = now;
        true
    }
}

/// What the files of these rules look like, and of the configuration that names them.
pub fn look(rules: &RuleArgs, configuration: &[PathBuf]) -> Look {
    let mut look = Look::new();
    let files = [&rules.profiles, &rules.simulation, &rules.allowlist, &rules.answers];
    let directories = rules.rules.iter().chain(&rules.data).chain(&rules.patterns);
    for path in files.into_iter().flatten().chain(directories).chain(configuration) {
        add(path, DEEPEST, &mut look);
    }
    look
}

fn add(path: &Path, deep: usize, look: &mut Look) {
    // What is not there, or is not shown to us, looks like nothing.
    let Ok(found) = fs::metadata(path) else { return };
    if !found.is_dir() {
        look.insert((path.to_owned(), found.len(), found.modified().ok()));
        return;
    }
    let Some(deep) = deep.checked_sub(1) else { return };
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        add(&entry.path(), deep, look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let rules = RuleArgs { rules: vec![folder.path().to_owned()], ..RuleArgs::default() };
        fs::create_dir(folder.path().join("scenarios")).unwrap();
        let file = folder.path().join("scenarios/a.yaml");
        fs::write(&file, "1").unwrap();
        let mut watching = Watching::new(look(&rules, &[]));
        assert!(!watching.has_changed(look(&rules, &[])));
        fs::write(&file, "12").unwrap();
        assert!(!watching.has_changed(look(&rules, &[])), "it may still be changing");
        fs::write(&file, "123").unwrap();
        assert!(!watching.has_changed(look(&rules, &[])), "it still is");
        assert!(watching.has_changed(look(&rules, &[])));
        assert!(!watching.has_changed(look(&rules, &[])));
        fs::remove_file(&file).unwrap();
        watching.has_changed(look(&rules, &[]));
        assert!(watching.has_changed(look(&rules, &[])));
    }
}
