//! Types and names: the second stage. Unknown fields, wrong arguments and operands that cannot be
//! compared are errors at load, after expr-lang's `checker/checker.go`.

use std::ops::Range;
use std::sync::Arc;

use super::ast::{Kind, Loop, Node, Op, Part, Pointer};
use super::functions::{self, Function};
use super::operand::{arithmetic, member_test};
use super::structures::{self, Structure};
use super::types::Type;
use super::{CompileError, Env};
use crate::schema::{Schema, Space};
use crate::yaml::nearest;

/// Resolves the names of a tree and gives every node its type.
pub(super) fn check(node: &mut Node, env: Env, schema: &mut Schema) -> Result<(), CompileError> {
    let (variables, scopes, unknown) = (Vec::new(), Vec::new(), Vec::new());
    let mut checker = Checker { env, schema, variables, scopes, unknown };
    let found = checker.visit(node);
    let mut unknown = checker.unknown;
    unknown.sort_by_key(|error| error.span.start);
    let mut unknown = unknown.into_iter();
    match unknown.next() {
        // What else is wrong may follow from these.
        Some(first) => Err(CompileError { more: unknown.collect(), ..first }),
        None => found.map(|_| ()),
    }
}

/// The roots of an environment with their types.
pub(super) fn roots(env: Env) -> &'static [(&'static str, Type)] {
    const EVENT: (&str, Type) = ("evt", Type::Struct("Event"));
    const QUEUE: (&str, Type) = ("queue", Type::Struct("Queue"));
    const LEAKY: (&str, Type) = ("leaky", Type::Struct("Leaky"));
    const SIGNAL: (&str, Type) = ("signal", Type::Struct("RuntimeAlert"));
    match env {
        Env::Event => &[EVENT],
        Env::Condition => &[EVENT, QUEUE, LEAKY],
        Env::OverflowFilter => &[QUEUE, SIGNAL, LEAKY],
        Env::Context => {
            &[EVENT, ("match", Type::Map(&Type::Any)), ("req", Type::Struct("Request"))]
        }
        Env::Profile => &[("Alert", Type::Struct("Alert"))],
        Env::ParserAssert => {
            &[("results", Type::Map(&Type::Map(&Type::List(&Type::Struct("ParserResult")))))]
        }
        Env::ScenarioAssert => &[("results", Type::List(&Type::Struct("Event")))],
    }
}

struct Checker<'a> {
    env: Env,
    schema: &'a mut Schema,
    variables: Vec<(Arc<str>, Type)>,
    /// The collections and builtins of the predicates around.
    scopes: Vec<(Type, Loop)>,
    /// Names that nothing has: what they stand for may have any type, and the rest is looked at.
    unknown: Vec<CompileError>,
}

pub(super) type Checked = Result<Type, CompileError>;

pub(super) fn fail<T>(message: String, span: &Range<usize>) -> Result<T, CompileError> {
    Err(CompileError::new(message, span.clone(), None))
}

