//! Values of expressions as texts for people.

use operators::event::Event;
use operators::expr::functions::encode;
use operators::expr::{Cx, Memo};
use operators::lookup::Lookups;
use operators::value::Value;

/// Strings as they are, everything else as JSON, or by its type where JSON has no form for it.
pub fn show(value: &Value, event: &mut Event, lookups: &dyn Lookups) -> String {
    if let Value::Str(text) = value {
        return text.to_string();
    }
    let mut memo = Memo::new();
    let cx = Cx::new(event, lookups, &mut memo);
    encode(&cx, value).unwrap_or_else(|_| value.type_name().to_owned())
}
