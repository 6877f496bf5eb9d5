//! One parser node and what it does to an event, in CrowdSec's exact order of work
//! (crowdsec pkg/parser/node.go).

use std::fmt;

use super::hit::Hit;
use super::pass::Pass;
use super::statics::Static;
use super::watch::{Step, Watch};
use super::whitelist::Whitelist;
use crate::expr::{Cx, EvalError, ExprId, Known, Program};
use crate::fault::Part;
use crate::grok::{Captures, Grok};
use crate::schema::{FieldId, Space};
use crate::text::Text;
use crate::value::Value;

/// What a grok reads.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// `apply_on: Line.Raw`.
    Line,
    /// `apply_on: name`: a key of `evt.Parsed`.
    Parsed(FieldId),
    /// `expression`.
    Expression(ExprId),
}

/// The grok of a node.
#[derive(Debug)]
pub struct GrokStep {
    /// What it reads.
    pub input: Input,
    /// The compiled pattern.
    pub grok: Grok,
    /// Where each of the pattern's names is written, in its order.
    pub fields: Vec<FieldId>,
    /// Run when it matched.
    pub statics: Vec<Static>,
}

/// A `stash` entry: keeps a value for later lines.
#[derive(Debug)]
pub struct StashStep {
    /// Name of the cache.
    pub cache: &'static str,
    /// The key.
    pub key: ExprId,
    /// The value.
    pub value: ExprId,
    /// How long it is kept. Unit: nanoseconds of event time.
    pub ttl: i64,
}

/// A compiled parser node.
#[derive(Debug)]
pub struct Node {
    /// Name; children without one are `child-<parent>`.
    pub name: &'static str,
    /// Number among the top-level nodes of its parser; children carry their ancestor's.
    pub number: usize,
    /// Number among all nodes of its parser, children too; names are in [`super::stage::Parser::all`].
    pub place: usize,
    /// Runs only where this is true.
    pub filter: Option<ExprId>,
    /// What of the filter holds wherever the index of the stage finds the node.
    pub known: Known,
    /// Marks events that are to be dropped.
    pub whitelist: Option<Whitelist>,
    /// Takes the line apart.
    pub grok: Option<GrokStep>,
    /// What is kept for later lines.
    pub stash: Vec<StashStep>,
    /// Nodes below this one.
    pub children: Vec<Node>,
    /// Run when the node succeeded.
    pub statics: Vec<Static>,
    /// Whether success ends the stage (`onsuccess: next_stage`).
    pub next_stage: bool,
}

/// Why an event is not parsed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abort {
    /// A static gave a value that no field can hold; names the type.
    Static {
        /// Name of the node.
        node: &'static str,
        /// What was wrong.
        message: String,
    },
    /// The stash is needed, which is only there in the order of the source partition.
    WantsStash,
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static { node, message } => write!(f, "static of {node}: {message}"),
            Self::WantsStash => f.write_str("the stash is needed"),
        }
    }
}

impl Node {
    /// Runs the node on the event of `cx`; whether it succeeded.
    ///
    /// # Errors
    /// When the event cannot be parsed further.
    pub fn process<W: Watch>(
        &self,
        pass: &mut Pass<'_, W>,
        cx: &mut Cx<'_>,
    ) -> Result<bool, Abort> {
        pass.watch.step(cx, Step::Enter(self));
        let result = self.run(pass, cx);
        pass.watch.step(cx, Step::Leave(self, result.as_ref().is_ok_and(|success| *success)));
        result
    }

    fn run<W: Watch>(&self, pass: &mut Pass<'_, W>, cx: &mut Cx<'_>) -> Result<bool, Abort> {
        let program = pass.program;
        if let Some(filter) = self.filter {
            let known = if W::ALL { Known::NOTHING } else { self.known };
            let passed = self.passes((filter, known), pass, cx)?;
            pass.watch.step(cx, Step::Filter(filter, passed));
            if !passed {
                return Ok(false);
            }
        }
        pass.watch.hit(self, Hit::Entered);
        let whitelisted = match &self.whitelist {
            Some(whitelist) => {
                let mut look = || pass.watch.hit(self, Hit::Looked);
                let matched = whitelist.check(program, cx, &mut look);
                stash_was_there(cx)?;
                let matched = matched.unwrap_or_else(|error| {
                    pass.watch.fault(self, Part::Whitelist, &error);
                    false
                });
                if matched {
                    pass.watch.hit(self, Hit::Whitelisted);
                }
                pass.watch.step(cx, Step::Whitelist(matched));
                matched
            }
            None => false,
        };
        let grok_matched = match &self.grok {
            Some(step) => Some(self.grok(step, pass, cx)?),
            None => None,
        };
        if grok_matched != Some(false) {
            for step in &self.stash {
                if let Some(error) = step.keep(program, cx)? {
                    pass.watch.fault(self, Part::Stash, &error);
                }
            }
        }
        let mut success = grok_matched != Some(false);
        for child in &self.children {
            if child.process(pass, cx)? {
                success = true;
                if self.next_stage {
                    break;
                }
            } else if grok_matched != Some(true) {
                success = false;
            }
        }
        pass.watch.hit(self, if success { Hit::Succeeded } else { Hit::Failed });
        if !success {
            return Ok(false);
        }
        if self.whitelist.is_none() || whitelisted {
            self.statics(&self.statics, pass, cx)?;
        }
        if self.next_stage {
            let here = pass.stages.iter().position(|stage| *stage == cx.event.stage);
            if let Some(next) = here.and_then(|here| pass.stages.get(here + 1)) {
                cx.event.stage = next;
            }
        }
        Ok(true)
    }