impl Checker<'_> {
    fn visit(&mut self, node: &mut Node) -> Checked {
        let ty = self.type_of(node)?;
        node.ty = ty;
        Ok(ty)
    }

    fn type_of(&mut self, node: &mut Node) -> Checked {
        let span = node.span.clone();
        match &mut node.kind {
            Kind::Nil => Ok(Type::Nil),
            Kind::Bool(_) => Ok(Type::Bool),
            Kind::Int(_) => Ok(Type::Int),
            Kind::Float(_) => Ok(Type::Float),
            Kind::Text(_) | Kind::Field(_) | Kind::Label(_) | Kind::Part(_) => Ok(Type::String),
            Kind::Bytes(_) => Ok(Type::List(&Type::Int)),
            Kind::Space(_) | Kind::Labels => Ok(Type::Map(&Type::String)),
            Kind::Unmarshaled => Ok(Type::Map(&Type::Any)),
            Kind::Event => Ok(Type::Struct("Event")),
            Kind::Variable(_) | Kind::Root(_) | Kind::Environment => Ok(node.ty),
            Kind::Name(_) => self.name(node),
            Kind::Pointer(pointer) => self.pointer(*pointer, &span),
            Kind::Negate(x) | Kind::Plus(x) => match self.visit(x)? {
                ty if ty.is_number() || ty.is_any() => Ok(ty),
                ty => fail(format!("invalid operation: - (mismatched type {ty})"), &span),
            },
            Kind::Not(x) => match self.visit(x)? {
                Type::Bool | Type::Any => Ok(Type::Bool),
                ty => fail(format!("invalid operation: not (mismatched type {ty})"), &span),
            },
            Kind::And(all) | Kind::Or(all) => self.conditions(all),
            Kind::Binary(op, a, b) => self.binary(*op, a, b, &span),
            Kind::Chain(x) => self.visit(x),
            Kind::Member { .. } => self.member(node),
            Kind::Slice { base, from, to } => self.slice([Some(base), from.as_mut(), to.as_mut()]),
            Kind::Call { name, callee, arguments } => {
                let name = Arc::clone(name);
                callee.0 = self.callee(&name);
                match callee.0 {
                    Some(function) => self.call(function, arguments, &span),
                    None => {
                        let error = self.unknown(&name, &span);
                        self.unknown.push(error);
                        self.arguments(&name, arguments, std::iter::repeat(Type::Any))?;
                        Ok(Type::Any)
                    }
                }
            }
            Kind::Method { base, name, arguments, .. } => {
                let name = Arc::clone(name);
                self.method(base, &name, arguments, &span)
            }
            Kind::Predicate { name, arguments } => self.predicate(*name, arguments),
            Kind::Let { name, value, body } => {
                let name = Arc::clone(name);
                self.declare(&name, value, body, &span)
            }
            Kind::Sequence(all) => all.iter_mut().try_fold(Type::Nil, |_, node| self.visit(node)),
            Kind::Conditional(condition, yes, no) => self.conditional(condition, yes, no),
            Kind::List(all) => self.list(all),
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(key)?;
                    self.visit(value)?;
                }
                Ok(Type::Map(&Type::Any))
            }
        }
    }

    fn name(&mut self, node: &mut Node) -> Checked {
        let Kind::Name(name) = &node.kind else { return Ok(node.ty) };
        let known = self.variables.iter().enumerate().rev().find(|(_, (known, _))| known == name);
        if let Some((index, (_, ty))) = known {
            let ty = *ty;
            node.kind = Kind::Variable(u16::try_from(index).unwrap_or(u16::MAX));
            return Ok(ty);
        }
        if &**name == "$env" {
            node.kind = Kind::Environment;
            return Ok(Type::Any);
        }
        match roots(self.env).iter().find(|(root, _)| *root == &**name) {
            Some((root, ty)) => {
                node.kind = if *root == "evt" { Kind::Event } else { Kind::Root(root) };
                Ok(*ty)
            }
            None => {
                let error = self.unknown(name, &node.span);
                self.unknown.push(error);
                Ok(Type::Any)
            }
        }
    }

    fn unknown(&self, name: &str, span: &Range<usize>) -> CompileError {
        let variables = self.variables.iter().map(|(name, _)| &**name);
        let roots = roots(self.env).iter().map(|(name, _)| *name);
        let functions = functions::all().map(|function| function.name);
        let loops = super::ast::LOOPS.iter().map(|(name, ..)| *name);
        let help = suggestion(name, variables.chain(roots).chain(functions).chain(loops));
        let span = span.start..span.start + name.len();
        CompileError::new(format!("unknown name {name}"), span, help)
    }

    fn pointer(&self, pointer: Pointer, span: &Range<usize>) -> Checked {
        let Some((collection, builtin)) = self.scopes.last() else {
            return fail("cannot use pointer accessor outside predicate".into(), span);
        };
        match pointer {
            Pointer::Item => Ok(collection.element().unwrap_or(Type::Any)),
            Pointer::Index if matches!(builtin, Loop::Map | Loop::Reduce) => Ok(Type::Int),
            Pointer::Accumulator if *builtin == Loop::Reduce => Ok(Type::Any),
            Pointer::Index => fail("unknown pointer #index".into(), span),
            Pointer::Accumulator => fail("unknown pointer #acc".into(), span),
        }
    }

    fn conditions(&mut self, all: &mut [Node]) -> Checked {
        for node in all {
            let ty = self.visit(node)?;
            if !matches!(ty, Type::Bool | Type::Any) {
                let message = format!("a condition must be bool, not {ty}");
                return fail(message, &node.span);
            }
        }
        Ok(Type::Bool)
    }

    fn binary(&mut self, op: Op, a: &mut Node, b: &mut Node, span: &Range<usize>) -> Checked {
        let (l, r) = (self.visit(a)?, self.visit(b)?);
        if op == Op::Modulo && a.integer().is_some() && b.integer() == Some(0) {
            return fail("integer divide by zero".into(), span);
        }
        let found = match op {
            Op::Coalesce => Some(match (l, r) {
                (Type::Nil, other) | (other, Type::Nil) => other,
                _ if r.assignable(l) && !l.is_any() => l,
                _ => Type::Any,
            }),
            Op::In => return member_test(l, r, span),
            Op::Equal | Op::NotEqual => l.comparable(r).then_some(Type::Bool),
            Op::Matches | Op::Contains | Op::StartsWith | Op::EndsWith => {
                let fits = |t| matches!(t, Type::String | Type::Any);
                let bytes = op == Op::Matches && l == Type::List(&Type::Int);
                ((fits(l) || bytes) && fits(r)).then_some(Type::Bool)
            }
            _ => arithmetic(op, l, r),
        };
        if let (Op::Matches, Some(_), Some(pattern)) = (op, found, b.text())
            && let Err(message) = super::pattern::compile(pattern)
        {
            return fail(message, &b.span);
        }
        match found {
            Some(ty) => Ok(ty),
            None => {
                let sign = op.sign();
                fail(format!("invalid operation: {sign} (mismatched types {l} and {r})"), span)
            }
        }
    }

    fn member(&mut self, node: &mut Node) -> Checked {
        let Kind::Member { base, property, optional } = &mut node.kind else {
            return Ok(node.ty);
        };
        let optional = *optional;
        if base.kind == Kind::Name("$env".into())
            && let Some(name) = property.text()
            && let Some((root, ty)) = roots(self.env).iter().find(|(root, _)| *root == &**name)
        {
            node.kind = if *root == "evt" { Kind::Event } else { Kind::Root(root) };
            return Ok(*ty);
        }
        let (base_ty, property_ty) = (self.visit(base)?, self.visit(property)?);
        if base_ty.is_any() {
            return Ok(Type::Any);
        }
        let ty = match member_type(base_ty, property_ty, property) {
            Ok(ty) => ty,
            Err(error) => {
                self.unknown.push(error);
                return Ok(Type::Any);
            }
        };
        let place = self.place(base, property)?;
        // The alert may be missing, and then `?.` gives nil.
        if let Some(kind) = place.filter(|kind| !(optional && *kind == Kind::Part(Part::Scenario)))
        {
            node.span.start = node.span.start.min(base.span.start);
            node.kind = kind;
        }
        Ok(ty)
    }

    /// What a member of the live event is, where it has a short cut.
    fn place(&mut self, base: &Node, property: &Node) -> Result<Option<Kind>, CompileError> {
        let Some(name) = property.text() else { return Ok(None) };
        let inner = match &base.kind {
            Kind::Member { base, property, optional: false } => {
                property.text().map(|text| (&base.kind, &**text))
            }
            _ => None,
        };
        Ok(match (&base.kind, inner, &**name) {
            (Kind::Event, _, "Parsed") => Some(Kind::Space(Space::Parsed)),
            (Kind::Event, _, "Meta") => Some(Kind::Space(Space::Meta)),
            (Kind::Event, _, "Enriched") => Some(Kind::Space(Space::Enriched)),
            (Kind::Event, _, "Unmarshaled") => Some(Kind::Unmarshaled),
            (Kind::Event, _, "Stage") => Some(Kind::Part(Part::Stage)),
            (Kind::Event, _, "StrTime") => Some(Kind::Part(Part::StrTime)),
            (Kind::Event, _, "StrTimeFormat") => Some(Kind::Part(Part::StrTimeFormat)),
            (Kind::Event, _, "MarshaledTime") => Some(Kind::Part(Part::MarshaledTime)),
            (Kind::Event, _, "WhitelistReason") => Some(Kind::Part(Part::WhitelistReason)),
            (_, Some((Kind::Event, "Line")), "Raw") => Some(Kind::Part(Part::Raw)),
            (_, Some((Kind::Event, "Line")), "Src") => Some(Kind::Part(Part::Source)),
            (_, Some((Kind::Event, "Line")), "Module") => Some(Kind::Part(Part::Module)),
            (_, Some((Kind::Event, "Line")), "Labels") => Some(Kind::Labels),
            (Kind::Labels, ..) => Some(Kind::Label(Arc::clone(name))),
            (Kind::Space(space), ..) => match self.schema.add(*space, name) {
                Ok(id) => Some(Kind::Field(id)),
                Err(error) => return fail(error.to_string(), &property.span),
            },
            (_, Some((Kind::Member { base, property, .. }, "Alert")), "Scenario")
                if base.kind == Kind::Event
                    && property.text().is_some_and(|p| &**p == "Overflow") =>
            {
                Some(Kind::Part(Part::Scenario))
            }
            _ => None,
        })
    }

    fn slice(&mut self, parts: [Option<&mut Box<Node>>; 3]) -> Checked {
        let [base, from, to] = parts;
        let Some(base) = base else { return Ok(Type::Any) };
        let ty = self.visit(base)?;
        for bound in from.into_iter().chain(to) {
            let found = self.visit(bound)?;
            // The reference looks at the bounds of what may be sliced alone.
            if !ty.is_any() && !found.is_integer() && !found.is_any() {
                return fail(format!("non-integer slice index {found}"), &bound.span);
            }
        }
        if ty.is_any() || ty == Type::String || ty.element().is_some() {
            return Ok(ty);
        }
        fail(format!("cannot slice {ty}"), &base.span)
    }

    fn callee(&self, name: &str) -> Option<&'static Function> {
        let in_assertions = matches!(self.env, Env::ParserAssert | Env::ScenarioAssert);
        functions::find(name).filter(|f| f.name != "basename" || in_assertions)
    }

    fn call(
        &mut self,
        function: &'static Function,
        arguments: &mut [Node],
        span: &Range<usize>,
    ) -> Checked {
        let Function { name, signature, .. } = function;
        let many = arguments.len() > signature.arguments.len() && signature.rest.is_none();
        self.arity((arguments.len() < signature.required, many), name, span)?;
        let types = signature.arguments.iter().copied().map(Some);
        let types = types.chain(std::iter::repeat(signature.rest));
        self.arguments(name, arguments, types.map(|ty| ty.unwrap_or(Type::Any)))?;
        let Some(accept) = function.accept else { return Ok(signature.result) };
        let types: Vec<_> = arguments.iter().map(|argument| argument.ty).collect();
        accept(name, &types).or_else(|message| fail(message, span))
    }

    fn arity(
        &self,
        bad: (bool, bool),
        name: &str,
        span: &Range<usize>,
    ) -> Result<(), CompileError> {
        match bad {
            (true, _) => fail(format!("not enough arguments to call {name}"), span),
            (_, true) => fail(format!("too many arguments to call {name}"), span),
            _ => Ok(()),
        }
    }

    fn arguments(
        &mut self,
        name: &str,
        arguments: &mut [Node],
        types: impl Iterator<Item = Type>,
    ) -> Result<(), CompileError> {
        for (argument, wanted) in arguments.iter_mut().zip(types) {
            let found = self.visit(argument)?;
            if let (Type::Float, Kind::Int(int)) = (wanted, &argument.kind) {
                // Go converts the constant.
                #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
                let float = *int as f64;
                argument.kind = Kind::Float(float);
                argument.ty = Type::Float;
                continue;
            }
            let number = wanted.is_number() && found.is_integer();
            if !(found.is_any() || number || fits(found, wanted)) {
                let message =
                    format!("cannot use {found} as argument (type {wanted}) to call {name}");
                return fail(message, &argument.span);
            }
        }
        Ok(())
    }

    fn method(
        &mut self,
        base: &mut Node,
        name: &str,
        arguments: &mut [Node],
        span: &Range<usize>,
    ) -> Checked {
        let ty = self.visit(base)?;
        let table = match ty {
            Type::Time => Some(structures::time()),
            Type::Duration => Some(structures::duration()),
            Type::Struct(name) => structures::find(name),
            _ => None,
        };
        let Some(table) = table else {
            return match ty {
                Type::Any | Type::Struct(_) | Type::Map(&Type::Any) => {
                    self.arguments(name, arguments, std::iter::repeat(Type::Any))?;
                    Ok(Type::Any)
                }
                _ => fail(format!("type {ty} has no method {name}"), span),
            };
        };
        let Some((_, types, result)) = table.method(name) else {
            let help = suggestion(name, table.methods.iter().map(|(name, ..)| *name));
            let message = format!("type {ty} has no method {name}");
            self.unknown.push(CompileError::new(message, span.clone(), help));
            self.arguments(name, arguments, std::iter::repeat(Type::Any))?;
            return Ok(Type::Any);
        };
        self.arity((arguments.len() < types.len(), arguments.len() > types.len()), name, span)?;
        self.arguments(name, arguments, types.iter().copied())?;
        Ok(*result)
    }

    fn predicate(&mut self, builtin: Loop, arguments: &mut [Node]) -> Checked {
        let [collection, rest @ ..] = arguments else { return Ok(Type::Any) };
        let ty = self.visit(collection)?;
        if !ty.is_any() && ty.element().is_none() {
            let message = format!("builtin {} takes only array (got {ty})", builtin.name());
            return fail(message, &collection.span);
        }
        let mut out = ty.element().unwrap_or(Type::Any);
        if let Some(body) = rest.first_mut() {
            self.scopes.push((ty, builtin));
            let found = self.visit(body);
            self.scopes.pop();
            out = found?;
            if out == Type::Nil {
                let message = "the body of a builtin must give something, not nil";
                return fail(message.into(), &body.span);
            }
        }
        if let Some(more) = rest.get_mut(1) {
            let found = self.visit(more)?;
            if builtin == Loop::SortBy && !matches!(found, Type::String | Type::Any) {
                let message = format!("sortBy order argument must be a string (got {found})");
                return fail(message, &more.span);
            }
        }
        let tests = matches!(
            builtin,
            Loop::All
                | Loop::None
                | Loop::Any
                | Loop::One
                | Loop::Filter
                | Loop::Count
                | Loop::Find
                | Loop::FindIndex
                | Loop::FindLast
                | Loop::FindLastIndex
        );
        // Without a body the elements are looked at when it runs.
        if let Some(body) = rest.first().filter(|_| tests)
            && !matches!(out, Type::Bool | Type::Any)
        {
            return fail(format!("predicate should return boolean (got {out})"), &body.span);
        }
        Ok(match builtin {
            Loop::All | Loop::None | Loop::Any | Loop::One => Type::Bool,
            Loop::Count | Loop::FindIndex | Loop::FindLastIndex => Type::Int,
            Loop::Filter => ty.element().unwrap_or(Type::Any).list(),
            Loop::Map => out.list(),
            Loop::Find | Loop::FindLast => ty.element().unwrap_or(Type::Any),
            Loop::GroupBy => Type::Map(&Type::List(&Type::Any)),
            Loop::SortBy => ty,
            Loop::Sum | Loop::Reduce => out,
        })
    }

    fn declare(
        &mut self,
        name: &Arc<str>,
        value: &mut Node,
        body: &mut Node,
        span: &Range<usize>,
    ) -> Checked {
        let taken = roots(self.env).iter().any(|(root, _)| *root == &**name)
            || functions::find(name).is_some()
            || super::ast::LOOPS.iter().any(|(known, ..)| *known == &**name)
            || self.variables.iter().any(|(known, _)| known == name);
        if taken {
            return fail(format!("cannot redeclare {name}"), span);
        }
        let ty = self.visit(value)?;
        self.variables.push((Arc::clone(name), ty));
        let result = self.visit(body);
        self.variables.pop();
        result
    }

    fn conditional(&mut self, condition: &mut Node, yes: &mut Node, no: &mut Node) -> Checked {
        let ty = self.visit(condition)?;
        if !matches!(ty, Type::Bool | Type::Any) {
            let message = format!("non-bool expression (type {ty}) used as condition");
            return fail(message, &condition.span);
        }
        Ok(match (self.visit(yes)?, self.visit(no)?) {
            (Type::Nil, other) | (other, Type::Nil) => other,
            (yes, no) if yes == no => yes,
            (Type::Items(_) | Type::List(&Type::Any), Type::Items(_) | Type::List(&Type::Any)) => {
                Type::List(&Type::Any)
            }
            _ => Type::Any,
        })
    }

    fn list(&mut self, all: &mut [Node]) -> Checked {
        let mut element = None;
        let mut same = true;
        for node in all {
            let ty = self.visit(node)?;
            same &= element.is_none_or(|before| before == ty);
            element = Some(ty);
        }
        Ok(if same { element.unwrap_or(Type::Any).list() } else { Type::List(&Type::Any) })
    }
}

