//! From parser nodes as written to nodes as meant: groks and expressions compiled, in CrowdSec's
//! order (pattern_syntax, grok, stash, children, statics, whitelist), because names of patterns are
//! shared by all that is loaded later.

use std::sync::Arc;

use super::hit::Named;
use super::index::NodeIndex;
use super::node::{GrokStep, Input, Node, StashStep};
use super::spec::{
    Content, Destination, Eviction, GrokInput, GrokPattern, GrokSpec, NodeSpec, OnSuccess,
    StashSpec, StaticSpec, WhitelistSpec,
};
use super::stage::{Parser, Stage};
use super::stash::{CacheSpec, Strategy};
use super::statics::{Origin, Static, Target};
use super::whitelist::Whitelist;
use crate::enrich::Method;
use crate::expr::{Compiler, Env, Expect, ExprId, Known, Program};
use crate::grok::{Added, Grok, GrokError, Library};
use crate::guards::needs;
use crate::schema::{FieldId, Space};
use crate::text::intern;
use crate::yaml::{Located, Reading};

/// Compiles the nodes of one context (parsers or postoverflows), stage by stage.
#[derive(Debug)]
pub struct ParserCompiler<'c> {
    compiler: &'c mut Compiler,
    library: Library,
    stages: Vec<(&'static str, Vec<Node>)>,
    names: Vec<&'static str>,
    all: Vec<Named>,
    caches: Vec<CacheSpec>,
}

impl<'c> ParserCompiler<'c> {
    /// A compiler that knows these patterns.
    pub fn new(compiler: &'c mut Compiler, library: Library) -> Self {
        let (stages, names, all, caches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { compiler, library, stages, names, all, caches }
    }

    /// Adds a top-level node. Stages come in order, nodes in the order of their files. What is
    /// wrong is noted in `reading`, whose source is the node's file; then the node is left out.
    pub fn add(&mut self, stage: &str, spec: &NodeSpec, reading: &mut Reading<'_>) {
        let before = reading.errors.len();
        let mut compile = NodeCompiler {
            compiler: &mut *self.compiler,
            library: &mut self.library,
            caches: &mut self.caches,
            stage: intern(stage),
            all: &mut self.all,
            number: self.names.len(),
            reading,
        };
        let node = compile.node(spec, None);
        let Some(node) = node.filter(|_| reading.errors.len() == before) else { return };
        self.names.push(node.name);
        let stage = intern(stage);
        match self.stages.last_mut().filter(|(name, _)| *name == stage) {
            Some((_, nodes)) => nodes.push(node),
            None => self.stages.push((stage, vec![node])),
        }
    }

    /// All nodes, and the caches that they keep. Their index is made by [`Compiled::finish`].
    pub fn finish(self) -> Compiled {
        let Self { stages, names, all, caches, .. } = self;
        Compiled { stages, names, all, caches }
    }
}

/// Compiled nodes that wait for the program of their expressions.
#[derive(Debug)]
pub struct Compiled {
    stages: Vec<(&'static str, Vec<Node>)>,
    names: Vec<&'static str>,
    all: Vec<Named>,
    /// Caches of `stash`.
    pub caches: Vec<CacheSpec>,
}

impl Compiled {
    /// The parser, given the program that the compiler gave.
    pub fn finish(self, program: &Program) -> Parser {
        let stage = |(name, mut nodes): (&'static str, Vec<Node>)| {
            let guards = |node: &Node| node.filter.map_or(&[][..], |filter| program.guards(filter));
            let all: Vec<_> = nodes.iter().map(|node| needs(guards(node))).collect();
            let index = NodeIndex::new(&all);
            for node in &mut nodes {
                node.known = index.known(guards(node));
            }
            Stage { name, nodes, index }
        };
        let names = self.stages.iter().map(|(name, _)| *name).collect();
        let stages = self.stages.into_iter().map(stage).collect();
        Parser { stages, names, nodes: self.names, all: self.all }
    }
}

struct NodeCompiler<'a, 'r> {
    compiler: &'a mut Compiler,
    library: &'a mut Library,
    caches: &'a mut Vec<CacheSpec>,
    stage: &'static str,
    all: &'a mut Vec<Named>,
    number: usize,
    reading: &'a mut Reading<'r>,
}

impl NodeCompiler<'_, '_> {
    fn node(&mut self, spec: &NodeSpec, parent: Option<&str>) -> Option<Node> {
        let name = match (spec.name.value.as_str(), parent) {
            ("", Some(parent)) => intern(&format!("child-{parent}")),
            (name, _) => intern(name),
        };
        let (place, stage) = (self.all.len(), self.stage);
        self.all.push(Named { stage, name, reason: None, top: parent.is_none() });
        let filter = spec.filter.as_ref();
        let filter = filter.map(|filter| self.expression(filter, Expect::Bool));
        for (name, body) in &spec.pattern_syntax {
            match self.library.add(&name.value, &body.value) {
                Ok(Added::New) => {}
                // Many files repeat the same pattern; only another meaning is worth a word.
                Ok(Added::Ignored) if self.has_body(&name.value, &body.value) => {}
                Ok(Added::Ignored) => self.reading.warn(
                    name.at,
                    format!("pattern `{}` is defined already: this one is ignored", name.value),
                ),
                Err(error) => self.refuse_pattern(body, &error),
            }
        }
        let grok = spec.grok.as_ref().map(|grok| self.grok(grok));
        let stash: Vec<_> = spec.stash.iter().map(|stash| self.stash(stash)).collect();
        let children: Vec<_> =
            spec.nodes.iter().map(|child| self.node(child, Some(name))).collect();
        let statics = self.statics(&spec.statics);
        let whitelist = self.whitelist(&spec.whitelist);
        if let (Some(Some(whitelist)), Some(named)) = (&whitelist, self.all.get_mut(place)) {
            named.reason = Some(whitelist.reason);
        }
        Some(Node {
            name,
            number: self.number,
            place,
            filter: transpose(filter)?,
            known: Known::NOTHING,
            whitelist: transpose(whitelist)?,
            grok: transpose(grok)?,
            stash: stash.into_iter().collect::<Option<_>>()?,
            children: children.into_iter().collect::<Option<_>>()?,
            statics: statics?,
            next_stage: spec.on_success == OnSuccess::NextStage,
        })
    }

