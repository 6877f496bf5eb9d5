//! What this process found, between two seals: its alerts are judged, and everything that led to them
//! is written into the same commit.

use operators::bucket::change::{Change, Subject};

use super::sitting::{Open, Sitting};
use crate::live::keeper::Commit;
use crate::live::record;
use crate::serve::ledger::Judged;
use crate::state::Family;

/// What kind of alert it is, as CrowdSec's agents say it.
const KIND: &str = "crowdsec";

impl Sitting {
    /// Writes what was found.
    pub(super) fn found(&mut self, found: Commit, open: &mut Open<'_>) {
        let Commit { present, lanes, stashes, mut changes, alerts, aside, mut waiting } = found;
        let batch = &mut open.batch;
        record::put_present(batch, present);
        for (key, lane) in &lanes {
            record::put_lane(batch, key, lane);
        }
        for (partition, stash) in &stashes {
            record::put_stash(batch, *partition, stash);
        }
        sort(&mut changes);
        for change in &changes {
            let family = match change.subject {
                Subject::Bucket => Family::Buckets,
                Subject::Blackhole => Family::Blackholes,
                Subject::Deadline => Family::Deadlines,
            };
            match &change.value {
                Some(value) => batch.put(family, &change.key, value),
                None => batch.delete(family, &change.key),
            }
        }
        self.judge.unparsed.aside(batch, aside);
        for mut alert in alerts {
            // Whoever is allowed is so at the time of the alert, however late it is judged.
            let at = alert.stop_at.at.0;
            if self.judge_alert(&mut alert, at) {
                waiting.found(&alert);
                let machine = self.judge.machine.clone();
                self.keep_alert(Judged { machine, kind: KIND.into(), alert: *alert }, open);
            }
        }
        open.waiting.push(waiting);
        open.dirty = true;
    }
}

/// Brings changes into the order of their keys as far as their beginnings tell, those of a key as they
/// came: the store finds the place of the next key from that of the last one.
fn sort(changes: &mut [Change]) {
    changes.sort_by_cached_key(|change| {
        let mut beginning = [0; 16];
        for (to, from) in beginning.iter_mut().zip(&change.key) {
            *to = *from;
        }
        (change.subject as u8, beginning)
    });
}
