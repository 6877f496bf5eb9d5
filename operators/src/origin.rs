//! Where lines come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::intern;
use crate::time::Zone;

/// What is known of lines before they are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Where the lines come from, as `evt.Line.Src` shows it.
    pub source: Arc<str>,
    /// Labels of the acquisition.
    pub labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// Name of the data source module.
    pub module: &'static str,
    /// Where dates that say no zone were written; UTC if `None`.
    #[serde(serialize_with = "name_of")]
    pub zone: Option<Zone>,
}

#[expect(clippy::ref_option, reason = "serde asks so")]
fn name_of<S: Serializer>(zone: &Option<Zone>, to: S) -> Result<S::Ok, S::Error> {
    zone.map(Zone::name).serialize(to)
}

/// An origin on its way between workers.
#[derive(Deserialize)]
struct Sent {
    source: Arc<str>,
    labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    module: String,
    zone: Option<String>,
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Sent { source, labels, module, zone } = Sent::deserialize(from)?;
        let zone = zone.and_then(|name| Zone::named(&name));
        Ok(Self { source, labels, module: intern(&module), zone })
    }
}
