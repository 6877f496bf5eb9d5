//! Taking an instant apart by what its lines begin with. In: a page that is full, so that there may be
//! more. Out: parts that together hold everything, each to be asked for by itself.

use std::collections::BTreeSet;

/// Lines that begin with `prefix`, or are it, but that neither begin with one of `not` nor are one of
/// `not_whole`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    prefix: String,
    whole: bool,
    not: Vec<String>,
    not_whole: Vec<String>,
}

impl Part {
    /// Smaller parts of this one, after what some of its lines are like. `None` where all its lines
    /// are the same.
    pub(crate) fn split<'a>(
        &self,
        lines: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<Vec<Self>> {
        let common = common(lines.clone())?;
        let next: BTreeSet<char> =
            lines.filter_map(|line| line.get(common.len()..)?.chars().next()).collect();
        let mut rest = self.clone();
        let mut parts = Vec::new();
        if next.is_empty() {
            if self.whole {
                return None;
            }
            rest.not_whole.push(common.to_owned());
            parts.push(Self { prefix: common.to_owned(), whole: true, ..Self::default() });
        }
        for next in next {
            let prefix = format!("{common}{next}");
            let mut part = self.clone();
            part.not.retain(|not| not.starts_with(&prefix));
            part.not_whole.retain(|not| not.starts_with(&prefix));
            rest.not.retain(|not| !not.starts_with(&prefix));
            rest.not.push(prefix.clone());
            part.prefix = prefix;
            parts.push(part);
        }
        parts.push(rest);
        Some(parts)
    }

    /// LogQL that keeps these lines alone.
    pub(crate) fn filter(&self) -> String {
        let mut filter = String::new();
        let end = if self.whole { "$" } else { "" };
        if self.whole || !self.prefix.is_empty() {
            filter += &format!("\n|~ {}", quoted(&format!("^{}{end}", literal(&self.prefix))));
        }
        for (not, end) in [(&self.not, ""), (&self.not_whole, "$")] {
            if !not.is_empty() {
                let not: Vec<_> = not.iter().map(|not| literal(not)).collect();
                filter += &format!("\n!~ {}", quoted(&format!("^(?:{}){end}", not.join("|"))));
            }
        }
        filter
    }
}

/// What all lines begin with.
fn common<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = lines.next()?;
    let length = lines.fold(first.len(), |length, line| {
        let same = first.char_indices().zip(line.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(line.len().min(first.len()), |((at, _), _)| at);
        length.min(end)
    });
    first.get(..length)
}

/// A regular expression that matches this text alone.
fn literal(text: &str) -> String {
    let escape = |c: char| match c {
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
            format!("\\{c}")
        }
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A string of LogQL.
fn quoted(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Part {
        fn holds(&self, line: &str) -> bool {
            let begins = line.starts_with(&self.prefix) && (!self.whole || line == self.prefix);
            let not = self.not.iter().any(|not| line.starts_with(not));
            begins && !not && !self.not_whole.iter().any(|not| line == not)
        }
    }

    proptest! {
        #[test]
        fn parts_hold_each_line_once_and_get_smaller(
            lines in proptest::collection::btree_set("[ab\"\\\\é]{0,5}", 2..40),
            page in 1_usize..8,
        ) {
            let mut todo = vec![Part::default()];
            let mut found = Vec::new();
            let mut steps = 0;
            while let Some(part) = todo.pop() {
                steps += 1;
                prop_assert!(steps < 2000);
                let held = lines.iter().filter(|line| part.holds(line)).map(String::as_str);
                let first: Vec<_> = held.take(page).collect();
                if first.len() < page {
                    found.extend(first);
                } else if let Some(parts) = part.split(first.iter().copied()) {
                    todo.extend(parts);
                } else {
                    // One line fills a page of one by itself.
                    prop_assert_eq!(page, 1);
                    found.extend(first);
                }
            }
            found.sort_unstable();
            prop_assert_eq!(found, lines.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn filters_are_quoted_twice() {
        let not = vec!["a.\"\nb|".into(), "a.\"\n\\".into()];
        let part = Part { prefix: "a.\"\n".into(), not, ..Part::default() };
        assert_eq!(
            part.filter(),
            concat!(
                "\n|~ \"^a\\\\.\\\"\\u000a\"",
                "\n!~ \"^(?:a\\\\.\\\"\\u000ab\\\\||a\\\\.\\\"\\u000a\\\\\\\\)\""
            )
        );
        assert_eq!(Part::default().filter(), "");
        let not_whole = vec!["x".into()];
        let part = Part { not_whole, ..Part::default() };
        assert_eq!(part.filter(), "\n!~ \"^(?:x)$\"");
        let part = Part { prefix: "x".into(), whole: true, ..Part::default() };
        assert_eq!(part.filter(), "\n|~ \"^x$\"");
    }
}
