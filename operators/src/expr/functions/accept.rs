//! What builtins take beyond their signatures, and what they give for it: the static types of the
//! arguments in, the type of the result or a message out, after expr-lang's `builtin/builtin.go`.

use crate::expr::structures;
use crate::expr::types::Type;

use super::arguments::kinds::{ANY, ANYS, FLOAT, INT, MAP, SPAN, STR, TIME};

/// The type of the result for arguments of these types; otherwise what is wrong with them.
pub(super) type Accept = fn(&str, &[Type]) -> Result<Type, String>;

fn number(ty: Type) -> bool {
    // A duration is an integer to Go.
    ty.is_any() || ty.is_number() || ty == Type::Duration
}

fn list(ty: Type) -> bool {
    ty.is_any() || ty.element().is_some()
}

fn map(ty: Type) -> bool {
    let of_values = |name| structures::find(name).is_some_and(|known| known.values.is_some());
    match ty {
        Type::Any | Type::Map(_) => true,
        Type::Struct(name) => of_values(name),
        _ => false,
    }
}

fn all(
    (name, types): (&str, &[Type]),
    fits: fn(Type) -> bool,
    result: Type,
) -> Result<Type, String> {
    match types.iter().find(|ty| !fits(**ty)) {
        Some(wrong) => Err(format!("invalid argument for {name} (type {wrong})")),
        None => Ok(result),
    }
}

fn first_fits(
    (name, types): (&str, &[Type]),
    fits: fn(Type) -> bool,
    result: Type,
) -> Result<Type, String> {
    all((name, types.get(..1).unwrap_or(types)), fits, result)
}

fn first_of(types: &[Type]) -> Type {
    types.first().copied().unwrap_or(ANY)
}

/// A text, a list or a map.
pub(super) fn length(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), |ty| ty == Type::String || list(ty) || map(ty), INT)
}

/// Numbers; gives the type of the first.
pub(super) fn same_number(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), number, first_of(types))
}

/// Numbers; gives a float.
pub(super) fn rounded(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), number, FLOAT)
}

/// A number, also one with a name, or a text; gives an integer.
pub(super) fn whole(name: &str, types: &[Type]) -> Result<Type, String> {
    let fits =
        |ty| ty == Type::String || number(ty) || matches!(ty, Type::Struct("Month" | "Weekday"));
    all((name, types), fits, INT)
}

/// A number or a text; gives a float.
pub(super) fn fraction(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), |ty| ty == Type::String || number(ty), FLOAT)
}

/// Numbers up to the first list; what follows that is looked at when it runs.
pub(super) fn aggregate(name: &str, types: &[Type]) -> Result<Type, String> {
    let until = types.iter().position(|ty| list(*ty));
    let numbers = until.and_then(|at| types.get(..at)).unwrap_or(types);
    let result = if until.is_some() { ANY } else { first_of(types) };
    match types {
        [] => Err(format!("not enough arguments to call {name}")),
        _ => all((name, numbers), number, result),
    }
}

/// A list; gives its element. Of what the language builds that is anything.
pub(super) fn element(name: &str, types: &[Type]) -> Result<Type, String> {
    let first = first_of(types);
    let known = first.element().filter(|_| !matches!(first, Type::Items(_)));
    all((name, types), list, known.unwrap_or(ANY))
}

/// A list with an integer, or a map with a key; gives what is there.
pub(super) fn member(name: &str, types: &[Type]) -> Result<Type, String> {
    let [base, key] = types else { return Ok(ANY) };
    match (base.element(), base) {
        (_, Type::Any) => Ok(ANY),
        (Some(element), _) if key.is_integer() || key.is_any() => Ok(element),
        (Some(_), _) => Err(format!("non-integer slice index {key}")),
        (None, Type::Map(value)) if matches!(key, Type::String | Type::Any) => Ok(**value),
        (None, base) if map(*base) && matches!(key, Type::String | Type::Any) => Ok(ANY),
        (None, base) if map(*base) => {
            Err(format!("cannot use {key} to get an element from {base}"))
        }
        (None, base) => Err(format!("invalid argument for {name} (type {base})")),
    }
}

/// A list and how many of it; gives such a list.
pub(super) fn part(name: &str, types: &[Type]) -> Result<Type, String> {
    first_fits((name, types), list, first_of(types))
}

/// Lists; gives a list of anything.
pub(super) fn lists(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), list, ANYS)
}

/// A list of pairs; gives a map.
pub(super) fn pairs(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), list, MAP)
}

/// A map; gives a list of anything.
pub(super) fn map_parts(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), map, ANYS)
}

/// A list of numbers, of texts or of anything, and an order; gives a list of anything.
pub(super) fn sortable(name: &str, types: &[Type]) -> Result<Type, String> {
    let fits = |ty: Type| match ty {
        Type::List(element) => {
            matches!(*element, Type::Any | Type::Int | Type::Float | Type::String)
        }
        other => list(other),
    };
    first_fits((name, types), fits, ANYS)
}

/// A list of texts or of anything, and what stands between them; gives a text.
pub(super) fn texts(name: &str, types: &[Type]) -> Result<Type, String> {
    let fits = |ty: Type| match ty {
        Type::List(element) => matches!(*element, Type::Any | Type::String),
        other => list(other),
    };
    first_fits((name, types), fits, STR)
}

/// A list of times or of anything; gives a duration.
pub(super) fn times(name: &str, types: &[Type]) -> Result<Type, String> {
    let fits = |ty: Type| match ty {
        Type::List(element) => matches!(*element, Type::Any | Type::Time),
        other => list(other),
    };
    first_fits((name, types), fits, SPAN)
}

/// A time zone, if anything; gives a time.
pub(super) fn zone(name: &str, types: &[Type]) -> Result<Type, String> {
    all((name, types), Type::is_any, TIME)
}
