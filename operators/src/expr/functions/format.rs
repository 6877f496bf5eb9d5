//! `Sprintf` and `LogInfo`: Go's `fmt` over the values of expressions.

use std::borrow::Cow;

use super::Function;
use super::arguments::kinds::{ANY, BOOL, STR};
use super::arguments::{Outcome, TEXT_BUDGET, entries, items, map_kind, over_budget, text};
use super::element::Layout;
use crate::expr::context::Cx;
use crate::value::{ListKind, MapKind, Value};

/// The family's part of the list.
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("Sprintf", &[STR], STR, print).rest(ANY).about(
        "text after a format of Go's fmt",
        r#"Sprintf("%s: %03d %v", "a", 7, [1, 2.5])"#,
        "a: 007 [1 2.5]",
    ),
    Function::new("LogInfo", &[STR], BOOL, log).rest(ANY).impure().about(
        "true; what it formats is for the reader of the rule",
        r#"LogInfo("x")"#,
        "true",
    ),
];

fn print(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let format = text(a, 0)?;
    sprintf(cx, format, a.get(1..).unwrap_or_default()).map(|text| Value::Str(text.into()))
}

fn log(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    text(a, 0)?;
    Ok(Value::Bool(true))
}

/// A value as `%v` prints it.
pub fn verbatim(cx: &Cx<'_>, value: &Value) -> String {
    let mut printer = Printer::new(cx);
    printer.argument(value, 'v');
    printer.out
}

/// The Go type of a value, as `%T` prints it.
pub fn type_name(value: &Value) -> Cow<'static, str> {
    Cow::Borrowed(match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Int64(_) => "int64",
        Value::Float(_) => "float64",
        Value::Str(_) => "string",
        Value::List(list) => match list.kind {
            ListKind::Any => "[]interface {}",
            ListKind::Strings => "[]string",
            ListKind::Bytes => "[]uint8",
            ListKind::Typed => {
                let element = list.items.first().map_or(Cow::Borrowed("interface {}"), type_name);
                return Cow::Owned(format!("[]{element}"));
            }
        },
        Value::Map(_) | Value::Unmarshaled | Value::Labels | Value::Fields(_) => {
            map_kind(value).unwrap_or(MapKind::Any).type_name()
        }
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        Value::Event | Value::Held(_) => "*pipeline.Event",
        Value::Object(object) => object.type_name(),
    })
}

/// `fmt.Sprintf`, with Go's texts for verbs and arguments that do not fit.
///
/// # Errors
/// When the text would exceed the budget.
pub fn sprintf(cx: &Cx<'_>, format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut printer = Printer::new(cx);
    printer.run(format, arguments)?;
    Ok(printer.out)
}

/// Where `run` stands in the format and among the arguments.
struct Cursor<'f> {
    format: &'f str,
    at: usize,
    argument: usize,
    /// Whether an explicit index was just read.
    indexed: bool,
    good: bool,
    reordered: bool,
}

impl Cursor<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// A decimal number, `None` where there is none or it is larger than fmt takes.
    fn number(&mut self) -> Option<usize> {
        let (number, next) = decimal(self.format.as_bytes(), self.at, self.format.len());
        self.at = next;
        number
    }

    /// An explicit argument index such as `[2]`.
    fn index(&mut self, count: usize) {
        self.indexed = false;
        if self.byte() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format.as_bytes()[self.at..];
        let close = if rest.len() < 3 { None } else { rest.iter().position(|byte| *byte == b']') };
        let Some(close) = close else {
            self.good = false;
            self.at += 1;
            return;
        };
        let (number, next) = decimal(rest, 1, close);
        self.at += close + 1;
        match number.filter(|_| next == close) {
            Some(number) if number >= 1 && number <= count => {
                self.argument = number - 1;
                self.indexed = true;
            }
            found => {
                self.good = false;
                self.indexed = found.is_some();
            }
        }
    }

    /// The integer argument of a `*`.
    fn star(&mut self, arguments: &[Value]) -> Option<i64> {
        let value = arguments.get(self.argument)?;
        self.argument += 1;
        match value {
            Value::Int(n) | Value::Int64(n) | Value::Duration(n) if n.abs_diff(0) <= 1_000_000 => {
                Some(*n)
            }
            _ => None,
        }
    }
}

/// The decimal number at `start` and the first byte after it.
fn decimal(bytes: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let (mut number, mut at) = (None, start);
    while at < end && bytes[at].is_ascii_digit() {
        let so_far = number.unwrap_or(0);
        if so_far > 1_000_000 {
            return (None, end);
        }
        number = Some(so_far * 10 + usize::from(bytes[at] - b'0'));
        at += 1;
    }
    (number, at.max(start.min(end)))
}

struct Printer<'a, 'e> {
    cx: &'a Cx<'e>,
    out: String,
    layout: Layout,
    /// Within the text for a wrong verb methods such as `String` are not asked.
    erring: bool,
}

