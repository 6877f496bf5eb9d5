//! Overflow by evidence (crowdsec pkg/leakybucket/bayesian.go), in `float32` as there.

use std::collections::BTreeSet;

use super::conditional::Case;
use super::scenario::Bayesian;

/// Whether what one event says of all conditions is enough. Conditions that stay true are noted in
/// `latched`.
pub(crate) fn overflows(
    bayesian: &Bayesian,
    latched: &mut BTreeSet<u16>,
    case: &mut Case<'_>,
) -> bool {
    let mut posterior = bayesian.prior;
    for (index, evidence) in (0..).zip(&bayesian.conditions) {
        let known = evidence.guillotine && latched.contains(&index);
        let held = match known {
            true => Some(true),
            false => case.holds(evidence.condition),
        };
        let Some(held) = held else { continue };
        if held {
            if evidence.guillotine {
                latched.insert(index);
            }
            posterior = update(posterior, evidence.given_evil, evidence.given_benign);
        } else {
            posterior = update(posterior, 1.0 - evidence.given_evil, 1.0 - evidence.given_benign);
        }
    }
    posterior > bayesian.threshold
}

/// Bayes' rule. 0/0 is NaN, which is above nothing.
fn update(prior: f32, given_evil: f32, given_benign: f32) -> f32 {
    let numerator = given_evil * prior;
    let denominator = numerator + given_benign * (1.0 - prior);
    numerator / denominator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_moves_the_probability() {
        assert!((update(0.5, 0.8, 0.2) - 0.8).abs() < 1e-6);
        assert!((update(0.8, 0.2, 0.8) - 0.5).abs() < 1e-6);
        assert!(update(0.0, 0.0, 0.0).is_nan());
    }
}
