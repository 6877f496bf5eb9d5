//! Questions about a field that need no value made of it: `IpInRange(evt.Meta.source_ip, "10.0.0.0/8")`
//! and its kin, and whether it was written at all.

use ipnet::IpNet;

use super::ast::{Kind, Node, Op};
use super::condition::Builder;
use super::functions::ip;
use crate::event::Event;
use crate::schema::FieldId;

/// A question about one field. It cannot fail.
#[derive(Debug)]
pub(super) enum FieldTest {
    /// `"source_ip" in evt.Meta`.
    Written(FieldId),
    /// `IpInRange(…)`.
    InRange(FieldId, IpNet),
    /// `IsIP(…)`.
    Address(FieldId),
    /// `IsIPV4(…)`.
    V4(FieldId),
    /// `IsIPV6(…)`.
    V6(FieldId),
}

impl Builder<'_> {
    /// The question that a node is, if it is one.
    pub(super) fn field_test(&mut self, node: &Node) -> Option<FieldTest> {
        match &node.kind {
            Kind::Binary(Op::In, name, space) => {
                let Kind::Space(space) = space.kind else { return None };
                self.schema.find(space, name.text()?).map(FieldTest::Written)
            }
            Kind::Call { name, arguments, .. } => {
                let (subject, rest) = arguments.split_first()?;
                let Kind::Field(field) = subject.kind else { return None };
                match (&**name, rest) {
                    ("IpInRange", [range]) => {
                        let range = ip::network(self.folder.text(range)?)?;
                        Some(FieldTest::InRange(field, range))
                    }
                    ("IsIP", []) => Some(FieldTest::Address(field)),
                    ("IsIPV4", []) => Some(FieldTest::V4(field)),
                    ("IsIPV6", []) => Some(FieldTest::V6(field)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl FieldTest {
    /// Whether it holds.
    pub(super) fn run(&self, event: &Event) -> bool {
        let address = |field: &FieldId| event.get(*field).and_then(ip::parse);
        match self {
            Self::Written(field) => event.get(*field).is_some(),
            Self::InRange(field, range) => address(field).is_some_and(|ip| range.contains(&ip)),
            Self::Address(field) => address(field).is_some(),
            Self::V4(field) => address(field).is_some_and(|ip| ip.is_ipv4()),
            Self::V6(field) => address(field).is_some_and(|ip| ip.is_ipv6()),
        }
    }
}
