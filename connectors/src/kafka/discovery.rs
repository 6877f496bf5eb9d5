//! Which partitions are to be read, given what the cluster has.

use std::collections::BTreeSet;
use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode;

use super::config::{TopicName, Topics};

/// A partition by the name of its topic and its number.
pub(super) type Key = (Arc<str>, i32);

/// A topic as the cluster tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicView {
    pub(super) name: String,
    pub(super) error: Option<RDKafkaErrorCode>,
    pub(super) partitions: Vec<PartitionView>,
}

/// A partition as the cluster tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartitionView {
    pub(super) number: i32,
    pub(super) has_leader: bool,
}

/// What is to be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Partitions that exist.
    pub(super) partitions: BTreeSet<Key>,
    /// What cannot be read now, and what to do.
    pub(super) problems: Vec<String>,
}

/// Compares what is asked for with what is there.
pub(super) fn find(asked: &[Topics], views: &[TopicView]) -> Found {
    let mut found = Found::default();
    for topics in asked {
        let meant: Vec<_> = views.iter().filter(|view| topics.name.means(&view.name)).collect();
        if let (TopicName::Exact(name), true) = (&topics.name, meant.is_empty()) {
            found.problems.push(missing(name));
        }
        for view in meant {
            found.add(topics, view);
        }
    }
    found
}

impl Found {
    fn add(&mut self, topics: &Topics, view: &TopicView) {
        let name: Arc<str> = view.name.as_str().into();
        match view.error {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                if matches!(topics.name, TopicName::Exact(_)) {
                    self.problems.push(missing(&name));
                }
                return;
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                let remedy = "allow this user to read it";
                self.problems.push(format!("topic `{name}` is not ours to read: {remedy}"));
                return;
            }
            Some(code) => {
                self.problems.push(format!("topic `{name}` is not available: {code}"));
                return;
            }
        }
        let known = |number: i32| view.partitions.iter().find(|known| known.number == number);
        for number in &topics.partitions {
            if known(*number).is_none() {
                self.problems.push(format!("topic `{name}` has no partition {number}"));
            }
        }
        for known in &view.partitions {
            if !topics.partitions.is_empty() && !topics.partitions.contains(&known.number) {
                continue;
            }
            if !known.has_leader {
                self.problems.push(format!("partition {} of `{name}` has no leader", known.number));
            }
            self.partitions.insert((Arc::clone(&name), known.number));
        }
    }
}

fn missing(topic: &str) -> String {
    format!("topic `{topic}` does not exist: create it, or correct its name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, partitions: i32) -> TopicView {
        let partitions = (0..partitions).map(|number| PartitionView { number, has_leader: true });
        TopicView { name: name.to_owned(), error: None, partitions: partitions.collect() }
    }

    fn found(asked: &[Topics]) -> (Vec<String>, Vec<String>) {
        let mut gone = view("gone", 0);
        gone.error = Some(RDKafkaErrorCode::UnknownTopicOrPartition);
        let views = [view("a", 2), view("ab", 1), view("__ab", 1), gone];
        let found = find(asked, &views);
        (
            found.partitions.iter().map(|(name, number)| format!("{name}/{number}")).collect(),
            found.problems,
        )
    }

    #[test]
    fn patterns_mean_whole_names_but_not_the_brokers_own_topics() {
        let (partitions, problems) = found(&[Topics::matching("a.?|.*b|gone").unwrap()]);
        assert_eq!(partitions, ["a/0", "a/1", "ab/0"]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(found(&[Topics::matching("b").unwrap()]).0, Vec::<String>::new());
    }

    #[test]
    fn what_is_named_but_missing_is_said_and_the_rest_is_read() {
        let mut some = Topics::named("a");
        some.partitions = vec![1, 7];
        let (partitions, problems) = found(&[some, Topics::named("gone"), Topics::named("none")]);
        assert_eq!(partitions, ["a/1"]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(problems[0], "topic `a` has no partition 7");
    }
}
