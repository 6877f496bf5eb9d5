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
    expand_and_tell(text, environment).0
}

/// The same, and each reference of `text` that the environment does not know, as written. What looks like
/// one in what was put in is none: a password may have a dollar in it.
pub fn expand_and_tell(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (String, Vec<String>) {
    let mut text = text.to_owned();
    let (mut from, mut replaced) = (0, 0);
    // Where what was put in last ends.
    let (mut foreign, mut unset) = (0_usize, Vec::new());
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
        let Some(value) = environment(name) else {
            let written = text.get(at..from + length).unwrap_or("");
            if at >= foreign && !unset.iter().any(|known| known == written) {
                unset.push(written.to_owned());
            }
            continue;
        };
        replaced += 1;
        foreign = (foreign + value.len()).saturating_sub(length + 1).max(at + value.len());
        text.replace_range(at..from + length, &value);
        from =
            (at..=text.len()).skip(1).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    }
    (text, unset)
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
    fn what_nobody_has_set_is_told_as_written() {
        let environment = |name: &str| match name {
            "PASS" => Some("pa$$w0rd$X${Y}".to_owned()),
            "NESTED" => Some("x${PASS}$Z".to_owned()),
            "END" => Some("x$".to_owned()),
            _ => None,
        };
        let told = |text: &str| expand_and_tell(text, &environment).1;
        assert_eq!(told("${A} $B ${A} $ ${} $1"), ["${A}", "$B", "${}", "$1"]);
        assert_eq!(told("${PASS} ${NESTED} $END"), [""; 0]);
        assert_eq!(told("${NESTED}$C ${PASS}${D}"), ["$C", "${D}"]);
    }

    #[test]
    fn a_variable_that_names_itself_ends() {
        let environment = |_: &str| Some("ab$X$X".to_owned());
        assert!(expand("$X", &environment).len() <= 6 * MAX_REPLACED);
    }
}
