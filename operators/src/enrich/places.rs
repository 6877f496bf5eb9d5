//! What the databases said of addresses before: most lines come from few of them. A cache: the
//! answers of a run do not change.

use super::Method;
use super::geoip::{self, Field};
use crate::event::Event;
use crate::hash::{fnv1a, spread};
use crate::lookup::Lookups;
use crate::schema::{FieldId, Space};
use crate::text::Text;

/// How many answers are remembered.
const SLOTS: usize = 1024;

/// Answers of the databases, for events of one rule set and one source of facts.
#[derive(Debug, Default)]
pub struct Places {
    slots: Vec<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    method: Method,
    value: Box<str>,
    fields: Vec<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    name: &'static str,
    id: Option<FieldId>,
    text: Text,
}

impl Places {
    /// Writes to `event` what the databases say of an address.
    pub(super) fn write(
        &mut self,
        method: Method,
        value: &str,
        event: &mut Event,
        lookups: &dyn Lookups,
    ) {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let hash = spread(fnv1a(value.as_bytes()).wrapping_add(method as u64)) % (SLOTS as u64);
        let slot = usize::try_from(hash).ok().and_then(|at| self.slots.get_mut(at));
        let Some(slot) = slot else { return };
        if !slot.as_ref().is_some_and(|known| known.method == method && *known.value == *value) {
            let fields = asked(method, value, lookups).into_iter().map(|(name, text)| Answer {
                name,
                id: event.schema().find(Space::Enriched, name),
                text: Text::from(text),
            });
            *slot = Some(Known { method, value: value.into(), fields: fields.collect() });
        }
        for answer in slot.iter().flat_map(|known| &known.fields) {
            match answer.id {
                Some(id) => event.set(id, answer.text.clone()),
                None => event.set_named(Space::Enriched, answer.name, answer.text.clone()),
            }
        }
    }
}

fn asked(method: Method, value: &str, lookups: &dyn Lookups) -> Vec<Field> {
    match method {
        Method::GeoIpCity => geoip::city(value, lookups),
        Method::GeoIpAsn => geoip::asn(value, lookups),
        Method::IpToRange => geoip::range(value, lookups).into_iter().collect(),
        Method::ReverseDns | Method::ParseDate | Method::UnmarshalJson => Vec::new(),
    }
}
