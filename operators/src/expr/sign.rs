//! The signs of operators: how tightly each binds, and what it means. The parser's tables.

use super::ast::Op;

/// Precedence of `not`.
pub(super) const UNARY_NOT: u16 = 50;
/// Precedence of a sign before a number.
pub(super) const UNARY_SIGN: u16 = 90;

/// Precedence of a binary operator, as expr-lang's `parser/operator`.
pub(super) fn precedence(sign: &str) -> Option<u16> {
    Some(match sign {
        "|" => 0,
        "or" | "||" => 10,
        "and" | "&&" => 15,
        "==" | "!=" | "<" | ">" | ">=" | "<=" | "in" | "matches" | "contains" | "startsWith"
        | "endsWith" => 20,
        ".." => 25,
        "+" | "-" => 30,
        "*" | "/" | "%" => 60,
        "**" | "^" => 100,
        "??" => 500,
        _ => return None,
    })
}

/// What a binary operator means; `None` for those that the parser takes apart itself.
pub(super) fn operator(sign: &str) -> Option<Op> {
    Some(match sign {
        "==" => Op::Equal,
        "!=" => Op::NotEqual,
        "<" => Op::Less,
        ">" => Op::More,
        "<=" => Op::LessOrEqual,
        ">=" => Op::MoreOrEqual,
        "in" => Op::In,
        "matches" => Op::Matches,
        "contains" => Op::Contains,
        "startsWith" => Op::StartsWith,
        "endsWith" => Op::EndsWith,
        ".." => Op::Range,
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Modulo,
        "**" | "^" => Op::Power,
        "??" => Op::Coalesce,
        _ => return None,
    })
}
