//! `statics`: writes a constant or the result of an expression somewhere
//! (crowdsec pkg/parser/static.go, runtime.go).

use std::sync::Arc;

use super::pass::Hands;
use crate::alert::Overflow;
use crate::enrich::Method;
use crate::expr::{Cx, EvalError, ExprId, Program};
use crate::schema::{FieldId, Space};
use crate::text::Text;
use crate::value::{ListKind, MapKind, Value};

/// What a static writes.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// `value`.
    Constant(&'static str),
    /// `expression`.
    Expression(ExprId),
}

/// Where a static writes.
#[derive(Clone, Debug)]
pub enum Target {
    /// `parsed`, `meta` or `enriched`, also as `target: evt.Meta.x`.
    Field(FieldId),
    /// `method`: an enricher.
    Method(Method),
    /// `target: evt.StrTime`.
    StrTime,
    /// `target: evt.StrTimeFormat`.
    StrTimeFormat,
    /// `target: evt.MarshaledTime`.
    MarshaledTime,
    /// `target: evt.Line.Raw`.
    Raw,
    /// `target: evt.Line.Module`: which data source an event claims to come from.
    Module,
    /// `target: evt.Line.Src`.
    Source,
    /// `target: evt.Unmarshaled.x`: a text beside what was decoded.
    Unmarshaled(&'static str),
    /// `target: evt.Line.Labels.x`: for this event only, where CrowdSec changes the labels of the
    /// whole source.
    Label(&'static str),
    /// `target: evt.Overflow.Alert.<field>`.
    Alert(AlertField),
    /// A target that no event has: named in a warning at load, ignored afterwards.
    Nowhere,
}

/// String fields of an alert that a static may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertField {
    /// `Source.Scope`.
    Scope,
    /// `Source.Value`.
    Value,
    /// `Source.IP`.
    Ip,
    /// `Source.Range`.
    Range,
    /// `Source.Cn`.
    Cn,
    /// `Source.AsName`.
    AsName,
    /// `Source.AsNumber`.
    AsNumber,
    /// `Scenario`.
    Scenario,
    /// `Message`.
    Message,
}

/// Why a static wrote nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StaticError {
    /// The expression failed: the event goes on without what it would have written.
    #[error(transparent)]
    Failed(#[from] EvalError),
    /// The value is of a type that CrowdSec refuses: the event ends.
    #[error("a {0} is no text")]
    Refused(&'static str),
}

impl StaticError {
    /// What ends the event, if it does.
    pub fn refused(&self) -> Option<String> {
        matches!(self, Self::Refused(_)).then(|| self.to_string())
    }
}

/// A compiled static.
#[derive(Clone, Debug)]
pub struct Static {
    /// What.
    pub origin: Origin,
    /// Where.
    pub target: Target,
}

impl Target {
    /// The place that a `target:` names; a leading `evt.` may be missing.
    pub fn parse(path: &str, mut field: impl FnMut(Space, &str) -> Option<FieldId>) -> Self {
        let path = path.strip_prefix("evt.").unwrap_or(path);
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or_default();
        let second = parts.next();
        match (first, second) {
            ("StrTime", None) => Self::StrTime,
            ("StrTimeFormat", None) => Self::StrTimeFormat,
            ("MarshaledTime", None) => Self::MarshaledTime,
            ("Parsed", Some(name)) => field(Space::Parsed, name).map_or(Self::Nowhere, Self::Field),
            ("Meta", Some(name)) => field(Space::Meta, name).map_or(Self::Nowhere, Self::Field),
            ("Enriched", Some(name)) => {
                field(Space::Enriched, name).map_or(Self::Nowhere, Self::Field)
            }
            ("Unmarshaled", Some(name)) => Self::Unmarshaled(crate::text::intern(name)),
            ("Line", Some("Raw")) => Self::Raw,
            ("Line", Some("Src")) => Self::Source,
            ("Line", Some("Module")) => Self::Module,
            ("Line", Some("Labels")) => match parts.next() {
                Some(label) => Self::Label(crate::text::intern(label)),
                None => Self::Nowhere,
            },
            ("Overflow", Some("Alert")) => {
                let rest: Vec<_> = parts.collect();
                AlertField::parse(&rest).map_or(Self::Nowhere, Self::Alert)
            }
            _ => Self::Nowhere,
        }
    }
}

impl AlertField {
    fn parse(path: &[&str]) -> Option<Self> {
        Some(match path {
            ["Source", "Scope"] => Self::Scope,
            ["Source", "Value"] => Self::Value,
            ["Source", "IP"] => Self::Ip,
            ["Source", "Range"] => Self::Range,
            ["Source", "Cn"] => Self::Cn,
            ["Source", "AsName"] => Self::AsName,
            ["Source", "AsNumber"] => Self::AsNumber,
            ["Scenario"] => Self::Scenario,
            ["Message"] => Self::Message,
            _ => return None,
        })
    }

    /// Scope and value of the alert's source are those of `evt.Overflow.Sources` too, where the
    /// source keeps its old key: CrowdSec's structures share them, and nothing else.
    fn write(self, overflow: &mut Overflow, text: Arc<str>) {
        let alert = &mut overflow.alert;
        let shared = overflow.sources.values_mut().next();
        match (self, shared) {
            (Self::Scope, Some(source)) => source.scope = Arc::clone(&text),
            (Self::Value, Some(source)) => source.value = Arc::clone(&text),
            _ => {}
        }
        let source = &mut alert.source;
        let field = match self {
            Self::Scope => &mut source.scope,
            Self::Value => &mut source.value,
            Self::Ip => &mut source.ip,
            Self::Range => &mut source.range,
            Self::Cn => &mut source.cn,
            Self::AsName => &mut source.as_name,
            Self::AsNumber => &mut source.as_number,
            Self::Scenario => &mut alert.scenario,
            Self::Message => &mut alert.message,
        };
        *field = text;
    }
}

impl Static {
    /// Writes.
    ///
    /// # Errors
    /// The expression failed, or gave what CrowdSec refuses.
    pub fn run(
        &self,
        program: &Program,
        cx: &mut Cx<'_>,
        hands: &mut Hands,
    ) -> Result<(), StaticError> {
        let text = match self.origin {
            Origin::Constant(text) => Text::Static(text),
            Origin::Expression(id) => match program.text(id, cx) {
                Ok(Some(text)) => text,
                Ok(None) => match program.eval(id, cx) {
                    Ok(value) => render(&value)?,
                    Err(error) => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            },
        };
        let empty = cx.event.text(&text).is_empty();
        if empty && !matches!(self.target, Target::Method(method) if method.takes_empty()) {
            return Ok(());
        }
        self.write(text, cx, hands);
        Ok(())
    }

    fn write(&self, text: Text, cx: &mut Cx<'_>, hands: &mut Hands) {
        match &self.target {
            Target::Field(field) => return cx.event.set(*field, text),
            Target::Method(method) => {
                let value = cx.event.text(&text).to_owned();
                let memory = (&mut hands.dates, &mut hands.places);
                // CrowdSec logs what an enricher could not do and goes on.
                let _ = method.run(&value, cx.event, cx.lookups, memory);
                return;
            }
            Target::StrTime => cx.event.str_time = text,
            Target::StrTimeFormat => cx.event.str_time_format = text,
            Target::MarshaledTime => cx.event.marshaled_time = text,
            Target::Module => cx.event.line.module = text,
            Target::Source => cx.event.line.source = cx.event.text(&text).into(),
            Target::Unmarshaled(name) => {
                let value = Value::str(cx.event.text(&text));
                cx.event.unmarshaled.insert(Arc::from(*name), value);
            }
            Target::Raw => {
                let raw = cx.event.text(&text).to_owned();
                cx.event.replace_raw(&raw);
            }
            Target::Label(name) => {
                let value: Arc<str> = cx.event.text(&text).into();
                Arc::make_mut(&mut cx.event.line.labels).insert(Arc::from(*name), value);
            }
            Target::Alert(field) => {
                let value: Arc<str> = cx.event.text(&text).into();
                if let Some(overflow) = &mut cx.event.overflow {
                    field.write(Arc::make_mut(overflow), value);
                }
            }
            Target::Nowhere => return,
        }
        cx.event.touch();
    }
}

/// A value as a static writes it.
fn render(value: &Value) -> Result<Text, StaticError> {
    Ok(match value {
        Value::Str(text) => Text::Shared(Arc::clone(text)),
        Value::Int(number) => number.to_string().into(),
        Value::Float(number) => format!("{number:.6}").into(),
        Value::Nil => Text::EMPTY,
        Value::List(list) if list.kind == ListKind::Any => Text::EMPTY,
        Value::Map(map) if map.kind == MapKind::Any => Text::EMPTY,
        Value::Unmarshaled => Text::EMPTY,
        other => return Err(StaticError::Refused(other.type_name())),
    })
}
