//! Where lines of a partition come from: the topic, and what their documents tell. Equal labels share
//! one origin.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::lane::Origin;

/// How many origins are remembered. Beyond that all are forgotten and made anew.
const REMEMBERED: usize = 4096;

/// The origins of one partition.
#[derive(Debug)]
pub(super) struct Origins {
    usual: Arc<Origin>,
    known: HashMap<String, Arc<Origin>>,
    key: String,
}

impl Origins {
    pub(super) fn new(topic: &Arc<str>) -> Self {
        let usual =
            Origin { source: Arc::clone(topic), labels: Arc::default(), module: super::MODULE };
        Self { usual: Arc::new(usual), known: HashMap::new(), key: String::new() }
    }

    /// That of lines without labels.
    pub(super) fn usual(&self) -> &Arc<Origin> {
        &self.usual
    }

    /// That of lines with these labels.
    pub(super) fn of(&mut self, labels: &[(Arc<str>, Cow<'_, str>)]) -> &Arc<Origin> {
        if labels.is_empty() {
            return &self.usual;
        }
        self.key.clear();
        for (name, value) in labels {
            self.key.extend([name, "\0", value, "\0"]);
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let topic = &self.usual.source;
        self.known.entry(self.key.clone()).or_insert_with(|| {
            let labels: BTreeMap<Arc<str>, Arc<str>> = labels
                .iter()
                .map(|(name, value)| (Arc::clone(name), Arc::from(&**value)))
                .collect();
            let (source, labels) = (Arc::clone(topic), Arc::new(labels));
            Arc::new(Origin { source, labels, module: super::MODULE })
        })
    }
}
