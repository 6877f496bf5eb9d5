//! Builtins of expr-lang for strings (`builtin/builtin.go`).

use super::Function;
use super::accept;
use super::arguments::kinds::{ANY, BOOL, INT, STR, STRS};
use super::arguments::{Outcome, TEXT_BUDGET, items, mismatch, over_budget, shared, text};
use super::string::{at_most, joined, part, pieces, position, replace, to_lower, to_upper};
use crate::expr::context::Cx;
use crate::expr::operation;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("trim", &[STR, STR], STR, trim).required(1)
        .about("without white space, or these characters, at both ends", r#"trim(" a ")"#, "a"),
    Function::new("trimPrefix", &[STR, STR], STR, trim_prefix).required(1)
        .about("without this prefix (a blank)", r#"trimPrefix("abc", "a")"#, "bc"),
    Function::new("trimSuffix", &[STR, STR], STR, trim_suffix).required(1)
        .about("without this suffix (a blank)", r#"trimSuffix("abc", "c")"#, "ab"),
    Function::new("upper", &[STR], STR, |_, a| Ok(Value::Str(to_upper(shared(a, 0)?))))
        .about("upper case, character by character", r#"upper("abc")"#, "ABC"),
    Function::new("lower", &[STR], STR, |_, a| Ok(Value::Str(to_lower(shared(a, 0)?))))
        .about("lower case, character by character", r#"lower("ABC")"#, "abc"),
    Function::new("split", &[STR, STR, INT], STRS, |_, a| split_all(a, false)).required(2)
        .about("the parts between separators, at most n", r#"split("a,b,c", ",", 2)"#, "[a b,c]"),
    Function::new("splitAfter", &[STR, STR, INT], STRS, |_, a| split_all(a, true)).required(2)
        .about("the parts, each with its separator, at most n",
            r#"splitAfter("a,b,c", ",")"#, "[a, b, c]"),
    Function::new("replace", &[STR, STR, STR, INT], STR, replace_all).required(3)
        .about("with occurrences replaced, n at most", r#"replace("oink", "i", "o")"#, "oonk"),
    Function::new("repeat", &[STR, INT], STR, repeat)
        .about("the text n times", r#"repeat("ab", 3)"#, "ababab"),
    Function::new("join", &[ANY, STR], STR, join).required(1).accepts(accept::texts)
        .about("the strings with a separator (none) between them", r#"join(["a", "b"], "-")"#, "a-b"),
    Function::new("indexOf", &[STR, STR], INT, |_, a| Ok(position(text(a, 0)?.find(text(a, 1)?))))
        .about("byte index of the first occurrence, -1 if none", r#"indexOf("abcabc", "b")"#, "1"),
    Function::new("lastIndexOf", &[STR, STR], INT, last_index)
        .about("byte index of the last occurrence, -1 if none", r#"lastIndexOf("abcabc", "b")"#, "4"),
    Function::new("hasPrefix", &[STR, STR], BOOL, has_prefix)
        .about("whether it starts with the prefix", r#"hasPrefix("abc", "ab")"#, "true"),
    Function::new("hasSuffix", &[STR, STR], BOOL, has_suffix)
        .about("whether it ends with the suffix", r#"hasSuffix("abc", "ab")"#, "false"),
];

/// Most repetitions that expr-lang makes.
const MOST_REPEATS: i64 = 1_000_000;

fn trim(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let whole = shared(a, 0)?;
    if a.len() < 2 {
        return Ok(part(whole, whole.trim()));
    }
    let set = text(a, 1)?;
    Ok(part(whole, whole.trim_matches(|c| set.contains(c))))
}

/// The second argument, a blank where it is not given.
fn affix(a: &[Value]) -> Result<&str, String> {
    if a.len() < 2 { Ok(" ") } else { text(a, 1) }
}

fn trim_prefix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let whole = shared(a, 0)?;
    Ok(part(whole, whole.strip_prefix(affix(a)?).unwrap_or(whole)))
}

fn trim_suffix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let whole = shared(a, 0)?;
    Ok(part(whole, whole.strip_suffix(affix(a)?).unwrap_or(whole)))
}

/// The number at `index`, its fraction cut off, as these builtins take it.
fn whole(a: &[Value], index: usize) -> Result<i64, String> {
    operation::integer(a.get(index).unwrap_or(&Value::Nil))
}

/// The integer at `index`, "all" where it is not given.
fn limit(a: &[Value], index: usize) -> Result<i64, String> {
    if a.len() <= index { Ok(-1) } else { whole(a, index) }
}

fn split_all(a: &[Value], keep: bool) -> Outcome {
    match a.len() {
        0..=2 => Ok(Value::strings(pieces(text(a, 0)?, text(a, 1)?, keep, -1))),
        _ => at_most(a, whole(a, 2)?, keep),
    }
}

fn replace_all(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(replace(text(a, 0)?, text(a, 1)?, text(a, 2)?, limit(a, 3)?)?.into()))
}

fn repeat(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (text, count) = (text(a, 0)?, whole(a, 1)?);
    let times = usize::try_from(count).map_err(|_| {
        format!("invalid argument for repeat (expected positive integer, got {count})")
    })?;
    if count > MOST_REPEATS || text.len().saturating_mul(times) > TEXT_BUDGET {
        return Err(over_budget());
    }
    Ok(Value::Str(text.repeat(times).into()))
}

fn join(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let separator = if a.len() < 2 { "" } else { text(a, 1)? };
    let items = a.first().and_then(items).ok_or_else(|| mismatch(a, 0, "a list"))?;
    joined(&items, separator)
}

fn last_index(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(position(text(a, 0)?.rfind(text(a, 1)?)))
}

fn has_prefix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(text(a, 0)?.starts_with(text(a, 1)?)))
}

fn has_suffix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(text(a, 0)?.ends_with(text(a, 1)?)))
}