    fn has_body(&self, name: &str, body: &str) -> bool {
        self.library.definition(name).is_some_and(|(_, known)| known == body)
    }

    fn grok(&mut self, spec: &GrokSpec) -> Option<GrokStep> {
        let input = match &spec.input {
            GrokInput::ApplyOn(name) if name.value == "Line.Raw" => Some(Input::Line),
            GrokInput::ApplyOn(name) => self.field(Space::Parsed, name).map(Input::Parsed),
            GrokInput::Expression(text) => {
                self.expression(text, Expect::Any).map(Input::Expression)
            }
        };
        let (text, grok) = match &spec.pattern {
            GrokPattern::Name(name) => (name, Grok::named(self.library, &name.value)),
            GrokPattern::Pattern(text) => (text, Grok::compile(self.library, &text.value)),
        };
        let grok = grok.map_err(|error| self.refuse_pattern(text, &error)).ok();
        let statics = self.statics(&spec.statics);
        let grok = grok?;
        let names: Vec<Arc<str>> = grok.names().to_vec();
        let fields: Option<Vec<_>> = names
            .iter()
            .map(|name| {
                self.field(Space::Parsed, &Located { value: name.to_string(), at: text.at })
            })
            .collect();
        Some(GrokStep { input: input?, grok, fields: fields?, statics: statics? })
    }

    fn statics(&mut self, specs: &[StaticSpec]) -> Option<Vec<Static>> {
        let all: Vec<_> = specs.iter().map(|spec| self.one_static(spec)).collect();
        all.into_iter().collect()
    }

