//! Central allowlists: addresses and networks that no decision may hit, with expiry and comment
//! (crowdsec pkg/database/allowlists.go).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::filter::net::{Net, NetError};

/// An allowlist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowList {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// When it was made. Unit: nanoseconds since the Unix epoch.
    pub created: i64,
    /// When it changed last.
    pub updated: i64,
    /// What is on it, in the order of addition.
    pub items: Vec<AllowItem>,
}

/// An entry of an allowlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowItem {
    /// Address or network, as written.
    pub value: String,
    /// Why; may be "".
    pub comment: String,
    /// When it was added. Unit: nanoseconds since the Unix epoch.
    pub created: i64,
    /// From when on it no longer counts; `None` for never.
    pub expires: Option<i64>,
}

/// A wanted change of an allowlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowChange {
    /// Makes a list.
    Create {
        /// Its name.
        name: String,
        /// What it is for.
        description: String,
    },
    /// Removes a list with all that is on it.
    Delete {
        /// Its name.
        name: String,
    },
    /// Puts entries on a list; one that is there already stays as it is.
    Add {
        /// Name of the list.
        name: String,
        /// The entries; their `created` is set on arrival.
        items: Vec<AllowItem>,
    },
    /// Takes entries off a list.
    Remove {
        /// Name of the list.
        name: String,
        /// Their values as written.
        values: Vec<String>,
    },
}

/// Why an allowlist cannot be changed, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowError {
    /// There is no such list.
    #[error("allowlist '{0}' not found")]
    Unknown(String),
    /// There is such a list already.
    #[error("allowlist '{0}' already exists")]
    Exists(String),
    /// A list needs a name.
    #[error("an allowlist needs a name of at most 255 bytes")]
    Name,
    /// An entry is no address.
    #[error(transparent)]
    Net(#[from] NetError),
}

/// All allowlists, found by address.
#[derive(Clone, Debug, Default)]
pub struct Allowlists {
    /// In the order in which they were made.
    lists: Vec<AllowList>,
    /// Places of entries by (family, first address, prefix length).
    places: BTreeMap<(bool, u128, u8), Vec<(usize, usize)>>,
}

impl Allowlists {
    /// Lists as they were kept, in their order.
    pub fn new(lists: Vec<AllowList>) -> Self {
        let mut all = Self { lists, places: BTreeMap::new() };
        all.find_places();
        all
    }

    /// All lists, in the order in which they were made.
    pub fn lists(&self) -> &[AllowList] {
        &self.lists
    }

    /// A list by its name.
    ///
    /// # Errors
    /// There is none.
    pub fn list(&self, name: &str) -> Result<&AllowList, AllowError> {
        let list = self.lists.iter().find(|list| list.name == name);
        list.ok_or_else(|| AllowError::Unknown(name.to_owned()))
    }

    /// Whether no entry exists.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Changes a list; the answer is its name.
    ///
    /// # Errors
    /// The list is not there, is there already, or an entry is no address: nothing changes.
    pub fn change(&mut self, change: &AllowChange, now: i64) -> Result<String, AllowError> {
        let name = match change {
            AllowChange::Create { name, description } => {
                if name.is_empty() || name.len() > 255 {
                    return Err(AllowError::Name);
                }
                if self.list(name).is_ok() {
                    return Err(AllowError::Exists(name.clone()));
                }
                let (name, description) = (name.clone(), description.clone());
                let items = Vec::new();
                self.lists.push(AllowList { name, description, created: now, updated: now, items });
                return Ok(self.lists.last().map(|list| list.name.clone()).unwrap_or_default());
            }
            AllowChange::Delete { name } => {
                self.list(name)?;
                self.lists.retain(|list| list.name != *name);
                name
            }
            AllowChange::Add { name, items } => {
                items.iter().try_for_each(|item| Net::parse(&item.value).map(|_| ()))?;
                let list = self.edited(name, now)?;
                for item in items {
                    if !list.items.iter().any(|old| old.value == item.value) {
                        list.items.push(AllowItem { created: now, ..item.clone() });
                    }
                }
                name
            }
            AllowChange::Remove { name, values } => {
                self.edited(name, now)?.items.retain(|item| !values.contains(&item.value));
                name
            }
        };
        self.find_places();
        Ok(name.clone())
    }

    fn edited(&mut self, name: &str, now: i64) -> Result<&mut AllowList, AllowError> {
        let list = self.lists.iter_mut().find(|list| list.name == name);
        let list = list.ok_or_else(|| AllowError::Unknown(name.to_owned()))?;
        list.updated = now;
        Ok(list)
    }

