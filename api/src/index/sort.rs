//! What many decisions have in common: origin, scenario, scope and type, and these as JSON. A
//! decision of an import differs from the next one by its number and value alone.

use std::sync::Arc;

use crate::filter::DecisionFilter;
use crate::record::Record;
use crate::wire::text::string;

/// What many decisions have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sort {
    pub(super) origin: Arc<str>,
    pub(super) scenario: Arc<str>,
    pub(super) scope: Arc<str>,
    pub(super) kind: Arc<str>,
    /// `,"origin":"…","scenario":"…","scope":"…","type":"…"`.
    pub(super) json: Box<[u8]>,
}

impl Sort {
    pub(super) fn of(record: &Record) -> Self {
        let Record { origin, scenario, scope, kind, .. } = record;
        let mut json = Vec::with_capacity(96);
        let parts = [("origin", origin), ("scenario", scenario), ("scope", scope), ("type", kind)];
        for (name, text) in parts {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            string(&mut json, text);
        }
        Self {
            origin: Arc::clone(origin),
            scenario: Arc::clone(scenario),
            scope: Arc::clone(scope),
            kind: Arc::clone(kind),
            json: json.into_boxed_slice(),
        }
    }

    pub(super) fn is_of(&self, record: &Record) -> bool {
        self.scenario == record.scenario
            && self.origin == record.origin
            && self.scope == record.scope
            && self.kind == record.kind
    }

    pub(super) fn passes(&self, filter: &DecisionFilter) -> bool {
        filter.takes_scope(&self.scope)
            && filter.takes_kind(&self.kind)
            && filter.takes_origin(&self.origin)
            && filter.takes_scenario(&self.scenario)
    }

    /// Bytes that it takes in memory, its texts apart: records share them.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.json.len()
    }
}
