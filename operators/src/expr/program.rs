//! All expressions of a rule set: compiled together, then shared and never changed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ast::{Kind, Loop, Node, Op};
use super::condition::{Builder, Test};
use super::constant::Folder;
use super::context::Cx;
use super::error::{CompileError, EvalError, TestError};
use super::past::Sieves;
use super::phrase::Phrase;
use super::reads::{self, Guard, Reads};
use super::sieve::{FieldText, Names, SieveId, Whose};
use super::subject::Subjects;
use super::types::Type;
use super::{blank, check, eval, parse, stack};
use crate::event;
use crate::schema::{FieldId, Schema};
use crate::text::{Text, intern};
use crate::value::Value;

/// What an expression may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Env {
    /// Parsers, scenario filters, groupby, distinct, scope, postoverflows: `evt`.
    Event,
    /// `condition` of buckets: `evt`, `queue`, `leaky`.
    Condition,
    /// `overflow_filter`: `queue`, `signal`, `leaky`.
    OverflowFilter,
    /// Alert context: `evt`, `match`, `req`.
    Context,
    /// Profiles: `Alert`.
    Profile,
    /// Assertions of tests about parsers: `results` by stage and node.
    ParserAssert,
    /// Assertions of tests about scenarios: `results`, a list of overflow events.
    ScenarioAssert,
}

/// What a place of the rules wants. An expression of unknown type passes everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expect {
    /// Any value.
    Any,
    /// A condition.
    Bool,
    /// A string.
    String,
}

/// An expression of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(u32);

#[derive(Debug)]
struct Expression {
    source: &'static str,
    tree: Node,
    code: Code,
    reads: Reads,
    guards: Vec<Guard>,
    wakes: Option<SieveId>,
}

/// The compiled form of an expression, by its type.
#[derive(Debug)]
enum Code {
    Test(Test),
    Text(Phrase),
    Plain,
}

/// Takes the expressions of a rule set one by one.
#[derive(Debug, Default)]
pub struct Compiler {
    schema: Schema,
    expressions: Vec<Expression>,
    known: BTreeMap<(&'static str, Env, Expect), ExprId>,
    subjects: Subjects,
    sieves: Sieves,
    folder: Option<Folder>,
}

impl Compiler {
    /// A compiler of no expressions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of fields so far, to add those that are written only.
    pub fn schema(&mut self) -> &mut Schema {
        &mut self.schema
    }

    /// Adds an expression; the same one twice is one.
    ///
    /// # Errors
    /// What does not parse, names what is not there, mixes types, or cannot give what is expected.
    pub fn compile(
        &mut self,
        source: &str,
        env: Env,
        expect: Expect,
    ) -> Result<ExprId, CompileError> {
        if let Some(id) = self.known.get(&(source, env, expect) as &(&str, Env, Expect)) {
            return Ok(*id);
        }
        stack::compiling(source, || self.add(source, env, expect))
    }

    fn add(&mut self, source: &str, env: Env, expect: Expect) -> Result<ExprId, CompileError> {
        let mut tree = parse::parse(source)?;
        check::check(&mut tree, env, &mut self.schema)?;
        expected(&tree, expect, source)?;
        let id = ExprId(u32::try_from(self.expressions.len()).unwrap_or(u32::MAX));
        let source = intern(source);
        let reads = reads::reads(&tree, &mut self.schema);
        let guards = reads::guards(&tree);
        let folder = self.folder.get_or_insert_with(Folder::new);
        let mut builder = Builder {
            subjects: &mut self.subjects,
            folder,
            sieves: &mut self.sieves,
            schema: &self.schema,
        };
        let code = match tree.ty {
            Type::Bool if always_bool(&tree) => Code::Test(builder.test(&tree)),
            Type::String if !reads.mutates => Code::Text(builder.phrase(&tree)),
            _ => Code::Plain,
        };
        let names = Names { whose: Whose::Event, schema: &self.schema };
        let wakes = match &tree.kind {
            Kind::Conditional(test, _, no) if no.text().is_some_and(|text| text.is_empty()) => {
                self.sieves.add(test, names)
            }
            _ => None,
        };
        self.expressions.push(Expression { source, tree, code, reads, guards, wakes });
        self.known.insert((source, env, expect), id);
        Ok(id)
    }

