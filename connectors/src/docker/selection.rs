//! Which containers are followed, and with which labels (crowdsec pkg/acquisition/modules/docker).

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::daemon::Container;
use crate::labels::Labels;
use crate::source::SourceError;

/// Labels of a container that are for us begin so.
const PREFIX: &str = "crowdsec.";

/// Which containers. A container is followed if one of these names it.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names, without a leading slash.
    pub names: Vec<String>,
    /// Full ids.
    pub ids: Vec<String>,
    /// Regular expressions for names, which have a leading slash here, as CrowdSec has it.
    pub name_regexps: Vec<String>,
    /// Regular expressions for ids.
    pub id_regexps: Vec<String>,
    /// Containers that ask for it: `crowdsec.enable=true`, with labels for their lines by
    /// `crowdsec.labels.NAME=VALUE`.
    pub use_container_labels: bool,
}

/// A selection that can be asked.
#[derive(Debug)]
pub(crate) struct Compiled {
    names: Vec<String>,
    ids: Vec<String>,
    name_regexps: Vec<Regex>,
    id_regexps: Vec<Regex>,
    by_labels: bool,
}

impl Selection {
    /// # Errors
    /// It names nothing, or an expression is none.
    pub(crate) fn compile(&self) -> Result<Compiled, SourceError> {
        let lists = [&self.names, &self.ids, &self.name_regexps, &self.id_regexps];
        let named = lists.iter().any(|list| !list.is_empty());
        if named == self.use_container_labels {
            let text = "select containers either by names, ids and their expressions, or by labels";
            return Err(SourceError::Configuration(text.to_owned()));
        }
        Ok(Compiled {
            names: self.names.clone(),
            ids: self.ids.clone(),
            name_regexps: regexps(&self.name_regexps)?,
            id_regexps: regexps(&self.id_regexps)?,
            by_labels: self.use_container_labels,
        })
    }
}

impl Compiled {
    /// The name and the labels of the lines of a container that is followed.
    pub(crate) fn matches(&self, container: &Container) -> Option<(String, Labels)> {
        let first = container.names.first().map_or(&*container.id, |name| bare(name));
        let plain = |name: &str| Some((name.to_owned(), Labels::default()));
        if self.ids.contains(&container.id) {
            return plain(first);
        }
        let mut names = container.names.iter();
        if let Some(name) = names.find(|name| self.names.iter().any(|one| one == bare(name))) {
            return plain(bare(name));
        }
        if self.id_regexps.iter().any(|regexp| regexp.is_match(&container.id)) {
            return plain(first);
        }
        let mut names = container.names.iter();
        if let Some(name) =
            names.find(|name| self.name_regexps.iter().any(|one| one.is_match(name)))
        {
            return plain(bare(name));
        }
        if !self.by_labels {
            return None;
        }
        let label = |name: &str| container.labels.get(&format!("{PREFIX}{name}"));
        let enabled = label("enable").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let own = container.labels.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(PREFIX)?.strip_prefix("labels.")?;
            let single = !name.is_empty() && !name.contains('.');
            single.then(|| (name.into(), value.as_str().into()))
        });
        let own: BTreeMap<Arc<str>, Arc<str>> = own.collect();
        (enabled && !own.is_empty()).then(|| (first.to_owned(), Arc::new(own)))
    }
}

fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

fn regexps(texts: &[String]) -> Result<Vec<Regex>, SourceError> {
    let regexp = |text: &String| {
        Regex::new(text).map_err(|error| SourceError::Configuration(format!("{text}: {error}")))
    };
    texts.iter().map(regexp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        selection: &Selection,
        labels: &[(&str, &str)],
        expected: Option<(&str, &[(&str, &str)])>,
    ) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let container = Container {
            id: "0123abcd".into(),
            names: vec!["/web-1".into()],
            labels: labels.iter().map(own).collect(),
            ..Container::default()
        };
        let got = selection.compile().unwrap().matches(&container);
        let expected = expected.map(|(name, labels)| {
            let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            (name.to_owned(), Arc::new(labels.collect()))
        });
        assert_eq!(got, expected, "{selection:?}");
    }

    #[test]
    fn containers_are_found_as_crowdsec_finds_them() {
        let list = |text: &str| vec![text.to_owned()];
        let one = Selection::default;
        let web: Option<(&str, &[(&str, &str)])> = Some(("web-1", &[]));
        check(&Selection { names: list("web-1"), ..one() }, &[], web);
        check(&Selection { names: list("/web-1"), ..one() }, &[], None);
        check(&Selection { names: list("web"), ..one() }, &[], None);
        check(&Selection { ids: list("0123abcd"), ..one() }, &[], web);
        check(&Selection { ids: list("0123"), ..one() }, &[], None);
        check(&Selection { name_regexps: list("^/web-[0-9]+$"), ..one() }, &[], web);
        check(&Selection { name_regexps: list("^web"), ..one() }, &[], None);
        check(&Selection { id_regexps: list("^0123"), ..one() }, &[], web);
    }

    #[test]
    fn containers_ask_by_labels() {
        let by_labels = || Selection { use_container_labels: true, ..Selection::default() };
        let (enable, kind) = (("crowdsec.enable", "True"), ("crowdsec.labels.type", "nginx"));
        check(&by_labels(), &[enable, kind], Some(("web-1", &[("type", "nginx")])));
        check(
            &by_labels(),
            &[enable, kind, ("crowdsec.labels.a.b", "c")],
            Some(("web-1", &[("type", "nginx")])),
        );
        check(&by_labels(), &[kind], None);
        check(&by_labels(), &[("crowdsec.enable", "yes"), kind], None);
        check(&by_labels(), &[enable], None);
    }

    #[test]
    fn nothing_and_both_are_refused() {
        assert!(Selection::default().compile().is_err());
        let both = Selection {
            names: vec!["a".into()],
            use_container_labels: true,
            ..Selection::default()
        };
        assert!(both.compile().is_err());
        let broken = Selection { name_regexps: vec!["(".into()], ..Selection::default() };
        assert!(broken.compile().unwrap_err().to_string().contains('('));
    }
}
