//! What requests want: alerts judged and kept, decisions ended, alerts removed, allowlists changed.

use std::sync::Arc;

use api::allow::AllowChange;
use api::archive::KeptAlert;
use api::filter::{AlertFilter, DecisionFilter, Ending, Net};
use api::intake::{Change, Outcome, Post, PostedAlert, RETRY};
use operators::alert::{Alert, Decision};
use operators::profile::Verdict;

use super::sitting::{Open, Sitting};
use crate::serve::ledger::Judged;
use crate::serve::{allowlists, kept, shelf};
use crate::state::{Family, StoreError};

impl Sitting {
    /// Does what a request wants.
    pub(super) fn judge_one(
        &mut self,
        post: Post,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let at = post.at;
        match post.change {
            Change::Alerts { machine, retry, alerts } => {
                Ok(self.alerts(at, (&machine, retry), alerts, open))
            }
            Change::EndDecisions(ending) => self.end_by_filter(&ending, at, open),
            Change::EndDecision(id) => self.end_one(id, at, open),
            Change::RemoveAlert(id) => self.remove_alert(id, at, open),
            Change::RemoveAlerts(filter) => self.remove_alerts(&filter, at, open),
            Change::Allow(change) => self.allow(&change, at, open),
        }
    }

    fn alerts(
        &mut self,
        at: i64,
        (machine, retry): (&Arc<str>, [u8; 32]),
        alerts: Vec<PostedAlert>,
        open: &mut Open<'_>,
    ) -> Outcome {
        if let Some((before, ids)) = self.answered.get(&retry)
            && at.saturating_sub(*before) < RETRY
        {
            return Outcome::Alerts(ids.clone());
        }
        let mut ids = Vec::with_capacity(alerts.len());
        for PostedAlert { mut alert, kind } in alerts {
            if alert.decisions.is_empty() {
                if !self.judge_alert(&mut alert, at) {
                    continue;
                }
            } else {
                self.judge.decide.remember(&alert.decisions, alert.stop_at.at);
            }
            let judged = Judged { machine: Arc::clone(machine), kind, alert };
            ids.extend(self.keep_alert(judged, open));
        }
        let value = (at, ids.clone());
        let bytes = serde_json::to_vec(&value).unwrap_or_default();
        open.batch.put(Family::Answered, &retry, &bytes);
        open.dirty = true;
        self.answered.insert(retry, value);
        Outcome::Alerts(ids)
    }

    /// Lets profiles judge an alert; `false` where its source is on an allowlist at that time, or all
    /// that they decide is about no address: then there is no alert. Unit: nanoseconds since the
    /// Unix epoch.
    pub(super) fn judge_alert(&mut self, alert: &mut Alert, at: i64) -> bool {
        let judge = &mut self.judge;
        let net = api::record::net_of(&alert.source.scope, &alert.source.value);
        if net.is_some_and(|net| judge.allow.load().covers(net, at)) {
            tracing::info!(source = &*alert.source.value, "the source of an alert is allowed");
            return false;
        }
        match judge.decide.decide(alert, &*judge.lookups) {
            Verdict::Allowlisted(reason) => {
                tracing::info!(source = &*alert.source.value, reason, "the source is allowed");
                false
            }
            Verdict::Judged(judgement) => {
                for (profile, part, error) in judgement.errors {
                    let scenario = &*alert.scenario;
                    tracing::warn!(profile, %part, scenario, error, "a profile fails");
                }
                alert.decisions.is_empty() || keep_enforceable(&mut alert.decisions)
            }
        }
    }

    /// Writes an alert with what was decided; its number.
    pub(super) fn keep_alert(&mut self, judged: Judged, open: &mut Open<'_>) -> Option<u64> {
        open.dirty = true;
        let written = open.commit.alert(&mut open.batch, judged);
        let written = written.inspect_err(|error| {
            tracing::error!(%error, "an alert cannot be written");
        });
        let written = written.ok()?;
        let id = written.id;
        self.judge.outbox.alert(&mut open.batch, written);
        Some(id)
    }

    fn end_by_filter(
        &mut self,
        ending: &Ending,
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let snapshot = self.judge.index.current();
        let mut matching = snapshot.matching(&ending.as_filter(), at);
        matching.retain(|entry| entry.slot.until > at);
        matching.retain(|entry| ending.takes(&entry.uuid(), entry.scenario()));
        let ended: Vec<(u64, u64)> =
            matching.iter().map(|entry| (entry.slot.id, entry.slot.alert)).collect();
        self.end_all(&ended, at, open)?;
        Ok(Outcome::Ended(ended.len() as u64))
    }

