//! Data files of the rules.

use super::Function;
use super::arguments::kinds::{BOOL, STR, STRS};
use super::arguments::{Outcome, text};
use crate::expr::context::Cx;
use crate::expr::types::Type;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("File", &[STR], STRS, file).impure()
        .about("the lines of a string file, none where it is missing",
            r#"File("missing.txt")"#, "[]"),
    Function::new("RegexpInFile", &[STR, STR], BOOL, regexp_in_file).impure()
        .about("whether an expression of a regexp file matches, false where it is missing",
            r#"RegexpInFile("a", "missing.txt")"#, "false"),
    Function::new("FileMap", &[STR], ROWS, file_map).impure()
        .about("the rows of a map file, none where it is missing",
            r#"FileMap("missing.json")"#, "[]"),
    Function::new("LookupFile", &[STR, STR], STR, lookup_file).impure()
        .about("the tag of the first row of a map file that fits, \"\" where none does",
            r#"LookupFile("a", "missing.json")"#, ""),
    Function::new("MatchKnownBot", &[STR, STR, STR], STR, match_known_bot).rest(STR).impure()
        .about("the name of the known bot that a request (ip, user agent, path) is from, \"\" if \
                none, after the bots files named",
            r#"MatchKnownBot("10.0.0.1", "a", "/", "missing.json")"#, ""),
    Function::new("basename", &[STR], STR, basename)
        .about("the last element of a path (assertions only)", r#"basename("/a/b.c")"#, "b.c"),
];

const ROWS: Type = Type::List(&Type::Map(&Type::String));

fn file(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let lines = cx.lookups.file(text(a, 0)?);
    Ok(lines.cloned().unwrap_or_else(|| Value::strings(Vec::<&str>::new())))
}

fn regexp_in_file(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let found = cx.lookups.regexp_in_file(text(a, 0)?, text(a, 1)?);
    Ok(Value::Bool(found.unwrap_or(false)))
}

fn file_map(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let rows = cx.lookups.file_map(text(a, 0)?);
    Ok(rows.cloned().unwrap_or_else(|| Value::list(Vec::new())))
}

fn lookup_file(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::str(cx.lookups.lookup_file(text(a, 0)?, text(a, 1)?).unwrap_or("")))
}

fn match_known_bot(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let files: Vec<&str> = (3..a.len()).map(|index| text(a, index)).collect::<Result<_, _>>()?;
    let ip = text(a, 0)?;
    Ok(Value::str(&cx.lookups.known_bot(ip, text(a, 1)?, text(a, 2)?, &files)))
}

/// Go's `filepath.Base`.
fn basename(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let path = text(a, 0)?;
    let trimmed = path.trim_end_matches('/');
    Ok(Value::str(match (path, trimmed) {
        ("", _) => ".",
        (_, "") => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }))
}
