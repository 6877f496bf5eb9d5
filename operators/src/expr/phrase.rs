//! The compiled form of expressions that give a string: what statics write. A field is passed on
//! without copying its characters.

use super::ast::{Kind, Node};
use super::condition::{Builder, Test};
use super::context::Cx;
use super::error::Failure;
use super::eval;
use super::stack::COMPILED;
use super::subject::{Source, Subjects};
use super::types::Type;
use crate::schema::FieldId;
use crate::text::Text;
use crate::value::Value;

/// A compiled string expression.
#[derive(Debug)]
pub(super) enum Phrase {
    Const(&'static str),
    Field(FieldId),
    Source(Source),
    Choose(Box<(Test, Phrase, Phrase)>),
    Join(Box<[Phrase]>),
    Plain(Box<Node>),
}

impl Builder<'_> {
    /// The compiled form of a node whose type is string.
    pub(super) fn phrase(&mut self, node: &Node) -> Phrase {
        if let Some(text) = self.folder.text(node) {
            return Phrase::Const(text);
        }
        match &node.kind {
            Kind::Conditional(..) if node.depth > COMPILED => Phrase::Plain(Box::new(node.clone())),
            Kind::Field(id) => Phrase::Field(*id),
            Kind::Conditional(test, yes, no) if yes.ty == Type::String && no.ty == Type::String => {
                let test = self.test(test);
                Phrase::Choose(Box::new((test, self.phrase(yes), self.phrase(no))))
            }
            Kind::Binary(super::ast::Op::Add, ..) => {
                let mut parts = Vec::new();
                self.joined(node, &mut parts);
                Phrase::Join(parts.into())
            }
            // A field is never nil.
            Kind::Binary(super::ast::Op::Coalesce, a, _) if matches!(a.kind, Kind::Field(_)) => {
                self.phrase(a)
            }
            Kind::Label(_) | Kind::Part(_) => match self.subjects.source(node) {
                Some(source) => Phrase::Source(source),
                None => Phrase::Plain(Box::new(node.clone())),
            },
            _ => Phrase::Plain(Box::new(node.clone())),
        }
    }

    fn joined(&mut self, node: &Node, parts: &mut Vec<Phrase>) {
        match &node.kind {
            Kind::Binary(super::ast::Op::Add, a, b)
                if a.ty == Type::String && b.ty == Type::String =>
            {
                self.joined(a, parts);
                self.joined(b, parts);
            }
            _ => parts.push(self.phrase(node)),
        }
    }
}

impl Phrase {
    /// The text, `None` where the value is no string (`c ? 'a' : nil`); a slice belongs to the live
    /// event.
    pub(super) fn run(
        &self,
        subjects: &Subjects,
        cx: &mut Cx<'_>,
    ) -> Result<Option<Text>, Failure> {
        Ok(match self {
            Self::Const(text) => Some(Text::Static(text)),
            Self::Field(id) => Some(cx.event.get_text(*id).cloned().unwrap_or(Text::EMPTY)),
            Self::Source(source) => {
                subjects.prepare(*source, cx)?;
                subjects.peek(*source, cx.event, cx.memo).map(Text::from)
            }
            Self::Choose(parts) => {
                let (test, yes, no) = &**parts;
                let chosen = if test.run(subjects, cx)? { yes } else { no };
                return chosen.run(subjects, cx);
            }
            Self::Join(parts) => {
                let mut joined = String::new();
                for part in parts {
                    let Some(text) = part.run(subjects, cx)? else { return Ok(None) };
                    joined.push_str(cx.event.text(&text));
                }
                Some(joined.into())
            }
            Self::Plain(node) => match eval::run(node, cx)? {
                Value::Str(text) => Some(text.into()),
                _ => None,
            },
        })
    }
}
