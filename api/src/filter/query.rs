//! The query of a URL as Go's `url.Values` holds it: of a repeated parameter the first value counts.

use crate::error::ApiError;

/// Parameters in the order of the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
    /// Whether all of the URL was read.
    whole: bool,
}

/// So many parameters are read, the rest is ignored.
const MOST: usize = 128;

impl Query {
    /// Reads what stands behind `?`. A pair that is not decodable is skipped, as by Go; so is one
    /// with a semicolon.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescaped(key)?, unescaped(value)?))
        };
        let read: Vec<_> = pairs.filter_map(pair).take(MOST).collect();
        let written = text.split('&').filter(|pair| !pair.is_empty()).count();
        // Separators alone are no query: somebody meant to say something.
        let empty = read.is_empty() && !text.is_empty();
        Self { whole: read.len() == written && !empty, pairs: read }
    }

    /// Refuses a query of which a part was skipped: without it, a deletion would go further than
    /// meant.
    ///
    /// # Errors
    /// A part was skipped.
    pub fn whole(&self) -> Result<&Self, ApiError> {
        match self.whole {
            true => Ok(self),
            false => Err(ApiError::bad("a part of the query cannot be read: nothing is done")),
        }
    }

    /// Refuses parameters that are none of these.
    ///
    /// # Errors
    /// One is not known; the nearest is told.
    pub fn only(&self, known: &[&[&str]]) -> Result<&Self, ApiError> {
        let known = known.concat();
        match self.pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some((name, _)) => {
                let help =
                    operators::yaml::suggestion(name, &known).map(|help| format!("; {help}"));
                let help = help.unwrap_or_default().replace('`', "'");
                Err(ApiError::bad(format!("parameter '{name}' is unknown{help}")))
            }
        }
    }

    /// Refuses `contains` that says nothing: of a deletion it would be all that is said, and CrowdSec
    /// deletes everything then.
    ///
    /// # Errors
    /// Nothing is named that could contain or be contained.
    pub fn check_contains(&self) -> Result<(), ApiError> {
        let named = self.first("ip").is_some() || self.first("range").is_some();
        match self.first("contains") {
            Some(_) if !named => {
                Err(ApiError::bad("contains needs ip or range: nothing is deleted"))
            }
            _ => Ok(()),
        }
    }

    /// The first value of a parameter.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Each parameter with its first value, by name.
    pub fn each(&self) -> std::collections::BTreeMap<&str, &str> {
        let mut each = std::collections::BTreeMap::new();
        for (key, value) in &self.pairs {
            each.entry(key.as_str()).or_insert(value.as_str());
        }
        each
    }
}

/// Decodes `+` and `%xx`; bytes that are no UTF-8 become U+FFFD.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (bytes.next()?, bytes.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(high)? * 16 + digit(low)?).ok()?
            }
            byte => byte,
        });
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// `strconv.ParseBool`.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.Atoi`, with its words.
///
/// # Errors
/// What Go would say.
pub fn parse_int(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let shown = operators::quote::quoted(text, false);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("strconv.Atoi: parsing {shown}: invalid syntax"));
    }
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {shown}: value out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts() {
        let query = Query::parse("a=1&b=x%2Cy+z&a=2&&c&bad=%zz&d;e=1");
        assert_eq!(query.first("a"), Some("1"));
        assert_eq!(query.first("b"), Some("x,y z"));
        assert_eq!(query.first("c"), Some(""));
        assert_eq!(query.first("bad"), None);
        assert_eq!(query.all("a").count(), 2);
        assert_eq!(query.each().len(), 3);
    }

    #[test]
    fn what_is_misspelt_gets_the_nearest() {
        let only = |text: &str| {
            let read = Query::parse(text);
            read.only(&[&["limit"], &["scope", "scopes"]])
                .map(drop)
                .map_err(|error| error.message().to_owned())
        };
        assert_eq!(only("scopes=ip&limit=5&limit=6"), Ok(()));
        let refused = only("scope=ip&limt=5").unwrap_err();
        assert_eq!(refused, "parameter 'limt' is unknown; did you mean 'limit'?");
        assert!(only("cachebuster=1").unwrap_err().contains("known here: limit, scope, scopes"));
    }

    #[test]
    fn numbers_and_bools_are_gos() {
        assert_eq!(["-12", "-0", "+7"].map(parse_int), [Ok(-12), Ok(0), Ok(7)]);
        assert!(parse_int("1x").unwrap_err().ends_with("invalid syntax"));
        let told = parse_int("<\u{1}>\u{e9}").unwrap_err();
        assert_eq!(told, "strconv.Atoi: parsing \"<\\x01>\u{e9}\": invalid syntax");
        assert!(parse_int("99999999999999999999").unwrap_err().ends_with("out of range"));
        assert_eq!((parse_bool("T"), parse_bool("yes")), (Some(true), None));
    }
}
