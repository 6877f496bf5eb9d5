//! A rule set ready to run: what each worker of a graph is made of, in a replay and live.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use operators::bucket::Buckets;
use operators::bucket::detect::{Detect, Round};
use operators::detector::Detector;
use operators::lookup::Lookups;
use operators::origin::Origin;
use operators::profile::decide::Decide;
use operators::profile::{Exempt, Profile};
use operators::rules::Rules;

/// Rules with all that they are judged by.
#[derive(Clone, Debug)]
pub struct Detection {
    /// The rules.
    pub rules: Arc<Rules>,
    /// What alerts lead to.
    pub profiles: Arc<[Profile]>,
    /// Whom no decision may hit.
    pub exempt: Arc<Exempt>,
    /// Facts that are not in the log.
    pub lookups: Arc<dyn Lookups>,
}

/// Buckets that their owner looks at between epochs.
pub type SharedBuckets = Rc<RefCell<Buckets>>;

impl Detection {
    /// Parses and matches lines; `origins` tells where those of a partition come from, where their
    /// transport does not.
    pub fn detector(&self, origins: Arc<[Origin]>) -> Detector {
        Detector::new(Arc::clone(&self.rules), Arc::clone(&self.lookups), origins)
    }

    /// Empty buckets.
    pub fn buckets(&self) -> Buckets {
        Buckets::new(Arc::clone(&self.rules.catalogue), Arc::clone(&self.rules.program))
    }

    /// Whether some scenarios look at overflows.
    pub fn looks_at_overflows(&self) -> bool {
        self.rules.matcher.takes_overflows()
    }

    /// The fold over pours of a round, of one of so many workers.
    pub fn detect(&self, buckets: Buckets, workers: u64, round: Round) -> (Detect, SharedBuckets) {
        let buckets = Rc::new(RefCell::new(buckets));
        let (rules, lookups) = (Arc::clone(&self.rules), Arc::clone(&self.lookups));
        (Detect::new(rules, lookups, Rc::clone(&buckets), workers, round), buckets)
    }

    /// The fold over alerts.
    pub fn decide(&self) -> Decide {
        let (profiles, exempt) = (Arc::clone(&self.profiles), Arc::clone(&self.exempt));
        Decide::new(profiles, exempt, Arc::clone(&self.rules.program))
    }
}
