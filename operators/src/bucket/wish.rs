//! What a scenario wants of a live event: the part of a pour that is computed before the exchange.

use std::fmt::Display;
use std::sync::Arc;

use super::pour::Claim;
use super::scenario::{Kind, Scenario};
use crate::expr::{Cx, EvalError, ExprId, Known, Program, TestError};
use crate::fault::Part;
use crate::value::Value;

/// Which bucket takes an event, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Result of `groupby`, "" without one.
    pub key: Arc<str>,
    /// What the scenario says of the event. `distinct` is "" where it is no string; a `cancel_on`
    /// that fails or gives no bool does not hold.
    pub claim: Claim,
}

/// Why a scenario could not say what it wants of an event. The scenarios after it are asked all the
/// same (in the reference they are not, and a value of the wrong type ends the process).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// The filter failed or gave no bool.
    #[error(transparent)]
    Filter(#[from] TestError),
    /// `groupby` failed.
    #[error(transparent)]
    GroupBy(#[from] EvalError),
    /// `groupby` gave no string.
    #[error("it gave no string")]
    NoKey,
}

impl WishError {
    /// What of the scenario it was.
    pub fn part(&self) -> Part {
        match self {
            Self::Filter(_) => Part::Filter,
            Self::GroupBy(_) | Self::NoKey => Part::GroupBy,
        }
    }
}

/// Hears of what failed and changes only whether or how the event counts.
pub type Note<'a> = dyn FnMut(&Scenario, Part, &dyn Display) + 'a;

/// Whether `scenario` wants the event of `cx`, and for which bucket. Of its filter, what is `known`
/// to hold is not asked.
///
/// # Errors
/// What failed; the event is then not for this scenario.
pub fn wish(
    scenario: &Scenario,
    known: Known,
    program: &Program,
    cx: &mut Cx<'_>,
    note: &mut Note<'_>,
) -> Result<Option<Wish>, WishError> {
    if !program.test_rest(scenario.filter, known, cx)? {
        return Ok(None);
    }
    let key = match scenario.groupby {
        Some(groupby) => text(groupby, program, cx)?.ok_or(WishError::NoKey)?,
        None => Arc::default(),
    };
    let claim = match scenario.kind {
        Kind::Trigger => Claim { scenario: scenario.id, distinct: None, cancel: false },
        _ => claim(scenario, program, cx, note),
    };
    Ok(Some(Wish { key, claim }))
}

/// What `scenario` says of the event of `cx` for a bucket of its own: also where another scenario
/// pours into it.
pub fn claim(
    scenario: &Scenario,
    program: &Program,
    cx: &mut Cx<'_>,
    note: &mut Note<'_>,
) -> Claim {
    let distinct = scenario.distinct.and_then(|distinct| match text(distinct, program, cx) {
        Ok(text) => Some(text.unwrap_or_default()),
        Err(error) => {
            note(scenario, Part::Distinct, &error);
            None
        }
    });
    let cancel = scenario.cancel_on.is_some_and(|cancel_on| {
        program.test(cancel_on, cx).unwrap_or_else(|error| {
            note(scenario, Part::CancelOn, &error);
            false
        })
    });
    Claim { scenario: scenario.id, distinct, cancel }
}

/// The string that an expression gives, `None` where it gives something else.
fn text(id: ExprId, program: &Program, cx: &mut Cx<'_>) -> Result<Option<Arc<str>>, EvalError> {
    if let Some(text) = program.shared_text(id, cx)? {
        return Ok(Some(text));
    }
    match program.eval(id, cx)? {
        Value::Str(text) => Ok(Some(text)),
        _ => Ok(None),
    }
}
