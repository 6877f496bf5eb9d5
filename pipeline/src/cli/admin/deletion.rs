//! Alerts and decisions that are to go: one by its number, those that filters name, or all.

use anyhow::bail;

use super::client::{Client, Query, deleted};

/// What is to go.
#[derive(Debug)]
pub struct Deletion {
    /// What one is called: its route bears this with an `s`.
    pub noun: &'static str,
    /// One by its number.
    pub id: Option<u64>,
    /// All of them.
    pub all: bool,
    /// Whether filters name some.
    pub named: bool,
    /// The filters.
    pub query: Query,
}

impl Deletion {
    /// Deletes, and says how many.
    ///
    /// # Errors
    /// It is not said, or said twice, what is to go; as [`Client::send`].
    pub fn run(self, client: &Client) -> anyhow::Result<()> {
        let Self { noun, id, all, named, query } = self;
        let nouns = format!("{noun}s");
        let answer = match (id, named, all) {
            (Some(id), false, false) => client.delete(&["v1", &nouns, &id.to_string()], &[])?,
            (Some(_), _, _) => bail!("--id goes with no other filter"),
            (None, false, false) => bail!("at least one filter or --all must be specified"),
            (None, true, true) => bail!("--all goes with no filter"),
            (None, _, _) => client.delete(&["v1", &nouns], &query)?,
        };
        eprintln!("{} {noun}(s) deleted", deleted(&answer));
        Ok(())
    }
}