/// The help line for a name that is not known.
fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // `Upper` and `upper` are as near to `Uppr`: the first letter decides.
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_by_key(|name| name.chars().next() != wrong.chars().next());
    nearest(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

/// Whether an argument of a known type may be passed.
fn fits(found: Type, wanted: Type) -> bool {
    let list = matches!(wanted, Type::List(&Type::Any)) && found.element().is_some();
    let pointer = matches!(wanted, Type::Struct(_)) && found == Type::Nil;
    found != Type::Nil && (list || found.assignable(wanted)) || wanted.is_any() || pointer
}

fn member_type(base: Type, property: Type, node: &Node) -> Checked {
    match base {
        Type::Map(value) => {
            if !matches!(property, Type::String | Type::Any) {
                let message = format!("cannot use {property} to get an element from {base}");
                return fail(message, &node.span);
            }
            return Ok(*value);
        }
        Type::Struct(name) => {
            let Some(table) = structures::find(name) else { return Ok(Type::Any) };
            return field_type(table, property, node);
        }
        Type::List(element) | Type::Items(element)
            if property.is_integer() || property.is_any() =>
        {
            return Ok(*element);
        }
        Type::List(_) | Type::Items(_) => {
            let message =
                format!("array elements can only be selected using an integer (got {property})");
            return fail(message, &node.span);
        }
        _ => {}
    }
    match node.text() {
        Some(name) => fail(format!("type {base} has no field {name}"), &node.span),
        None => fail(format!("type {base}[{property}] is undefined"), &node.span),
    }
}

fn field_type(table: &Structure, property: Type, node: &Node) -> Checked {
    if let Some(name) = node.text() {
        if let Some(ty) = table.field(name).or(table.values) {
            return Ok(ty);
        }
        let help = suggestion(name, table.fields.iter().map(|(name, _)| *name));
        let message = format!("type {} has no field {name}", table.name);
        return Err(CompileError::new(message, node.span.clone(), help));
    }
    match (table.items, table.values) {
        (Some(item), _) if property.is_integer() || property.is_any() => Ok(item),
        (_, Some(value)) if matches!(property, Type::String | Type::Any) => Ok(value),
        _ if property.is_any() => Ok(Type::Any),
        _ => fail(format!("type {}[{property}] is undefined", table.name), &node.span),
    }
}