impl<'a, 'e> Printer<'a, 'e> {
    fn new(cx: &'a Cx<'e>) -> Self {
        Self { cx, out: String::new(), layout: Layout::default(), erring: false }
    }

    fn run(&mut self, format: &str, arguments: &[Value]) -> Result<(), String> {
        let mut cursor =
            Cursor { format, at: 0, argument: 0, indexed: false, good: true, reordered: false };
        while let Some(rest) = format.get(cursor.at..) {
            let literal = rest.find('%').unwrap_or(rest.len());
            self.out.push_str(&rest[..literal]);
            if literal == rest.len() {
                break;
            }
            cursor.at += literal + 1;
            self.flags(&mut cursor, arguments);
            let Some(verb) = format.get(cursor.at..).and_then(|rest| rest.chars().next()) else {
                self.out.push_str("%!(NOVERB)");
                break;
            };
            cursor.at += verb.len_utf8();
            self.verb(verb, &mut cursor, arguments);
            if self.out.len() > TEXT_BUDGET {
                return Err(over_budget());
            }
        }
        if !cursor.reordered {
            self.extra(arguments.get(cursor.argument..).unwrap_or_default());
        }
        Ok(())
    }

    fn flags(&mut self, cursor: &mut Cursor<'_>, arguments: &[Value]) {
        self.layout = Layout::default();
        cursor.good = true;
        loop {
            match cursor.byte() {
                Some(b'#') => self.layout.sharp = true,
                Some(b'0') => self.layout.zero = true,
                Some(b'+') => self.layout.plus = true,
                Some(b'-') => self.layout.minus = true,
                Some(b' ') => self.layout.space = true,
                _ => break,
            }
            cursor.at += 1;
        }
        cursor.index(arguments.len());
        self.width(cursor, arguments);
        self.precision(cursor, arguments);
        if !cursor.indexed {
            cursor.index(arguments.len());
        }
    }

    fn width(&mut self, cursor: &mut Cursor<'_>, arguments: &[Value]) {
        if cursor.byte() != Some(b'*') {
            self.layout.width = cursor.number();
            if cursor.indexed && self.layout.width.is_some() {
                cursor.good = false;
            }
            return;
        }
        cursor.at += 1;
        match cursor.star(arguments) {
            None => self.out.push_str("%!(BADWIDTH)"),
            Some(width) => {
                if width < 0 {
                    self.layout.minus = true;
                    self.layout.zero = false;
                }
                self.layout.width = usize::try_from(width.unsigned_abs()).ok();
            }
        }
        cursor.indexed = false;
    }

    fn precision(&mut self, cursor: &mut Cursor<'_>, arguments: &[Value]) {
        if cursor.byte() != Some(b'.') || cursor.at + 1 >= cursor.format.len() {
            return;
        }
        cursor.at += 1;
        if cursor.indexed {
            cursor.good = false;
        }
        cursor.index(arguments.len());
        if cursor.byte() != Some(b'*') {
            self.layout.precision = Some(cursor.number().unwrap_or(0));
            return;
        }
        cursor.at += 1;
        let precision = cursor.star(arguments).and_then(|number| usize::try_from(number).ok());
        if precision.is_none() {
            self.out.push_str("%!(BADPREC)");
        }
        self.layout.precision = precision;
        cursor.indexed = false;
    }

    fn verb(&mut self, verb: char, cursor: &mut Cursor<'_>, arguments: &[Value]) {
        if verb == '%' {
            return self.out.push('%');
        }
        if !cursor.good {
            self.out.push_str("%!");
            self.out.push(verb);
            return self.out.push_str("(BADINDEX)");
        }
        let Some(argument) = arguments.get(cursor.argument) else {
            self.out.push_str("%!");
            self.out.push(verb);
            return self.out.push_str("(MISSING)");
        };
        cursor.argument += 1;
        if verb == 'v' {
            self.layout.sharp_v = std::mem::take(&mut self.layout.sharp);
            self.layout.plus_v = std::mem::take(&mut self.layout.plus);
        }
        self.argument(argument, verb);
    }

