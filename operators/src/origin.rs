//! Where lines come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::intern;

/// What is known of lines before they are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Where the lines come from, as `evt.Line.Src` shows it.
    pub source: Arc<str>,
    /// Labels of the acquisition.
    pub labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// Name of the data source module.
    pub module: &'static str,
}

/// An origin on its way between workers.
#[derive(Deserialize)]
struct Sent {
    source: Arc<str>,
    labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    module: String,
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Sent { source, labels, module } = Sent::deserialize(from)?;
        Ok(Self { source, labels, module: intern(&module) })
    }
}
