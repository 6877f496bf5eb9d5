//! Finds which of many rules can match an event, so that cost follows what matches and not what
//! is installed: equality tests of all filters, looked up by the event's own values.

use std::collections::BTreeMap;

/// A condition without which a rule cannot be true: the subject has one of these values or begins
/// with one of these prefixes.
#[derive(Clone, Debug)]
pub struct Need<S> {
    /// What is compared.
    pub subject: S,
    /// Values that let the rule pass.
    pub values: Vec<String>,
    /// Prefixes that let it pass.
    pub prefixes: Vec<String>,
}

/// A set of rules by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet(Vec<u64>);

impl RuleSet {
    fn all(count: usize) -> Self {
        let mut words = vec![u64::MAX; count.div_ceil(64)];
        if let Some(last) = words.last_mut()
            && !count.is_multiple_of(64)
        {
            *last = (1 << (count % 64)) - 1;
        }
        Self(words)
    }

    fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn insert(&mut self, rule: usize) {
        if let Some(word) = self.0.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    fn or(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    fn and(&mut self, other: &Self) {
        for (word, only) in self.0.iter_mut().zip(&other.0) {
            *word &= only;
        }
    }

    /// How many rules there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The first rule at or after `from`.
    #[inline]
    pub fn next(&self, from: usize) -> Option<usize> {
        let mut at = from / 64;
        let mut word = self.0.get(at)? & (u64::MAX << (from % 64));
        loop {
            if word != 0 {
                return Some(at * 64 + word.trailing_zeros() as usize);
            }
            at += 1;
            word = *self.0.get(at)?;
        }
    }
}

#[derive(Debug)]
struct BySubject<S> {
    subject: S,
    /// Rules that do not ask for this subject.
    others: RuleSet,
    /// The same and those that ask for this value: by its length, and few of each.
    values: Vec<Vec<(Box<str>, RuleSet)>>,
    prefixes: Vec<(String, RuleSet)>,
}

/// An index over rules.
#[derive(Debug)]
pub struct Index<S> {
    all: RuleSet,
    subjects: Vec<BySubject<S>>,
}

/// Subjects that fewer rules ask for are left to the filters themselves.
const FEWEST_RULES: usize = 2;

impl<S: Ord + Clone> Index<S> {
    /// Builds the index; `needs` holds the needs of each rule.
    pub fn new(needs: &[Vec<Need<S>>]) -> Self {
        let count = needs.len();
        let mut users: BTreeMap<S, usize> = BTreeMap::new();
        for need in needs.iter().flatten() {
            *users.entry(need.subject.clone()).or_default() += 1;
        }
        let wanted = users.into_iter().filter(|(_, users)| *users >= FEWEST_RULES);
        let subjects = wanted.map(|(subject, _)| BySubject::new(subject, needs)).collect();
        Self { all: RuleSet::all(count), subjects }
    }

    /// Makes `rules` those that may match; `value_of` gives the event's value of a subject ("" where
    /// it has none). Every rule that is left out is false for this event.
    #[inline]
    pub fn candidates<'a>(&self, value_of: impl Fn(&S) -> &'a str, rules: &mut RuleSet) {
        rules.0.clone_from(&self.all.0);
        for by in &self.subjects {
            let value = value_of(&by.subject);
            let fitting = by.fitting(value);
            if by.prefixes.iter().any(|(prefix, _)| value.starts_with(prefix)) {
                let mut fitting = fitting.clone();
                for (prefix, more) in &by.prefixes {
                    if value.starts_with(prefix) {
                        fitting.or(more);
                    }
                }
                rules.and(&fitting);
            } else {
                rules.and(fitting);
            }
        }
    }

    /// Whether candidates are known to meet their first need of this subject.
    pub fn decides(&self, subject: &S) -> bool {
        self.subjects.iter().any(|by| by.subject == *subject)
    }

    /// All rules.
    pub fn all(&self) -> RuleSet {
        self.all.clone()
    }
}

impl<S: Ord + Clone> BySubject<S> {
    fn new(subject: S, needs: &[Vec<Need<S>>]) -> Self {
        let count = needs.len();
        let mut others = RuleSet::all(count);
        let mut own: BTreeMap<&str, RuleSet> = BTreeMap::new();
        let mut prefixes: BTreeMap<&str, RuleSet> = BTreeMap::new();
        for (rule, needs) in needs.iter().enumerate() {
            // Several needs on one subject all hold; the first of them is enough to be sound.
            let Some(need) = needs.iter().find(|need| need.subject == subject) else { continue };
            if let Some(word) = others.0.get_mut(rule / 64) {
                *word &= !(1 << (rule % 64));
            }
            for value in &need.values {
                own.entry(value).or_insert_with(|| RuleSet::none(count)).insert(rule);
            }
            for prefix in &need.prefixes {
                prefixes.entry(prefix).or_insert_with(|| RuleSet::none(count)).insert(rule);
            }
        }
        let mut values = Vec::new();
        for (value, mut rules) in own {
            rules.or(&others);
            if values.len() <= value.len() {
                values.resize_with(value.len() + 1, Vec::new);
            }
            if let Some(same) = values.get_mut(value.len()) {
                same.push((value.into(), rules));
            }
        }
        let prefixes = prefixes.into_iter().map(|(prefix, rules)| (prefix.to_owned(), rules));
        let prefixes = prefixes.collect();
        Self { subject, others, values, prefixes }
    }

    /// Rules that this value lets pass, but for prefixes.
    #[inline]
    fn fitting(&self, value: &str) -> &RuleSet {
        let same = self.values.get(value.len()).map_or(&[][..], Vec::as_slice);
        // They come in their order.
        let found = same.binary_search_by(|(known, _)| (**known).cmp(value)).ok();
        found.and_then(|at| same.get(at)).map_or(&self.others, |(_, rules)| rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(subject: u8, values: &[&str], prefixes: &[&str]) -> Need<u8> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Need { subject, values: own(values), prefixes: own(prefixes) }
    }

    fn found(index: &Index<u8>, values: [&str; 2]) -> Vec<usize> {
        let mut rules = index.all();
        index.candidates(|subject| values[usize::from(*subject)], &mut rules);
        let mut all = Vec::new();
        let mut from = 0;
        while let Some(rule) = rules.next(from) {
            all.push(rule);
            from = rule + 1;
        }
        all
    }

    #[test]
    fn all_needs_of_a_rule_must_hold() {
        let index = Index::new(&[
            vec![need(0, &["a"], &[]), need(1, &["x"], &[])],
            vec![need(0, &["a", "b"], &[])],
            vec![],
            vec![need(1, &["x"], &["y"])],
        ]);
        assert_eq!(found(&index, ["a", "x"]), [0, 1, 2, 3]);
        assert_eq!(found(&index, ["b", "yes"]), [1, 2, 3]);
        assert_eq!(found(&index, ["", ""]), [2]);
    }

    #[test]
    fn rules_beyond_a_word_are_found() {
        let needs =
            (0..130).map(|rule| vec![need(0, &[if rule % 2 == 0 { "e" } else { "o" }], &[])]);
        let needs: Vec<_> = needs.collect();
        let index = Index::new(&needs);
        assert_eq!(found(&index, ["o", ""]), (0..130).filter(|n| n % 2 == 1).collect::<Vec<_>>());
    }
}
