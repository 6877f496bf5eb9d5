//! Whether a condition may hold for an event of which nothing is known but its kind: a line has no
//! overflow, an overflow no line and no fields. What cannot be said without the event may hold.

use std::sync::Arc;

use super::ast::{Kind as Ast, Node, Part};
use super::constant::Folder;
use super::subject::pure;
use crate::event::Kind;
use crate::value::Value;

/// Whether a condition may hold for some event of this kind.
pub(super) fn may_hold(node: &Node, kind: Kind) -> bool {
    said(node, kind) != Some(false)
}

/// Whether a condition may hold for an overflow of this scenario.
pub(super) fn may_hold_for(node: &Node, scenario: &str) -> bool {
    let mut node = node.clone();
    name(&mut node, &scenario.into());
    may_hold(&node, Kind::Overflow)
}

/// Writes the scenario's name where the overflow's is asked for.
fn name(node: &mut Node, scenario: &Arc<str>) {
    let asked = node.kind == Ast::Part(Part::Scenario)
        || member(node, "Scenario")
            .and_then(|node| member(node, "Alert"))
            .and_then(|node| member(node, "Overflow"))
            .is_some_and(|node| node.kind == Ast::Event);
    if asked {
        node.kind = Ast::Text(Arc::clone(scenario));
        return;
    }
    node.visit_mut(&mut |child| name(child, scenario));
}

/// Whose member of this name it is.
fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    match &node.kind {
        Ast::Member { base, property, .. } => {
            property.text().filter(|text| ***text == *name).map(|_| &**base)
        }
        _ => None,
    }
}

/// What every event of this kind makes of a condition. One that fails does not hold.
fn said(node: &Node, kind: Kind) -> Option<bool> {
    let each = |all: &[Node], strong: bool| {
        let mut open = false;
        for part in all {
            match said(part, kind) {
                Some(said) if said == strong => return Some(strong),
                Some(_) => {}
                None => open = true,
            }
        }
        (!open).then_some(!strong)
    };
    match &node.kind {
        Ast::And(all) => each(all, false),
        Ast::Or(all) => each(all, true),
        Ast::Not(inner) => said(inner, kind).map(|said| !said),
        _ if settled(node, kind) => match Folder::of(kind).value(node) {
            Some(Value::Bool(said)) => Some(said),
            Some(_) => None,
            None => Some(false),
        },
        _ => None,
    }
}

/// Whether a node has one value for all events of this kind.
fn settled(node: &Node, kind: Kind) -> bool {
    let own = match &node.kind {
        Ast::Nil | Ast::Bool(_) | Ast::Int(_) | Ast::Float(_) | Ast::Text(_) | Ast::Bytes(_) => {
            true
        }
        Ast::Field(_) | Ast::Space(_) | Ast::Label(_) | Ast::Labels | Ast::Unmarshaled => {
            kind == Kind::Overflow
        }
        Ast::Part(Part::Raw | Part::Source | Part::Module) => kind == Kind::Overflow,
        Ast::Part(Part::Scenario) => kind == Kind::Log,
        Ast::Method { base, name, .. } => return base.kind == Ast::Event && &**name == "GetType",
        Ast::Member { base, property, .. } if base.kind == Ast::Event => {
            return match property.text().map(AsRef::as_ref) {
                Some("Type") => true,
                Some("Overflow") => kind == Kind::Log,
                _ => false,
            };
        }
        Ast::Call { .. } => pure(node),
        Ast::Negate(_) | Ast::Plus(_) | Ast::Not(_) | Ast::Binary(..) => true,
        Ast::And(_) | Ast::Or(_) | Ast::Conditional(..) => true,
        Ast::Member { .. } | Ast::Chain(_) | Ast::Slice { .. } | Ast::List(_) | Ast::Map(_) => true,
        _ => false,
    };
    let mut all = own;
    node.visit(&mut |child| all = all && settled(child, kind));
    all
}

#[cfg(test)]
mod tests {
    use super::super::{Compiler, Env, Expect};
    use crate::event::Kind;

    /// Whether a filter may hold for lines, and for overflows.
    fn may(filter: &str) -> (bool, bool) {
        let mut compiler = Compiler::new();
        let id = compiler.compile(filter, Env::Event, Expect::Bool).unwrap();
        (compiler.may_hold(id, Kind::Log), compiler.may_hold(id, Kind::Overflow))
    }

    #[test]
    fn what_a_filter_says_of_its_own_overflows_is_known_at_load() {
        let cases = [
            ("evt.Overflow.Alert.Scenario == 'me/own'", true),
            ("evt.Overflow.Alert?.Scenario in ['me/own', 'x']", true),
            ("evt.GetType() == 'overflow'", true),
            ("evt.GetType() == 'overflow' && evt.Overflow.Alert.Source.Scope == 'Ip'", true),
            ("evt.Meta.log_type != 'x'", true),
            ("evt.Overflow.Alert.Scenario == 'x'", false),
            ("evt.GetType() == 'overflow' && evt.Overflow.Alert?.Scenario != 'me/own'", false),
            ("evt.GetType() == 'overflow' && evt.Overflow.Alert.Scenario in ['x', 'y']", false),
            ("evt.Overflow.Alert.Scenario startsWith 'x/'", false),
            ("evt.Meta.log_type == 'x'", false),
        ];
        for (filter, wanted) in cases {
            let mut compiler = Compiler::new();
            let id = compiler.compile(filter, Env::Event, Expect::Bool).unwrap();
            assert_eq!(compiler.may_hold_for(id, "me/own"), wanted, "{filter}");
        }
    }

    #[test]
    fn what_is_settled_by_the_kind_of_event_is_known_at_load() {
        let (lines, overflows, both) = ((true, false), (false, true), (true, true));
        let cases = [
            ("evt.Meta.log_type == 'x'", lines),
            ("evt.Meta.log_type in ['x', 'y'] && any(['a'], evt.Parsed.q contains #)", lines),
            ("evt.Unmarshaled.x.y == 'z'", lines),
            ("Upper(evt.Meta.path) contains 'X' && evt.Meta.user != 'y'", lines),
            ("evt.Line.Labels.type == 'x' || evt.Line.Raw startsWith 'x'", lines),
            ("evt.Parsed.n == '1' and evt.GetType() != 'overflow'", lines),
            ("evt.GetType() == 'log'", lines),
            ("evt.Meta.log_type == 'x' && evt.Overflow.Alert == nil", lines),
            ("evt.Meta.log_type == 'x' && evt.Overflow.Whitelisted == false", lines),
            ("evt.GetType() == 'overflow'", overflows),
            ("evt.Type == 1", overflows),
            ("evt.Overflow.Alert.Scenario == 'x'", overflows),
            ("evt.Overflow.Alert?.Scenario in ['x'] && evt.Meta.user != 'y'", overflows),
            ("evt.Overflow.Alert.Remediation == true", overflows),
            ("evt.Meta.log_type != 'x'", both),
            ("not (evt.Meta.log_type == 'x')", both),
            ("evt.Meta.log_type == 'x' || evt.Overflow.Alert?.Scenario == 'y'", both),
            ("len(evt.Overflow.Sources) == 0", both),
            ("evt.Stage == 's' ? true : evt.Meta.a == 'b'", both),
            ("1 == 1", both),
            ("1 == 2", (false, false)),
        ];
        for (filter, wanted) in cases {
            assert_eq!(may(filter), wanted, "{filter}");
        }
    }
}