    fn one_static(&mut self, spec: &StaticSpec) -> Option<Static> {
        let origin = match &spec.content {
            Content::Value(text) => Some(Origin::Constant(intern(&text.value))),
            Content::Expression(text) => self.expression(text, Expect::Any).map(Origin::Expression),
        };
        let at = spec.destination.at;
        let field = |name: &String| Located { value: name.clone(), at };
        let target = match &spec.destination.value {
            Destination::Method(name) => match Method::named(name) {
                Some(method) => Some(Target::Method(method)),
                None => {
                    self.reading.warn(at, format!("there is no method `{name}`: ignored"));
                    Some(Target::Nowhere)
                }
            },
            Destination::Parsed(name) => self.target(Space::Parsed, &field(name)),
            Destination::Meta(name) => self.target(Space::Meta, &field(name)),
            Destination::Enriched(name) => self.target(Space::Enriched, &field(name)),
            Destination::Target(path) => self.path(&field(path)),
        };
        Some(Static { origin: origin?, target: target? })
    }

    fn path(&mut self, path: &Located<String>) -> Option<Target> {
        let mut full = false;
        let target = Target::parse(&path.value, |space, name| {
            self.compiler.schema().add(space, name).inspect_err(|_| full = true).ok()
        });
        if full {
            self.reading.refuse(path.at, crate::schema::TooManyFields.to_string());
        }
        if matches!(target, Target::Nowhere) {
            let message = format!("no event has a text at `{}`: ignored", path.value);
            self.reading.warn(path.at, message);
        }
        Some(target)
    }

    fn target(&mut self, space: Space, name: &Located<String>) -> Option<Target> {
        self.field(space, name).map(Target::Field)
    }

    fn field(&mut self, space: Space, name: &Located<String>) -> Option<FieldId> {
        let added = self.compiler.schema().add(space, &name.value);
        added.map_err(|full| self.reading.refuse(name.at, full.to_string())).ok()
    }

    fn stash(&mut self, spec: &StashSpec) -> Option<StashStep> {
        let key = self.expression(&spec.key, Expect::Any);
        let value = self.expression(&spec.value, Expect::Any);
        let cache = intern(&spec.name.value);
        let strategy = match spec.strategy {
            Eviction::Lru => Strategy::Lru,
            Eviction::Arc => Strategy::Arc,
            Eviction::Lfu => Strategy::Lfu,
        };
        let size = usize::try_from(spec.size).unwrap_or(usize::MAX);
        self.caches.push(CacheSpec { name: cache, size, strategy });
        Some(StashStep { cache, key: key?, value: value?, ttl: spec.ttl.value.0 })
    }

    fn whitelist(&mut self, spec: &WhitelistSpec) -> Option<Option<Whitelist>> {
        if spec.is_empty() {
            return None;
        }
        let expressions: Vec<_> =
            spec.expressions.iter().map(|text| self.expression(text, Expect::Any)).collect();
        let expressions: Option<Vec<_>> = expressions.into_iter().collect();
        Some(expressions.map(|expressions| Whitelist {
            reason: intern(&spec.reason),
            ips: spec.ips.iter().map(|ip| ip.value).collect(),
            networks: spec.cidrs.iter().map(|net| net.value).collect(),
            expressions,
        }))
    }

    fn expression(&mut self, text: &Located<String>, expect: Expect) -> Option<ExprId> {
        let compiled = self.compiler.compile(&text.value, Env::Event, expect);
        compiled.map_err(|error| error.note(text, self.reading)).ok()
    }

    fn refuse_pattern(&mut self, text: &Located<String>, error: &GrokError) {
        let span = text.value.get(error.span.clone()).unwrap_or("");
        let source = self.reading.source;
        let noted = source.error_within(text, error.span.start, error.message.clone());
        let noted = noted.spanning(span.chars().count()).with_suggestion(error.help.clone());
        self.reading.errors.push(noted);
    }
}

/// Absent is fine, broken is not.
fn transpose<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(Some(part)) => Some(Some(part)),
        Some(None) => None,
    }
}
