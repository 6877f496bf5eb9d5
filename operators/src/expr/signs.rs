//! Signs of binary operators: what binds how strongly, after expr-lang's `parser/operator`.

use super::ast::Op;

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

/// The operator of a sign other than `&&`, `||` and `|`.
pub(super) fn binary(sign: &str) -> Option<Op> {
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