    /// Ends decisions: (number, number of its alert). A post that made one of them is no longer
    /// answered from memory: who repeats it wants it again.
    fn end_all(
        &mut self,
        ended: &[(u64, u64)],
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<(), StoreError> {
        for (id, _) in ended {
            self.end(*id, at, open)?;
        }
        let mut alerts: Vec<u64> = ended.iter().map(|(_, alert)| *alert).collect();
        self.forget_posts(&mut alerts, open);
        Ok(())
    }

    fn forget_posts(&mut self, alerts: &mut [u64], open: &mut Open<'_>) {
        if alerts.is_empty() {
            return;
        }
        alerts.sort_unstable();
        self.answered.retain(|key, (_, ids)| {
            let stays = !ids.iter().any(|id| alerts.binary_search(id).is_ok());
            if !stays {
                open.batch.delete(Family::Answered, key);
            }
            stays
        });
    }

    fn end_one(&mut self, id: u64, at: i64, open: &mut Open<'_>) -> Result<Outcome, StoreError> {
        let snapshot = self.judge.index.current();
        if let Some(entry) = snapshot.find(id).filter(|entry| entry.slot.until > at) {
            self.end_all(&[(id, entry.slot.alert)], at, open)?;
            return Ok(Outcome::Ended(1));
        }
        // CrowdSec counts one for a decision that is over, too.
        let kept = self.judge.store.get(Family::Decisions, &id.to_be_bytes())?;
        Ok(if kept.is_some() { Outcome::Ended(1) } else { Outcome::Unknown })
    }

    fn remove_alert(
        &mut self,
        id: u64,
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let Some(kept) = kept::kept(&self.judge.store, id)? else { return Ok(Outcome::Unknown) };
        self.remove(&[kept], at, open)?;
        Ok(Outcome::Removed(1))
    }

    fn remove_alerts(
        &mut self,
        filter: &AlertFilter,
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let mut found = Vec::new();
        let (store, index) = (Arc::clone(&self.judge.store), Arc::clone(&self.judge.index));
        shelf::visit_alerts(&store, &index, filter, (true, at), &mut |kept| {
            if shelf::matches(filter, &kept, at) {
                found.push(kept);
            }
            std::ops::ControlFlow::Continue(())
        })?;
        self.remove(&found, at, open)?;
        Ok(Outcome::Removed(found.len() as u64))
    }

    fn remove(
        &mut self,
        found: &[KeptAlert],
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<(), StoreError> {
        let snapshot = self.judge.index.current();
        for kept in found {
            let active = kept.decisions.iter().filter(|record| snapshot.find(record.id).is_some());
            let ended: Vec<(u64, u64)> = active.map(|record| (record.id, kept.id)).collect();
            self.end_all(&ended, at, open)?;
            open.commit.remove_alert(&mut open.batch, kept);
            open.dirty = true;
        }
        let mut alerts: Vec<u64> = found.iter().map(|kept| kept.id).collect();
        self.forget_posts(&mut alerts, open);
        Ok(())
    }

    fn allow(
        &mut self,
        change: &AllowChange,
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let mut lists = (**self.judge.allow.load()).clone();
        let name = match lists.change(change, at) {
            Ok(name) => name,
            Err(error) => return Ok(Outcome::Refused(error.to_string())),
        };
        allowlists::put(&mut open.batch, &lists, &name);
        open.dirty = true;
        let ended = self.newly_allowed(change, at);
        self.end_all(&ended, at, open)?;
        self.judge.allow.store(Arc::new(lists));
        Ok(Outcome::Allowed(ended.len() as u64))
    }

    /// Active decisions that the change exempts.
    fn newly_allowed(&self, change: &AllowChange, at: i64) -> Vec<(u64, u64)> {
        let AllowChange::Add { items, .. } = change else { return Vec::new() };
        let snapshot = self.judge.index.current();
        let mut ended = Vec::new();
        let in_force = items.iter().filter(|item| item.expires.is_none_or(|expires| expires >= at));
        for net in in_force.filter_map(|item| Net::parse(&item.value).ok()) {
            for around in [true, false] {
                let simulated = true;
                let filter =
                    DecisionFilter { net: Some(net), around, simulated, ..Default::default() };
                let hit = snapshot.matching(&filter, at);
                ended.extend(hit.iter().map(|entry| (entry.slot.id, entry.slot.alert)));
            }
        }
        ended.sort_unstable();
        ended.dedup();
        ended
    }
}

/// Leaves out decisions about addresses that are none, which bouncers would stumble over (crowdsec
/// pkg/database/alerts.go); whether some are left.
fn keep_enforceable(decisions: &mut Vec<Decision>) -> bool {
    decisions.retain(|Decision { scope, value, .. }| {
        let kept = !matches!(&**scope, "Ip" | "Range") || Net::parse(value).is_ok();
        if !kept {
            tracing::warn!(%scope, %value, "a decision about no address is left out");
        }
        kept
    });
    !decisions.is_empty()
}
