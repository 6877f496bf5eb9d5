//! Tokens → syntax tree: precedence climbing after expr-lang's `parser/parser.go`.
//!
//! Chains of `&&` and `||` become one node of many operands; what else nests is bounded, so that no
//! later stage needs more stack than `stack` gives.

use std::ops::Range;
use std::sync::Arc;

use super::CompileError;
use super::ast::{Callee, Kind, LOOPS, Node, Op, Pointer};
use super::lex::{self, Token};
use super::numeral::number;
use super::signs::{binary, precedence};

/// Deepest nesting that is accepted, also of what is written flat: `a + b + c`, `a ? b : c ? d : e`
/// and `let a = 1; let b = 2; c` are three levels.
const MAX_DEPTH: u16 = 1_000;
/// Largest number of nodes (expr-lang's `conf.DefaultMaxNodes` of 10,000 counts more finely).
const MAX_NODES: usize = 20_000;

const UNARY_NOT: u16 = 50;
const UNARY_SIGN: u16 = 90;

/// Parses a source.
pub(super) fn parse(source: &str) -> Result<Node, CompileError> {
    let tokens = lex::lex(source)?;
    let mut parser = Parser { tokens, at: 0, level: 0, closures: 0, nodes: 0 };
    let node = parser.sequence()?;
    if parser.peek().kind != lex::Kind::End {
        return Err(parser.unexpected());
    }
    Ok(node)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    level: u16,
    closures: u16,
    nodes: usize,
}

type Parsed<T = Node> = Result<T, CompileError>;

fn fail<T>(message: impl Into<String>, span: Range<usize>) -> Parsed<T> {
    Err(CompileError::new(message, span, None))
}

fn too_much<T>(message: &str, help: &str, span: Range<usize>) -> Parsed<T> {
    Err(CompileError::new(message, span, Some(help.to_owned())))
}