    fn find_places(&mut self) {
        self.places.clear();
        for (list, lists) in self.lists.iter().enumerate() {
            for (item, entry) in lists.items.iter().enumerate() {
                if let Ok(net) = Net::parse(&entry.value) {
                    let key = (net.v6, net.start, net.length);
                    self.places.entry(key).or_default().push((list, item));
                }
            }
        }
    }

    /// Entries in force at `now` that lie around a network or within it.
    fn hits(&self, net: Net, now: i64) -> impl Iterator<Item = (&AllowList, &AllowItem)> {
        let around = (0..net.length).map(move |length| {
            let outer = net.cut(length);
            (outer.v6, outer.start, outer.length)
        });
        let around = around.filter_map(|key| self.places.get(&key)).flatten();
        let from = (net.v6, net.start, net.length);
        let within = self.places.range(from..=(net.v6, net.end(), u8::MAX));
        let within = within.filter(move |(key, _)| key.2 >= net.length);
        let places = around.chain(within.flat_map(|(_, places)| places));
        let entries = places.filter_map(|(list, item)| {
            let list = self.lists.get(*list)?;
            Some((list, list.items.get(*item)?))
        });
        entries.filter(move |(_, item)| item.expires.is_none_or(|expires| expires >= now))
    }

    /// Whether a network is on a list at `now`.
    pub fn covers(&self, net: Net, now: i64) -> bool {
        !self.is_empty() && self.hits(net, now).next().is_some()
    }

    /// Why a network is allowed at `now`: `1.2.3.0/24 from office (lan)`, by name of the list.
    pub fn reasons(&self, net: Net, now: i64) -> Vec<String> {
        let mut hits: Vec<_> = self.hits(net, now).collect();
        hits.sort_by(|(a, x), (b, y)| a.name.cmp(&b.name).then_with(|| x.created.cmp(&y.created)));
        let reason = |(list, item): (&AllowList, &AllowItem)| match item.comment.as_str() {
            "" => format!("{} from {}", item.value, list.name),
            comment => format!("{} from {} ({comment})", item.value, list.name),
        };
        hits.into_iter().map(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(value: &str, comment: &str, expires: Option<i64>) -> AllowItem {
        AllowItem { value: value.into(), comment: comment.into(), created: 0, expires }
    }

    fn lists() -> Allowlists {
        let mut lists = Allowlists::default();
        for name in ["office", "a1"] {
            let (name, description) = (name.to_owned(), String::new());
            lists.change(&AllowChange::Create { name, description }, 1).unwrap();
        }
        let items = vec![item("192.0.2.0/24", "lan", None), item("2001:db8::1", "", Some(50))];
        lists.change(&AllowChange::Add { name: "office".into(), items }, 2).unwrap();
        let items = vec![item("192.0.2.7", "", None)];
        lists.change(&AllowChange::Add { name: "a1".into(), items }, 3).unwrap();
        lists
    }

    #[test]
    fn entries_hit_in_both_directions_and_until_they_expire() {
        let lists = lists();
        let reasons = |text: &str, now| lists.reasons(Net::parse(text).unwrap(), now).join(", ");
        assert_eq!(reasons("192.0.2.7", 9), "192.0.2.7 from a1, 192.0.2.0/24 from office (lan)");
        assert_eq!(reasons("192.0.2.9", 9), "192.0.2.0/24 from office (lan)");
        assert_eq!(reasons("192.0.0.0/16", 9), "192.0.2.7 from a1, 192.0.2.0/24 from office (lan)");
        assert_eq!(reasons("192.0.3.0", 9), "");
        assert_eq!(reasons("::/0", 50), "2001:db8::1 from office");
        assert_eq!(reasons("::/0", 51), "");
    }

    #[test]
    fn changes_are_whole_or_not_at_all() {
        let mut lists = lists();
        let wrong = vec![item("10.0.0.0/8", "", None), item("bad-apple", "", None)];
        let refused = lists.change(&AllowChange::Add { name: "a1".into(), items: wrong }, 4);
        assert_eq!(refused.unwrap_err().to_string(), "invalid ip address 'bad-apple'");
        assert!(!lists.covers(Net::parse("10.1.1.1").unwrap(), 9));
        let values = vec!["192.0.2.0/24".to_owned()];
        lists.change(&AllowChange::Remove { name: "office".into(), values }, 5).unwrap();
        assert!(!lists.covers(Net::parse("192.0.2.9").unwrap(), 9));
        lists.change(&AllowChange::Delete { name: "a1".into() }, 6).unwrap();
        assert!(lists.list("a1").is_err());
        assert_eq!(lists.list("office").unwrap().updated, 5);
    }
}
