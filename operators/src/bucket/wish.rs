//! What a scenario wants of a live event: the part of a pour that is computed before the exchange.

use super::pour::Claim;
use super::scenario::{Kind, Scenario};
use crate::expr::{Cx, EvalError, ExprId, Program, TestError};
use crate::value::Value;

/// Which bucket takes an event, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Result of `groupby`, "" without one.
    pub key: Box<str>,
    /// Result of `distinct`, "" where it is no string; `None` without one or where it failed.
    pub distinct: Option<Box<str>>,
    /// Whether `cancel_on` holds; one that fails or gives no bool does not.
    pub cancel: bool,
}

/// Why a scenario could not say what it wants of an event. The scenarios after it are asked all the
/// same (in the reference they are not, and a value of the wrong type ends the process).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// The filter failed or gave no bool.
    #[error("filter: {0}")]
    Filter(#[from] TestError),
    /// `groupby` failed.
    #[error("groupby: {0}")]
    GroupBy(#[from] EvalError),
    /// `groupby` gave no string.
    #[error("groupby gave no string")]
    NoKey,
}

/// Whether `scenario` wants the event of `cx`, and for which bucket.
///
/// # Errors
/// What failed; the event is then not for this scenario.
pub fn wish(
    scenario: &Scenario,
    program: &Program,
    cx: &mut Cx<'_>,
) -> Result<Option<Wish>, WishError> {
    if !program.test(scenario.filter, cx)? {
        return Ok(None);
    }
    let mut wish = Wish { key: "".into(), distinct: None, cancel: false };
    if let Some(groupby) = scenario.groupby {
        wish.key = text(groupby, program, cx)?.ok_or(WishError::NoKey)?;
    }
    if scenario.kind == Kind::Trigger {
        return Ok(Some(wish));
    }
    let claim = claim(scenario, program, cx);
    Ok(Some(Wish { distinct: claim.distinct, cancel: claim.cancel, ..wish }))
}

/// What `scenario` says of the event of `cx` for a bucket of its own: also where another scenario
/// pours into it.
pub fn claim(scenario: &Scenario, program: &Program, cx: &mut Cx<'_>) -> Claim {
    let distinct = scenario
        .distinct
        .and_then(|distinct| text(distinct, program, cx).ok().map(Option::unwrap_or_default));
    let cancel =
        scenario.cancel_on.is_some_and(|cancel_on| program.test(cancel_on, cx).unwrap_or(false));
    Claim { scenario: scenario.id, distinct, cancel }
}

/// The string that an expression gives, `None` where it gives something else.
fn text(id: ExprId, program: &Program, cx: &mut Cx<'_>) -> Result<Option<Box<str>>, EvalError> {
    if let Some(text) = program.text(id, cx)? {
        return Ok(Some(cx.event.text(&text).into()));
    }
    match program.eval(id, cx)? {
        Value::Str(text) => Ok(Some((&*text).into())),
        _ => Ok(None),
    }
}
