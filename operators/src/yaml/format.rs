//! The `format` of an item: which revision of the rule language it is written in.

use super::fields::{Fields, Reading};

/// Whether an item's format is one that we read (`>= 1.0, <= 3.0`; absent means 1.0). Another one
/// is noted as a warning and the item is left out (crowdsec pkg/cwversion/constraint); what is no
/// version is an error.
pub fn is_supported(fields: &Fields<'_>, what: &str, reading: &mut Reading<'_>) -> bool {
    let Some(format) = fields.text("format", reading) else { return true };
    let numbers: Option<Vec<u32>> =
        format.value.trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect();
    let Some(numbers) = numbers else {
        let message = format!("`format` is not a version: {:?}", format.value);
        reading.refuse_with(format.at, message, "leave it out, or write 2.0");
        return false;
    };
    let whole = numbers.first().copied().unwrap_or(0);
    let fraction = numbers.iter().skip(1).any(|part| *part > 0);
    if (1..=2).contains(&whole) || (whole == 3 && !fraction) {
        return true;
    }
    let format = format.map(|text| format!("{what} left out: format {text} is not in 1.0 to 3.0"));
    reading.warn(format.at, format.value);
    false
}
