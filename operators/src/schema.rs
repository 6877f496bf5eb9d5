//! Which fields the rules know: names of `evt.Parsed`, `evt.Meta` and `evt.Enriched` as numbers.

use std::collections::BTreeMap;

/// One of the three string maps of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// `evt.Parsed`: what grok captured.
    Parsed,
    /// `evt.Meta`: the only part that reaches alerts.
    Meta,
    /// `evt.Enriched`: what enrichers wrote.
    Enriched,
}

/// A name within a [`Space`], numbered at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u16);

impl FieldId {
    /// Position in tables by field.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// All names that a rule set reads or writes.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    ids: BTreeMap<(Space, &'static str), FieldId>,
    names: Vec<(Space, &'static str)>,
}

impl Schema {
    /// The number of `name`, given now if it is new.
    ///
    /// # Errors
    /// The 65,536th name is refused.
    pub fn add(&mut self, space: Space, name: &str) -> Result<FieldId, TooManyFields> {
        if let Some(id) = self.find(space, name) {
            return Ok(id);
        }
        let id = FieldId(u16::try_from(self.names.len()).map_err(|_| TooManyFields)?);
        let name = crate::text::intern(name);
        self.ids.insert((space, name), id);
        self.names.push((space, name));
        Ok(id)
    }

    /// The number of a known name.
    pub fn find(&self, space: Space, name: &str) -> Option<FieldId> {
        // The key type holds 'static names; a lookup by a shorter-lived one is the same comparison.
        self.ids.get(&(space, name) as &(Space, &str)).copied()
    }

    /// The field of that [`FieldId::index`], `None` where there is none.
    pub fn at(&self, index: usize) -> Option<FieldId> {
        let id = u16::try_from(index).ok()?;
        (index < self.names.len()).then_some(FieldId(id))
    }

    /// Space and name of a field.
    pub fn name(&self, id: FieldId) -> (Space, &'static str) {
        self.names.get(id.index()).copied().unwrap_or((Space::Parsed, ""))
    }

    /// How many fields there are; every [`FieldId::index`] is below it.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no field is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All fields of a space with their names, by name.
    pub fn fields(&self, space: Space) -> impl Iterator<Item = (&'static str, FieldId)> + '_ {
        self.ids.iter().filter(move |((s, _), _)| *s == space).map(|((_, name), id)| (*name, *id))
    }
}

/// A rule set names more than 65,535 fields.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the rules name more than 65535 fields")]
pub struct TooManyFields;
