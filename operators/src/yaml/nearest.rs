//! The name that somebody probably meant: for the help line of load errors.

/// The candidate nearest to `wanted`, where one is near enough to be a misspelling of it.
///
/// Near is an edit distance (insert, delete, replace, swap neighbours; case counts as nothing) of
/// at most a third of the longer name. Of equals the first wins.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(wanted);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = folded(candidate);
        let limit = (wanted.len().max(other.len()) / 3).max(1);
        if wanted.len().abs_diff(other.len()) > limit {
            continue;
        }
        let distance = edits(&wanted, &other);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or the whole list where nothing is near and the list is short.
pub fn suggestion(wanted: &str, known: &[&str]) -> Option<String> {
    if let Some(name) = nearest(wanted, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    (!known.is_empty() && known.len() <= 30).then(|| format!("known here: {}", known.join(", ")))
}

/// Names longer than this are compared by their beginnings: the table is quadratic.
const LONGEST: usize = 64;

fn folded(name: &str) -> Vec<char> {
    name.chars().take(LONGEST).map(|c| c.to_ascii_lowercase()).collect()
}

/// Optimal string alignment distance.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&row, j) + usize::from(x != y);
            let mut least = replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_name() {
        let names = ["source_ip", "log_type", "service", "GetMeta"];
        assert_eq!(nearest("sorce_ip", names), Some("source_ip"));
        assert_eq!(nearest("getmeta", names), Some("GetMeta"));
        assert_eq!(nearest("lgo_type", names), Some("log_type"));
    }

    #[test]
    fn a_far_name_finds_nothing() {
        assert_eq!(nearest("banana", ["source_ip", "log_type"]), None);
        assert_eq!(nearest("x", ["capacity"]), None);
    }

    #[test]
    fn swapped_letters_are_one_edit() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(edits(&chars("fitler"), &chars("filter")), 1);
        assert_eq!(edits(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(edits(&chars(""), &chars("abc")), 3);
    }

    #[test]
    fn a_short_list_is_shown_whole() {
        assert_eq!(suggestion("zzz", &["ip", "cidr"]).as_deref(), Some("known here: ip, cidr"));
        assert_eq!(suggestion("fitler", &["filter"]).as_deref(), Some("did you mean `filter`?"));
    }
}