    /// Whether a condition may hold for some event of this kind, as far as that can be said at load.
    pub fn may_hold(&self, id: ExprId, kind: event::Kind) -> bool {
        let found = self.expressions.get(id.0 as usize);
        found.is_none_or(|expression| blank::may_hold(&expression.tree, kind))
    }

    /// Whether a condition may hold for an overflow of this scenario, as far as that can be said at
    /// load.
    pub fn may_hold_for(&self, id: ExprId, scenario: &str) -> bool {
        let found = self.expressions.get(id.0 as usize);
        found.is_none_or(|expression| blank::may_hold_for(&expression.tree, scenario))
    }

    /// The program of all expressions that were added.
    pub fn finish(mut self) -> Program {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        self.subjects.finish();
        Program {
            // Tells memos apart; nothing else depends on it.
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            schema: Arc::new(self.schema),
            expressions: self.expressions,
            subjects: self.subjects,
            sieves: self.sieves,
        }
    }
}

/// Whether a node gives true or false wherever it gives anything: `c ? true : nil` need not.
fn always_bool(node: &Node) -> bool {
    match &node.kind {
        Kind::Bool(_) | Kind::Not(_) | Kind::And(_) | Kind::Or(_) => true,
        Kind::Binary(op, ..) => *op != Op::Coalesce,
        Kind::Conditional(_, yes, no) => always_bool(yes) && always_bool(no),
        Kind::Let { body, .. } => always_bool(body),
        Kind::Predicate { name, .. } => {
            matches!(name, Loop::All | Loop::Any | Loop::None | Loop::One)
        }
        _ => false,
    }
}

fn expected(tree: &Node, expect: Expect, source: &str) -> Result<(), CompileError> {
    let wanted = match expect {
        Expect::Any => return Ok(()),
        Expect::Bool => Type::Bool,
        Expect::String => Type::String,
    };
    if tree.ty == wanted || tree.ty.is_any() {
        return Ok(());
    }
    let message = format!("expected {wanted}, but got {}", tree.ty);
    Err(CompileError::new(message, 0..source.len(), None))
}

/// The expressions of a rule set.
#[derive(Debug)]
pub struct Program {
    number: u64,
    schema: Arc<Schema>,
    expressions: Vec<Expression>,
    subjects: Subjects,
    sieves: Sieves,
}

impl Program {
    /// The fields that the rules name.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn get(&self, id: ExprId) -> Result<&Expression, EvalError> {
        let found = self.expressions.get(id.0 as usize);
        found.ok_or_else(|| EvalError { message: "no such expression".into(), span: 0..0 })
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// What the expression does wrong with the values that it meets.
    pub fn eval(&self, id: ExprId, cx: &mut Cx<'_>) -> Result<Value, EvalError> {
        let expression = self.get(id)?;
        cx.memo.serve(self.number, self.subjects.sizes());
        match &expression.code {
            Code::Test(test) => Ok(Value::Bool(test.run(&self.subjects, cx)?)),
            Code::Text(phrase) => {
                Ok(Value::Str(match phrase.run(&self.subjects, cx)? {
                    Some(Text::Shared(text)) => text,
                    Some(other) => cx.event.text(&other).into(),
                    // No string: a phrase changes nothing, so that it can be asked again.
                    None => return Ok(eval::run(&expression.tree, cx)?),
                }))
            }
            Code::Plain => Ok(eval::run(&expression.tree, cx)?),
        }
    }

