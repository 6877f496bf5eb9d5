//! Variables of the environment in configuration files (go-cs-lib `csstring.StrictExpand`).

/// So many are replaced at most: a variable may name itself.
const MAX_REPLACED: usize = 10_000;

/// A variable of this process.
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `$NAME` and `${NAME}` that the environment knows, replaced; all else as it is. What was put in is
/// looked through again from its second character on, as there.
pub fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = text.to_owned();
    let (mut from, mut replaced) = (0, 0);
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('$')).map(|at| from + at) {
        from = at + 1;
        let after = text.get(from..).unwrap_or("");
        let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None if after.starts_with('{') => continue,
            None => {
                let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let name = after.get(..end.unwrap_or(after.len())).unwrap_or("");
                (name, name.len())
            }
        };
        if length == 0 || replaced == MAX_REPLACED {
            continue;
        }
        let Some(value) = environment(name) else { continue };
        replaced += 1;
        text.replace_range(at..from + length, &value);
        from =
            (at..=text.len()).skip(1).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let environment = |name: &str| match name {
            "LOGS" => Some("/l".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("x${LOGS}".to_owned()),
            "DOLLAR" => Some("$LOGS".to_owned()),
            "É" => Some("é".to_owned()),
            _ => None,
        };
        assert_eq!(expand(text, &environment), expected);
    }

    #[test]
    fn only_known_variables_are_replaced() {
        check("${LOGS}/a $LOGS/b $X ${Y} $", "/l/a /l/b $X ${Y} $");
        check("[${EMPTY}][$EMPTY]", "[][]");
        check("${LOGS $LOGS", "${LOGS /l");
        check("$$LOGS ${É}$LOGS", "$/l é/l");
    }

    #[test]
    fn what_is_put_in_is_looked_through_from_its_second_character() {
        check("$NESTED", "x/l");
        check("$DOLLAR", "$LOGS");
    }

    #[test]
    fn a_variable_that_names_itself_ends() {
        let environment = |_: &str| Some("ab$X$X".to_owned());
        assert!(expand("$X", &environment).len() <= 6 * MAX_REPLACED);
    }
}
