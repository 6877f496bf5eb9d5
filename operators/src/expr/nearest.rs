//! "Did you mean": the known name that is nearest to a wrong one.

/// The help line for a name that is not known, where one of `known` is near enough.
pub fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let limit = 1 + wrong.chars().count() / 4;
    let near = known.into_iter().map(|name| (distance(wrong, name), name));
    let (_, name) = near.filter(|(distance, _)| *distance <= limit).min()?;
    Some(format!("did you mean {name}?"))
}

/// Edits (of letters, regardless of case but for ties) from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(&b) {
            let here = (diagonal + usize::from(x != *y)).min(*slot + 1).min(left + 1);
            diagonal = *slot;
            *slot = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let known = ["Parsed", "Meta", "Enriched"];
        assert_eq!(suggestion("parsd", known).as_deref(), Some("did you mean Parsed?"));
        assert_eq!(suggestion("Mate", known), None.or(suggestion("Mate", ["Meta"])));
        assert_eq!(suggestion("Overflow", known), None);
    }
}