    /// Whether the filter lets the event in. Of one that fails CrowdSec warns, and takes the node
    /// as not meant for this line.
    fn passes<W: Watch>(
        &self,
        (filter, known): (ExprId, Known),
        pass: &mut Pass<'_, W>,
        cx: &mut Cx<'_>,
    ) -> Result<bool, Abort> {
        let result = pass.program.test_rest(filter, known, cx);
        stash_was_there(cx)?;
        Ok(result.unwrap_or_else(|error| {
            pass.watch.fault(self, Part::Filter, &error);
            false
        }))
    }

    fn statics<W: Watch>(
        &self,
        statics: &[Static],
        pass: &mut Pass<'_, W>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Abort> {
        for step in statics {
            let result = step.run(pass.program, cx, pass.hands);
            stash_was_there(cx)?;
            let refused = match result {
                Ok(()) => None,
                Err(error) => {
                    pass.watch.fault(self, Part::Static, &error);
                    error.refused()
                }
            };
            pass.watch.step(cx, Step::Static(step, refused.as_ref()));
            if let Some(message) = refused {
                return Err(Abort::Static { node: self.name, message });
            }
        }
        Ok(())
    }

    fn grok<W: Watch>(
        &self,
        step: &GrokStep,
        pass: &mut Pass<'_, W>,
        cx: &mut Cx<'_>,
    ) -> Result<bool, Abort> {
        let matched = step.capture(pass.program, cx, &mut pass.hands.captures);
        stash_was_there(cx)?;
        let matched = matched.unwrap_or_else(|error| {
            pass.watch.fault(self, Part::Grok, &error);
            false
        });
        pass.watch.step(cx, Step::Grok(step, matched));
        if matched {
            self.statics(&step.statics, pass, cx)?;
        }
        Ok(matched)
    }
}

/// The text that a grok reads, as a text of the event.
fn input_text(input: Input, program: &Program, cx: &mut Cx<'_>) -> Result<Option<Text>, EvalError> {
    Ok(match input {
        Input::Line => {
            let end = u32::try_from(cx.event.line.raw.as_str().len()).ok();
            end.map(|end| Text::Slice { start: 0, end })
        }
        Input::Parsed(field) => cx.event.get_text(field).cloned(),
        Input::Expression(id) => Some(match program.eval(id, cx)? {
            Value::Str(text) => Text::Shared(text),
            Value::Int(number) => number.to_string().into(),
            Value::Float(number) => format!("{number:.6}").into(),
            _ => Text::EMPTY,
        }),
    })
}

impl GrokStep {
    /// Matches and writes what was captured; whether it matched.
    fn capture(
        &self,
        program: &Program,
        cx: &mut Cx<'_>,
        captures: &mut Captures,
    ) -> Result<bool, EvalError> {
        let Some(input) = input_text(self.input, program, cx)? else { return Ok(false) };
        let matched = self.grok.matches(cx.event.text(&input), captures);
        if matched {
            for (field, span) in self.fields.iter().zip(captures.spans()) {
                let text = match span {
                    Some((start, end)) => sub_text(&input, *start, *end),
                    None => Text::EMPTY,
                };
                cx.event.set(*field, text);
            }
        }
        Ok(matched)
    }

    /// The text that this grok reads in an event, `None` where there is none.
    pub fn input(&self, program: &Program, cx: &mut Cx<'_>) -> Option<String> {
        let text = input_text(self.input, program, cx).ok()??;
        Some(cx.event.text(&text).to_owned())
    }
}

/// A part of a text: still a slice of the line where the whole is one.
fn sub_text(text: &Text, from: u32, to: u32) -> Text {
    match text {
        Text::Slice { start, .. } => Text::Slice { start: start + from, end: start + to },
        Text::Static(whole) => Text::Static(whole.get(from as usize..to as usize).unwrap_or("")),
        Text::Shared(whole) => whole.get(from as usize..to as usize).unwrap_or("").into(),
    }
}

impl StashStep {
    /// Keeps the value; what failed, if something did. Anything but two strings is skipped, with a
    /// warning in CrowdSec.
    fn keep(&self, program: &Program, cx: &mut Cx<'_>) -> Result<Option<EvalError>, Abort> {
        let key = program.eval(self.key, cx);
        let value = program.eval(self.value, cx);
        let Some(stash) = cx.stash.as_deref_mut() else { return Err(Abort::WantsStash) };
        match (key, value) {
            (Ok(Value::Str(key)), Ok(Value::Str(value))) => {
                stash.set(self.cache, &key, &value, self.ttl);
                Ok(None)
            }
            (Err(error), _) | (_, Err(error)) => Ok(Some(error)),
            _ => Ok(None),
        }
    }
}

fn stash_was_there(cx: &Cx<'_>) -> Result<(), Abort> {
    if cx.wants_stash { Err(Abort::WantsStash) } else { Ok(()) }
}

/// The address that a whitelist compares: `Meta.source_ip` of lines, source keys of overflows.
pub(super) fn source_addresses(cx: &Cx<'_>) -> Vec<std::net::IpAddr> {
    match &cx.event.overflow {
        Some(overflow) if cx.event.kind == crate::event::Kind::Overflow => {
            overflow.sources.keys().filter_map(|key| key.parse().ok()).collect()
        }
        _ => {
            let source = cx.event.get_named(Space::Meta, "source_ip");
            source.and_then(|ip| ip.parse().ok()).into_iter().collect()
        }
    }
}