    /// The value of an expression by the plain evaluator alone: the oracle of tests.
    ///
    /// # Errors
    /// As [`Program::eval`].
    pub fn eval_plainly(&self, id: ExprId, cx: &mut Cx<'_>) -> Result<Value, EvalError> {
        Ok(eval::run(&self.get(id)?.tree, cx)?)
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// As [`Program::eval`], or the type of a value that is no boolean.
    pub fn test(&self, id: ExprId, cx: &mut Cx<'_>) -> Result<bool, TestError> {
        let expression = self.get(id)?;
        cx.memo.serve(self.number, self.subjects.sizes());
        if let Code::Test(test) = &expression.code {
            return Ok(test.run(&self.subjects, cx)?);
        }
        match self.eval(id, cx)? {
            Value::Bool(x) => Ok(x),
            other => Err(TestError::NotBool(other.type_name().into())),
        }
    }

    /// Whether a condition holds of which some is known to hold already.
    ///
    /// # Errors
    /// As [`Program::test`].
    pub fn test_rest(&self, id: ExprId, known: Known, cx: &mut Cx<'_>) -> Result<bool, TestError> {
        if known == Known::NOTHING {
            return self.test(id, cx);
        }
        let Code::Test(test) = &self.get(id)?.code else { return self.test(id, cx) };
        cx.memo.serve(self.number, self.subjects.sizes());
        Ok(test.run_rest(known, &self.subjects, cx)?)
    }

    /// The text of an expression that gives a string. `None` says that it gives something else or
    /// that its type is not known at load, and that nothing was changed: use [`Program::eval`].
    /// A [`Text::Slice`] belongs to the event of `cx`.
    ///
    /// # Errors
    /// As [`Program::eval`].
    pub fn text(&self, id: ExprId, cx: &mut Cx<'_>) -> Result<Option<Text>, EvalError> {
        let Code::Text(phrase) = &self.get(id)?.code else { return Ok(None) };
        cx.memo.serve(self.number, self.subjects.sizes());
        Ok(phrase.run(&self.subjects, cx)?)
    }

    /// The same as a text of its own, made once for all who ask while the event stays as it is.
    ///
    /// # Errors
    /// As [`Program::eval`].
    pub fn shared_text(&self, id: ExprId, cx: &mut Cx<'_>) -> Result<Option<Arc<str>>, EvalError> {
        let Code::Text(phrase) = &self.get(id)?.code else { return Ok(None) };
        cx.memo.serve(self.number, self.subjects.sizes());
        let version = cx.event.version();
        if let Some(known) = cx.memo.shared(id, version) {
            return Ok(Some(known));
        }
        let Some(text) = phrase.run(&self.subjects, cx)? else { return Ok(None) };
        let text = match text {
            Text::Shared(text) => text,
            other => Arc::from(cx.event.text(&other)),
        };
        if !self.reads(id).dynamic {
            cx.memo.set_shared(id, version, Arc::clone(&text));
        }
        Ok(Some(text))
    }

    /// The field that an expression is, where it is nothing but that.
    pub fn field(&self, id: ExprId) -> Option<FieldId> {
        match self.expressions.get(id.0 as usize)?.code {
            Code::Text(Phrase::Field(id)) => Some(id),
            _ => None,
        }
    }

    /// The expression as written.
    pub fn source(&self, id: ExprId) -> &str {
        self.get(id).map_or("", |expression| expression.source)
    }

    /// What an expression reads and does.
    pub fn reads(&self, id: ExprId) -> &Reads {
        static NOTHING: std::sync::LazyLock<Reads> = std::sync::LazyLock::new(Reads::default);
        self.get(id).map_or(&NOTHING, |expression| &expression.reads)
    }

    /// What a condition asks of each event of a bucket, each once: who gives it a [`super::Past`]
    /// knows the answers.
    pub fn sieves(&self, id: ExprId) -> Vec<SieveId> {
        let mut found = Vec::new();
        if let Ok(Expression { code: Code::Test(test), .. }) = self.get(id) {
            test.sieves(&mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a sieve lets an event through, whose texts `text` gives.
    pub fn lets(&self, sieve: SieveId, text: FieldText<'_, '_>) -> bool {
        self.sieves.get(sieve).is_some_and(|sieve| sieve.lets(text))
    }

    /// What an event must pass for the expression to give anything but "", where that is known.
    pub fn wakes(&self, id: ExprId) -> Option<SieveId> {
        self.get(id).ok()?.wakes
    }

    /// Conditions that must hold for the expression to be true, in order of evaluation.
    pub fn guards(&self, id: ExprId) -> &[Guard] {
        self.get(id).map_or(&[], |expression| &expression.guards)
    }

    /// Evaluates a condition and says what made it false.
    pub fn trace(&self, id: ExprId, cx: &mut Cx<'_>) -> Trace {
        let Ok(expression) = self.get(id) else {
            return Trace { result: Ok(Value::Nil), failed: None };
        };
        if stack::is_deep(expression.tree.depth) {
            return stack::roomy(|| expression.trace(cx));
        }
        expression.trace(cx)
    }
}

impl Expression {
    fn trace(&self, cx: &mut Cx<'_>) -> Trace {
        let expression = self;
        let conjuncts = match &expression.tree.kind {
            Kind::And(all) => all.as_slice(),
            _ => std::slice::from_ref(&expression.tree),
        };
        let mut result = Ok(Value::Bool(true));
        for node in conjuncts {
            result = eval::run(node, cx).map_err(EvalError::from);
            if !matches!(result, Ok(Value::Bool(true))) {
                let failed = Some(step(expression.source, node, cx));
                return Trace { result, failed };
            }
        }
        Trace { result, failed: None }
    }
}

/// Operands of the outermost `&&` of a condition that are known to hold: what an index has found
/// out need not be asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known(u64);

impl Known {
    /// All of it is to be asked.
    pub const NOTHING: Self = Self(0);

    /// Adds what a guard says.
    pub fn add(&mut self, guard: &Guard) {
        let operand = guard.operand.and_then(|operand| u32::try_from(operand).ok());
        self.0 |= operand.and_then(|operand| 1_u64.checked_shl(operand)).unwrap_or(0);
    }

    #[inline]
    pub(super) fn has(self, operand: usize) -> bool {
        operand < 64 && self.0 & (1 << operand) != 0
    }
}

/// How an evaluation went.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What the expression gave.
    pub result: Result<Value, EvalError>,
    /// The first conjunct that was not true, where there is one.
    pub failed: Option<Step>,
}

/// A conjunct and the values that it met.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands. Unit: bytes of the source.
    pub span: Range<usize>,
    /// Its operands that are not literals, as written, with their values.
    pub operands: Vec<(String, Value)>,
}

/// How many operands a trace shows.
const MAX_OPERANDS: usize = 16;

fn step(source: &str, node: &Node, cx: &mut Cx<'_>) -> Step {
    let mut leaves = Vec::new();
    operands(node, &mut leaves);
    let mut seen: Vec<(String, Value)> = Vec::new();
    for leaf in leaves {
        let text = source.get(whole(source, leaf)).unwrap_or("").trim().to_owned();
        if seen.len() < MAX_OPERANDS
            && !seen.iter().any(|(known, _)| *known == text)
            && let Ok(value) = eval::run(leaf, cx)
        {
            seen.push((text, eval::owned(&value, cx)));
        }
    }
    Step { span: whole(source, node), operands: seen }
}

/// The parts of a condition that have values worth showing and can be evaluated again.
fn operands<'a>(node: &'a Node, found: &mut Vec<&'a Node>) {
    match &node.kind {
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) | Kind::Nil => {}
        Kind::Field(_) | Kind::Label(_) | Kind::Part(_) | Kind::Member { .. } => found.push(node),
        Kind::Call { .. } | Kind::Method { .. } if reads::calm(node) => found.push(node),
        Kind::Predicate { arguments, .. } => found.extend(arguments.first()),
        Kind::Let { value, .. } => operands(value, found),
        _ => node.visit(&mut |child| operands(child, found)),
    }
}

/// [`extent`] with what belongs to it and to no node: the roots of paths, and closing brackets.
fn whole(source: &str, node: &Node) -> Range<usize> {
    let Range { start, end } = extent(node);
    let path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '?');
    let head = source.get(..start).unwrap_or("").trim_end_matches(path);
    let head = if source.get(start..).is_some_and(|rest| rest.starts_with(path)) {
        head.len()
    } else {
        start
    };
    let mut open = 0_usize;
    let mut quote = None;
    for c in source.get(start..end).unwrap_or("").chars() {
        match (quote, c) {
            (Some(mark), c) if mark == c => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(' | '[' | '{') => open += 1,
            (None, ')' | ']' | '}') => open = open.saturating_sub(1),
            _ => {}
        }
    }
    let rest = source.get(end..).unwrap_or("").char_indices();
    let mut rest =
        rest.take_while(|(_, c)| c.is_whitespace() || matches!(c, ',' | ')' | ']' | '}'));
    let mut tail = end;
    while open > 0
        && let Some((at, c)) = rest.next()
    {
        if matches!(c, ')' | ']' | '}') {
            open -= 1;
            tail = end + at + c.len_utf8();
        }
    }
    head..tail
}

/// From the first to the last byte of a node and all below it.
fn extent(node: &Node) -> Range<usize> {
    let mut all = node.span.clone();
    node.visit(&mut |child| {
        let inner = extent(child);
        all.start = all.start.min(inner.start);
        all.end = all.end.max(inner.end);
    });
    all
}