const FLATTER: &str = "1000 levels are the most; chains of `||` and of `&&` may be longer, and `in` \
                       and `any` take lists";

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is `End` and `next` never leaves it.
        static NONE: Token = Token { kind: lex::Kind::End, span: 0..0 };
        self.tokens.get(self.at).unwrap_or(&NONE)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn sign(&self) -> Option<&'static str> {
        match self.peek().kind {
            lex::Kind::Operator(sign) => Some(sign),
            _ => None,
        }
    }

    fn is_sign(&self, sign: &str) -> bool {
        self.sign() == Some(sign)
    }

    fn is_bracket(&self, bracket: char) -> bool {
        self.peek().kind == lex::Kind::Bracket(bracket)
    }

    /// Where the token before this one ends.
    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }

    fn unexpected(&self) -> CompileError {
        let token = self.peek();
        let message = match &token.kind {
            lex::Kind::End => "unexpected end of expression".to_owned(),
            lex::Kind::Name(name) => format!("unexpected name {name}"),
            lex::Kind::Operator(sign) => format!("unexpected {sign}"),
            lex::Kind::Bracket(bracket) => format!("unexpected {bracket}"),
            lex::Kind::Number(number) => format!("unexpected number {number}"),
            lex::Kind::Text(_) | lex::Kind::Bytes(_) => "unexpected string".to_owned(),
        };
        CompileError::new(message, token.span.clone(), None)
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if !self.is_sign(sign) {
            return Err(self.unexpected());
        }
        self.next();
        Ok(())
    }

    fn expect_bracket(&mut self, bracket: char) -> Parsed<()> {
        if !self.is_bracket(bracket) {
            return Err(self.unexpected());
        }
        self.next();
        Ok(())
    }

    fn expect_name(&mut self) -> Parsed<(Arc<str>, Range<usize>)> {
        let error = self.unexpected();
        match self.next() {
            Token { kind: lex::Kind::Name(name), span } => Ok((name.into(), span)),
            _ => Err(error),
        }
    }

    fn node(&mut self, kind: Kind, span: Range<usize>) -> Parsed {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let help = "read the values from a data file with File() or RegexpInFile()";
            return too_much("expression exceeds maximum allowed nodes", help, span);
        }
        let node = Node::new(kind, span);
        if node.depth > MAX_DEPTH {
            return too_much("expression is nested too deeply", FLATTER, node.span);
        }
        Ok(node)
    }

    /// A node once more: what copies hold counts too.
    fn copy(&mut self, node: &Node) -> Parsed {
        self.nodes += node.size();
        if self.nodes > MAX_NODES {
            let help = "name the operand with `let`";
            return too_much("expression exceeds maximum allowed nodes", help, node.span.clone());
        }
        Ok(node.clone())
    }

    fn sequence(&mut self) -> Parsed {
        let first = self.expression(0)?;
        if !self.is_sign(";") {
            return Ok(first);
        }
        let span = first.span.clone();
        let mut all = vec![first];
        while self.is_sign(";") {
            self.next();
            if self.peek().kind == lex::Kind::End {
                break;
            }
            all.push(self.expression(0)?);
        }
        if all.len() == 1
            && let Some(only) = all.pop()
        {
            return Ok(only);
        }
        self.node(Kind::Sequence(all), span)
    }

    fn expression(&mut self, least: u16) -> Parsed {
        self.level += 1;
        if self.level > MAX_DEPTH {
            let span = self.peek().span.clone();
            return too_much("expression is nested too deeply", FLATTER, span);
        }
        let node = self.climb(least);
        self.level -= 1;
        node
    }

    fn climb(&mut self, least: u16) -> Parsed {
        if least == 0 && self.is_sign("let") {
            return self.declaration();
        }
        if least == 0 && self.is_sign("if") {
            return self.condition();
        }
        let mut left = self.primary()?;
        let mut previous = "";
        while let Some(sign) = self.sign() {
            let start = self.at;
            let negate = sign == "not";
            if negate {
                self.next();
            }
            let token = self.peek().clone();
            let lex::Kind::Operator(sign) = token.kind else { return Err(self.unexpected()) };
            if negate && !matches!(sign, "contains" | "matches" | "startsWith" | "endsWith" | "in")
            {
                return Err(self.unexpected());
            }
            let Some(strength) = precedence(sign).filter(|strength| *strength >= least) else {
                self.at = start;
                break;
            };
            self.next();
            if previous == "??" && sign != "??" && sign != "|" {
                let message = format!("{sign} and ?? cannot be mixed: wrap either in parentheses");
                return fail(message, token.span);
            }
            left = self.binary(left, (sign, strength, token.span.clone()))?;
            if negate {
                left = self.node(Kind::Not(Box::new(left)), token.span)?;
            }
            previous = sign;
        }
        if least == 0 { self.ternary(left) } else { Ok(left) }
    }

    /// What follows a left operand and a sign (with its precedence and place).
    fn binary(&mut self, left: Node, sign: (&'static str, u16, Range<usize>)) -> Parsed {
        let (sign, strength, span) = sign;
        if sign == "|" {
            let (name, span) = self.expect_name()?;
            return self.call(name, span, Some(left));
        }
        if matches!(sign, "<" | ">" | "<=" | ">=") {
            return self.comparison(left, sign, span);
        }
        let right_first = matches!(sign, "**" | "^");
        let right = self.expression(if right_first { strength } else { strength + 1 })?;
        match sign {
            "&&" | "and" => self.chain(left, right, span, true),
            "||" | "or" => self.chain(left, right, span, false),
            _ => match binary(sign) {
                Some(op) => self.node(Kind::Binary(op, Box::new(left), Box::new(right)), span),
                None => fail(format!("unknown operator {sign}"), span),
            },
        }
    }

    /// `left && right` or `left || right`, as one more operand where `left` is such a chain.
    fn chain(&mut self, mut left: Node, right: Node, span: Range<usize>, and: bool) -> Parsed {
        let deeper = right.depth.saturating_add(1);
        if let (true, Kind::And(all)) | (false, Kind::Or(all)) = (and, &mut left.kind) {
            all.push(right);
            left.depth = left.depth.max(deeper);
            return Ok(left);
        }
        let all = vec![left, right];
        self.node(if and { Kind::And(all) } else { Kind::Or(all) }, span)
    }

    fn comparison(&mut self, left: Node, sign: &'static str, span: Range<usize>) -> Parsed {
        let (mut left, mut sign, mut span) = (left, sign, span);
        let mut whole: Option<Node> = None;
        loop {
            let right = self.expression(21)?;
            let op = binary(sign).unwrap_or(Op::Less);
            let next = self.copy(&right)?;
            let kind = Kind::Binary(op, Box::new(left), Box::new(right));
            let pair = self.node(kind, span.clone())?;
            whole = Some(match whole {
                None => pair,
                Some(before) => self.chain(before, pair, span, true)?,
            });
            left = next;
            match self.sign().filter(|sign| matches!(*sign, "<" | ">" | "<=" | ">=")) {
                Some(next) => (sign, span) = (next, self.next().span),
                None => break,
            }
        }
        whole.ok_or_else(|| self.unexpected())
    }

    fn declaration(&mut self) -> Parsed {
        self.expect_sign("let")?;
        let (name, span) = self.expect_name()?;
        self.expect_sign("=")?;
        let value = Box::new(self.expression(0)?);
        self.expect_sign(";")?;
        self.level += 1;
        let body = Box::new(self.sequence()?);
        self.level -= 1;
        self.node(Kind::Let { name, value, body }, span)
    }

    fn condition(&mut self) -> Parsed {
        let span = self.next().span;
        let condition = self.expression(0)?;
        let block = |this: &mut Self| {
            this.expect_bracket('{')?;
            let node = this.sequence()?;
            this.expect_bracket('}')?;
            Parsed::Ok(node)
        };
        let yes = block(self)?;
        self.expect_sign("else")?;
        let no = if self.is_sign("if") { self.expression(0)? } else { block(self)? };
        self.node(Kind::Conditional(Box::new(condition), Box::new(yes), Box::new(no)), span)
    }

    fn ternary(&mut self, mut node: Node) -> Parsed {
        while self.is_sign("?") {
            let span = self.next().span;
            let yes = if self.is_sign(":") { self.copy(&node)? } else { self.expression(0)? };
            self.expect_sign(":")?;
            let no = self.expression(0)?;
            let kind = Kind::Conditional(Box::new(node), Box::new(yes), Box::new(no));
            node = self.node(kind, span)?;
        }
        Ok(node)
    }

    fn primary(&mut self) -> Parsed {
        let token = self.peek().clone();
        match token.kind {
            lex::Kind::Operator(sign @ ("not" | "!" | "-" | "+")) => {
                self.next();
                let not = matches!(sign, "not" | "!");
                let inner = Box::new(self.expression(if not { UNARY_NOT } else { UNARY_SIGN })?);
                let kind = match sign {
                    "-" => Kind::Negate(inner),
                    "+" => Kind::Plus(inner),
                    _ => Kind::Not(inner),
                };
                let node = self.node(kind, token.span)?;
                self.postfix(node)
            }
            lex::Kind::Bracket('(') => {
                self.next();
                let node = self.sequence()?;
                self.expect_bracket(')')?;
                self.postfix(node)
            }
            lex::Kind::Operator("#") if self.closures > 0 => self.pointer(),
            // `.field` in a predicate is `#.field`: the postfix reads the dot.
            lex::Kind::Operator(".") if self.closures > 0 => {
                let node = self.node(Kind::Pointer(Pointer::Item), token.span)?;
                self.postfix(node)
            }
            lex::Kind::Operator("::") => {
                self.next();
                let (name, span) = self.expect_name()?;
                let node = self.call(name, span, None)?;
                self.postfix(node)
            }
            _ => self.secondary(token),
        }
    }

    fn pointer(&mut self) -> Parsed {
        let mut span = self.next().span;
        let mut target = Pointer::Item;
        if let Token { kind: lex::Kind::Name(name), span: end } = self.peek().clone()
            && end.start == span.end
        {
            target = match name.as_str() {
                "index" => Pointer::Index,
                "acc" => Pointer::Accumulator,
                _ => return fail(format!("unknown pointer #{name}"), end),
            };
            span.end = end.end;
            self.next();
        }
        let node = self.node(Kind::Pointer(target), span)?;
        self.postfix(node)
    }

    fn secondary(&mut self, token: Token) -> Parsed {
        let span = token.span;
        let kind = match token.kind {
            lex::Kind::Name(name) => {
                self.next();
                match name.as_str() {
                    "true" => return self.node(Kind::Bool(true), span),
                    "false" => return self.node(Kind::Bool(false), span),
                    "nil" => return self.node(Kind::Nil, span),
                    _ if self.is_bracket('(') => {
                        let node = self.call(name.into(), span, None)?;
                        return self.postfix(node);
                    }
                    _ => Kind::Name(name.into()),
                }
            }
            lex::Kind::Number(text) => {
                self.next();
                let number = number(&text).ok_or_else(|| {
                    CompileError::new(format!("invalid number {text}"), span.clone(), None)
                })?;
                return self.node(number, span);
            }
            lex::Kind::Text(text) => {
                self.next();
                Kind::Text(text.into())
            }
            lex::Kind::Bytes(bytes) => {
                self.next();
                Kind::Bytes(bytes.into())
            }
            lex::Kind::Bracket('[') => {
                self.next();
                Kind::List(self.list(']')?)
            }
            lex::Kind::Bracket('{') => self.map()?,
            _ => return Err(self.unexpected()),
        };
        let node = self.node(kind, span)?;
        self.postfix(node)
    }

    /// Expressions up to a closing bracket; a comma may follow the last.
    fn list(&mut self, close: char) -> Parsed<Vec<Node>> {
        let mut all = Vec::new();
        while !self.is_bracket(close) {
            if !all.is_empty() {
                self.expect_sign(",")?;
                if self.is_bracket(close) {
                    break;
                }
            }
            all.push(self.expression(0)?);
        }
        self.next();
        Ok(all)
    }

    fn map(&mut self) -> Parsed<Kind> {
        self.next();
        let mut pairs = Vec::new();
        while !self.is_bracket('}') {
            if !pairs.is_empty() {
                self.expect_sign(",")?;
                if self.is_bracket('}') {
                    break;
                }
            }
            let token = self.peek().clone();
            let key = match token.kind {
                lex::Kind::Name(text) | lex::Kind::Number(text) | lex::Kind::Text(text) => {
                    self.next();
                    self.node(Kind::Text(text.into()), token.span)?
                }
                lex::Kind::Bracket('(') => self.expression(0)?,
                _ => {
                    let message = "a map key is a string, a number, a name, or an expression in \
                                   parentheses";
                    return fail(message, token.span);
                }
            };
            self.expect_sign(":")?;
            let value = self.expression(0)?;
            pairs.push((key, value));
        }
        self.next();
        Ok(Kind::Map(pairs))
    }

    /// A call of a function or builtin; `piped` is its first argument where `|` leads here.
    fn call(&mut self, name: Arc<str>, span: Range<usize>, piped: Option<Node>) -> Parsed {
        let found = LOOPS.iter().find(|(known, ..)| *known == &*name);
        self.expect_bracket('(')?;
        let Some((_, builtin, required, allowed)) = found else {
            let mut arguments: Vec<Node> = piped.into_iter().collect();
            arguments.extend(self.list(')')?);
            let span = span.start..self.end();
            return self.node(Kind::Call { name, callee: Callee(None), arguments }, span);
        };
        let first = piped.is_some();
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        while arguments.len() < *allowed && !self.is_bracket(')') {
            if arguments.len() > usize::from(first) {
                self.expect_sign(",")?;
                if self.is_bracket(')') {
                    break;
                }
            }
            let argument =
                if arguments.len() == 1 { self.predicate()? } else { self.expression(0)? };
            arguments.push(argument);
        }
        if arguments.len() < *required {
            let message = format!("not enough arguments to call {name}: {required} are needed");
            return fail(message, self.peek().span.clone());
        }
        if self.is_sign(",") {
            self.next();
        }
        self.expect_bracket(')')?;
        let span = span.start..self.end();
        self.node(Kind::Predicate { name: *builtin, arguments }, span)
    }

    fn predicate(&mut self) -> Parsed {
        self.closures += 1;
        let node = if self.is_bracket('{') {
            self.next();
            let node = self.sequence()?;
            self.expect_bracket('}')?;
            node
        } else {
            let node = self.expression(0)?;
            if self.is_sign(";") {
                let span = self.peek().span.clone();
                return fail("wrap the predicate in { and }", span);
            }
            node
        };
        self.closures -= 1;
        Ok(node)
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let token = self.peek().clone();
            match token.kind {
                lex::Kind::Operator(sign @ ("." | "?.")) => {
                    self.next();
                    let optional = sign == "?.";
                    if optional && self.is_bracket('[') {
                        let span = self.next().span;
                        node = self.index(node, span, true)?;
                    } else {
                        node = self.member(node, optional)?;
                    }
                }
                lex::Kind::Bracket('[') => {
                    self.next();
                    node = self.index(node, token.span, false)?;
                }
                _ => return Ok(node),
            }
        }
    }

    fn member(&mut self, node: Node, optional: bool) -> Parsed {
        let token = self.next();
        let name: Arc<str> = match token.kind {
            lex::Kind::Name(name) => name.into(),
            lex::Kind::Operator(word) if lex::is_word(word) => word.into(),
            _ => return fail("expected a name", token.span),
        };
        let mut span = token.span;
        let (chained, base) = match node.kind {
            Kind::Chain(inner) => (true, inner),
            _ => (false, Box::new(node)),
        };
        let kind = if self.is_bracket('(') {
            self.next();
            let arguments = self.list(')')?;
            span.end = self.end();
            Kind::Method { base, name, arguments, optional }
        } else {
            let property = Box::new(self.node(Kind::Text(name), span.clone())?);
            Kind::Member { base, property, optional }
        };
        let node = self.node(kind, span.clone())?;
        if chained || optional { self.node(Kind::Chain(Box::new(node)), span) } else { Ok(node) }
    }

    fn index(&mut self, node: Node, span: Range<usize>, optional: bool) -> Parsed {
        let base = Box::new(node);
        let mut from = None;
        if !self.is_sign(":") {
            let index = self.expression(0)?;
            if !self.is_sign(":") {
                self.expect_bracket(']')?;
                let kind = Kind::Member { base, property: Box::new(index), optional };
                let node = self.node(kind, span.clone())?;
                return if optional {
                    self.node(Kind::Chain(Box::new(node)), span)
                } else {
                    Ok(node)
                };
            }
            from = Some(Box::new(index));
        }
        self.expect_sign(":")?;
        let to = if self.is_bracket(']') { None } else { Some(Box::new(self.expression(0)?)) };
        self.expect_bracket(']')?;
        self.node(Kind::Slice { base, from, to }, span)
    }
}