    fn extra(&mut self, arguments: &[Value]) {
        if arguments.is_empty() {
            return;
        }
        self.layout = Layout::default();
        self.out.push_str("%!(EXTRA ");
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if !matches!(argument, Value::Nil) {
                self.out.push_str(&type_name(argument));
                self.out.push('=');
            }
            self.argument(argument, 'v');
        }
        self.out.push(')');
    }

    fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.layout.pad("<nil>", &mut self.out),
            (_, 'T') => {
                let name = type_name(value);
                self.layout.pad(self.layout.cut(&name), &mut self.out);
            }
            _ => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if verb == 'p' || verb == 'w' {
            return self.bad(value, verb);
        }
        match value {
            Value::Nil if verb == 'v' => {
                self.out.push_str(if self.layout.sharp_v { "interface {}(nil)" } else { "<nil>" });
            }
            Value::Nil if depth > 0 => self.out.push_str("<nil>"),
            _ if self.layout.sharp_v && value.is_nil() => {
                self.out.push_str(&type_name(value));
                self.out.push_str("(nil)");
            }
            Value::Object(object) if verb == 'v' && object.is_nil() && object.items().is_none() => {
                self.out.push_str("<nil>");
            }
            Value::Bool(flag) if matches!(verb, 't' | 'v') => {
                self.layout.pad(if *flag { "true" } else { "false" }, &mut self.out);
            }
            Value::Int(number) | Value::Int64(number) => self.integer(value, *number, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::Str(text) => self.string(value, text, verb),
            Value::Duration(ns) => {
                if self.named(verb) {
                    let text = crate::time::GoDuration(*ns).to_string();
                    self.string(value, &text, verb);
                } else {
                    self.integer(value, *ns, verb);
                }
            }
            Value::Time(stamp) if self.named(verb) || verb == 'v' => {
                let text = stamp.to_string();
                self.string(value, &text, verb);
            }
            Value::List(list) => self.list(value, &list.items, verb, depth),
            Value::Map(_) | Value::Unmarshaled | Value::Labels | Value::Fields(_) => {
                self.map(value, verb, depth);
            }
            Value::Object(object) => match object.number().filter(|_| !self.named(verb)) {
                Some(number) => self.integer(value, number, verb),
                None => self.object(value, object.as_ref(), verb, depth),
            },
            Value::Event | Value::Held(_) if verb == 'v' => self.out.push_str("&{…}"),
            _ => self.bad(value, verb),
        }
    }

    /// Whether a `String` method is asked.
    fn named(&self, verb: char) -> bool {
        !self.erring && !self.layout.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
    }

    fn bad(&mut self, value: &Value, verb: char) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        if !matches!(value, Value::Nil) {
            self.out.push_str(&type_name(value));
            self.out.push('=');
        }
        if self.erring {
            self.out.push('?');
        } else {
            self.erring = true;
            self.value(value, 'v', 0);
            self.erring = false;
        }
        self.out.push(')');
    }

    fn integer(&mut self, value: &Value, number: i64, verb: char) {
        match verb {
            'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' => {
                self.layout.integer(number, verb, &mut self.out);
            }
            'c' => self.layout.character(number, &mut self.out),
            'q' => self.layout.quoted_character(number, &mut self.out),
            'U' => self.layout.unicode(number, &mut self.out),
            _ => self.bad(value, verb),
        }
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad(value, verb),
        };
        self.layout.float(number, verb, precision, &mut self.out);
    }

    fn string(&mut self, value: &Value, text: &str, verb: char) {
        match verb {
            'v' if self.layout.sharp_v => self.layout.quoted(text, &mut self.out),
            'v' | 's' => self.layout.pad(self.layout.cut(text), &mut self.out),
            'x' | 'X' => self.layout.bytes(text, verb == 'X', &mut self.out),
            'q' => self.layout.quoted(text, &mut self.out),
            _ => self.bad(value, verb),
        }
    }

    fn list(&mut self, value: &Value, items: &[Value], verb: char, depth: usize) {
        let (open, between, close) =
            if self.layout.sharp_v { ("{", ", ", "}") } else { ("[", " ", "]") };
        if self.layout.sharp_v {
            self.out.push_str(&type_name(value));
        }
        self.out.push_str(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(between);
            }
            self.value(item, verb, depth + 1);
            if self.out.len() > TEXT_BUDGET {
                break;
            }
        }
        self.out.push_str(close);
    }

    fn map(&mut self, value: &Value, verb: char, depth: usize) {
        let (open, between, close) =
            if self.layout.sharp_v { ("{", ", ", "}") } else { ("map[", " ", "]") };
        if self.layout.sharp_v {
            self.out.push_str(&type_name(value));
        }
        self.out.push_str(open);
        for (index, (key, item)) in
            entries(self.cx, value).unwrap_or_default().into_iter().enumerate()
        {
            if index > 0 {
                self.out.push_str(between);
            }
            self.value(&Value::Str(key), verb, depth + 1);
            self.out.push(':');
            self.value(&item, verb, depth + 1);
            if self.out.len() > TEXT_BUDGET {
                break;
            }
        }
        self.out.push_str(close);
    }

    fn object(
        &mut self,
        value: &Value,
        object: &dyn crate::value::Object,
        verb: char,
        depth: usize,
    ) {
        if self.named(verb)
            && let Some(Ok(Value::Str(text))) = object.call("String", &[])
        {
            return self.string(value, &text, verb);
        }
        match items(value) {
            Some(items) => self.list(value, &items, verb, depth),
            None if verb == 'v' => {
                self.out.push_str("&{");
                self.out.push_str(object.type_name());
                self.out.push('}');
            }
            None => self.bad(value, verb),
        }
    }
}
