//! What a stream remembers: the stash of its source partition, decisions made before.

use super::Function;
use super::arguments::kinds::{ANY, INT, SPAN, STR};
use super::arguments::{Outcome, shared, text};
use crate::expr::context::Cx;
use crate::lookup::Stash;
use crate::time::GoDuration;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("GetFromStash", &[STR, STR], STR, get_from_stash).impure()
        .about("what a stash keeps under a key, \"\" if nothing",
            r#"GetFromStash("cache", "key")"#, ""),
    Function::new("SetInStash", &[STR, STR, STR, SPAN], ANY, set_in_stash).impure()
        .about("nil; keeps a value in a stash for a duration (fails always in CrowdSec)",
            r#"SetInStash("cache", "key", "value", duration("1m"))"#, "<nil>"),
    Function::new("GetDecisionsCount", &[STR], INT, decisions_count).impure()
        .about("how many decisions there ever were for a value",
            r#"GetDecisionsCount("10.0.0.1")"#, "0"),
    Function::new("GetDecisionsSinceCount", &[STR, STR], INT, decisions_since_count).impure()
        .about("how many decisions there were for a value since that long ago (d is a day)",
            r#"GetDecisionsSinceCount("10.0.0.1", "1d")"#, "0"),
    Function::new("GetActiveDecisionsCount", &[STR], INT, active_count).impure()
        .about("how many decisions are active for a value",
            r#"GetActiveDecisionsCount("10.0.0.1")"#, "0"),
    Function::new("GetActiveDecisionsTimeLeft", &[STR], SPAN, active_time_left).impure()
        .about("how long the last active decision for a value lasts",
            r#"GetActiveDecisionsTimeLeft("10.0.0.1")"#, "0s"),
];

/// The stash; where lines are parsed ahead of their order there is none yet.
fn stash<'a>(cx: &'a mut Cx<'_>) -> Result<&'a mut (dyn Stash + 'a), String> {
    match &mut cx.stash {
        Some(stash) => Ok(&mut **stash),
        None => {
            cx.wants_stash = true;
            Err("the stash is not at hand".to_owned())
        }
    }
}

fn get_from_stash(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let kept = stash(cx)?.get(text(a, 0)?, text(a, 1)?);
    Ok(kept.map_or_else(|| Value::str(""), Value::Str))
}

fn set_in_stash(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let ttl = match a.get(3) {
        Some(Value::Duration(ttl)) => *ttl,
        _ => return Err(super::arguments::mismatch(a, 3, "time.Duration")),
    };
    stash(cx)?.set(text(a, 0)?, shared(a, 1)?, text(a, 2)?, ttl);
    Ok(Value::Nil)
}

fn decisions_count(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Int(cx.lookups.decisions_count(text(a, 0)?, None)))
}

fn decisions_since_count(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let value = text(a, 0)?;
    let count = match GoDuration::parse_with_days(text(a, 1)?) {
        Ok(since) => cx.lookups.decisions_count(value, Some(since.0)),
        Err(_) => 0,
    };
    Ok(Value::Int(count))
}

fn active_count(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Int(cx.lookups.active_decisions(text(a, 0)?).0))
}

fn active_time_left(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Duration(cx.lookups.active_decisions(text(a, 0)?).1))
}
