//! Promises about the list of functions, and about each family, through the language itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use operators::event::{Event, Line};
use operators::expr::functions::{self, verbatim};
use operators::expr::{Compiler, Cx, Env, Expect, Memo};
use operators::lookup::{Asn, City, Lookups, Stash};
use operators::time::{EventTime, Stamp};
use operators::value::{Object, Value};

/// A world where nothing is to be had.
#[derive(Debug)]
struct Offline;

impl Lookups for Offline {
    fn now(&self) -> Stamp {
        Stamp::utc_at(EventTime(1_700_000_000_000_000_000))
    }
    fn file(&self, _: &str) -> Option<&Value> {
        None
    }
    fn regexp_in_file(&self, _: &str, _: &str) -> Option<bool> {
        None
    }
    fn file_map(&self, _: &str) -> Option<&Value> {
        None
    }
    fn lookup_file(&self, _: &str, _: &str) -> Option<&str> {
        None
    }
    fn known_bot(&self, _: &str, _: &str, _: &str, _: &[&str]) -> String {
        String::new()
    }
    fn city(&self, _: IpAddr) -> Option<City> {
        None
    }
    fn asn(&self, _: IpAddr) -> Option<Asn> {
        None
    }
    fn reverse_dns(&self, _: IpAddr) -> Option<String> {
        None
    }
    fn lookup_host(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn hostname(&self) -> &str {
        "host"
    }
    fn decisions_count(&self, _: &str, _: Option<i64>) -> i64 {
        0
    }
    fn active_decisions(&self, _: &str) -> (i64, i64) {
        (0, 0)
    }
    fn cti(&self, _: &str) -> Result<Value, String> {
        Err("offline".to_owned())
    }
    fn http(&self, _: &str, _: &str, _: &[(&str, &str)], _: &str) -> Result<Value, String> {
        Err("offline".to_owned())
    }
}

#[derive(Debug, Default)]
struct OneStash(BTreeMap<(String, String), Arc<str>>);

impl Stash for OneStash {
    fn get(&mut self, cache: &str, key: &str) -> Option<Arc<str>> {
        self.0.get(&(cache.to_owned(), key.to_owned())).cloned()
    }
    fn set(&mut self, cache: &str, key: &str, value: &str, _: i64) {
        self.0.insert((cache.to_owned(), key.to_owned()), value.into());
    }
}

/// What an expression gives, as `%v` prints it, or why it fails.
fn result(expression: &str) -> Result<String, String> {
    let mut compiler = Compiler::new();
    let id = compiler
        .compile(expression, Env::Event, Expect::Any)
        .map_err(|error| format!("compile: {error}"))?;
    let program = compiler.finish();
    let line = Line {
        raw: "".into(),
        source: "".into(),
        labels: Arc::default(),
        module: operators::text::Text::Static("file"),
        time: Offline.now(),
        zone: None,
    };
    let mut event = Event::new(program.schema().clone(), line);
    let (mut memo, mut stash) = (Memo::new(), OneStash::default());
    let mut cx = Cx::new(&mut event, &Offline, &mut memo).with_stash(&mut stash);
    let value = program.eval(id, &mut cx).map_err(|error| error.to_string())?;
    Ok(verbatim(&cx, &value))
}

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(result(expression).as_deref(), Ok(expected), "{expression}");
}

#[track_caller]
fn fails(expression: &str) {
    let got = result(expression);
    assert!(got.is_err(), "{expression} gives {got:?}");
}

const HELPERS: &str = "CrowdsecCTI Flatten Distinct FlattenDistinct Distance GetFromStash Atof \
    JsonExtract JsonExtractUnescape JsonExtractLib JsonExtractSlice JsonExtractObject ToJsonString \
    File RegexpInFile FileMap LookupFile MatchKnownBot Upper Lower IpInRange TimeNow ParseUri \
    ParseQuery ExtractQueryParam PathUnescape QueryUnescape PathEscape QueryEscape \
    XMLGetAttributeValue XMLGetNodeValue IpToRange IsIPV6 IsIPV4 IsIP LookupHost GetDecisionsCount \
    GetActiveDecisionsCount GetActiveDecisionsTimeLeft GetDecisionsSinceCount Sprintf ParseUnix \
    Fields Index IndexAny Join Split SplitAfter SplitAfterN SplitN Replace ReplaceAll Trim TrimLeft \
    TrimRight TrimSpace TrimPrefix TrimSuffix Get ToString Match KeyExists LogInfo B64Decode \
    UnmarshalJSON ParseKV ParseKVLax Hostname FloatApproxEqual LibInjectionIsSQLI LibInjectionIsXSS \
    GeoIPEnrich GeoIPASNEnrich GeoIPRangeEnrich IPToCountry JA4H AverageInterval MedianInterval \
    HTTPGet HTTPHead HTTPPost HTTPRequest SetInStash";

const BUILTINS: &str = "len type abs ceil floor round int float string trim trimPrefix trimSuffix \
    upper lower split splitAfter replace repeat join indexOf lastIndexOf hasPrefix hasSuffix max \
    min mean median toJSON fromJSON toBase64 fromBase64 now duration date timezone first last get \
    take keys values toPairs fromPairs reverse uniq concat flatten sort bitand bitor bitxor bitnand \
    bitnot bitshl bitshr bitushr";

#[test]
fn every_helper_and_builtin_is_there() {
    let helpers: Vec<&str> = HELPERS.split_whitespace().collect();
    assert_eq!(helpers.len(), 83);
    let missing: Vec<&str> = helpers
        .into_iter()
        .chain(BUILTINS.split_whitespace())
        .filter(|name| functions::find(name).is_none())
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn names_are_unique_and_everything_is_documented() {
    let mut names = BTreeSet::new();
    for function in functions::all() {
        let name = function.name;
        assert!(names.insert(name), "{name} is there twice");
        assert!(!function.about.is_empty(), "{name} has no text");
        assert!(function.example.0.contains(name), "the example of {name} shows something else");
        let signature = function.signature;
        assert!(signature.required <= signature.arguments.len(), "{name} requires too much");
    }
}

/// Shown with what only another environment has.
const ELSEWHERE: [&str; 2] = ["JA4H", "basename"];

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for function in functions::all().filter(|function| !ELSEWHERE.contains(&function.name)) {
        let (expression, expected) = function.example;
        match result(expression) {
            Ok(got) if got == expected => {}
            Err(error) if expected.is_empty() && error.contains("offline") => {}
            got => wrong.push((expression, expected, got)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Random calls and what CrowdSec 1.7.8 made of them.
#[test]
fn crowdsec_gives_the_same_results() {
    recorded(include_str!("fixtures/functions/crowdsec-1.7.8.jsonl"), 500);
}

/// Random times in zones and what expr-lang 1.17.8 made of them, with Go's time zone database.
#[test]
fn expr_lang_gives_the_same_times() {
    recorded(include_str!("fixtures/functions/zones.jsonl"), 250);
}

#[track_caller]
fn recorded(recorded: &str, least: usize) {
    let mut wrong = Vec::new();
    for line in recorded.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let expression = case["expr"].as_str().unwrap();
        let got = result(expression);
        let same = match case["result"].as_str() {
            Some(expected) => got.as_deref() == Ok(expected),
            None => got.is_err(),
        };
        if !same {
            wrong.push((expression.to_owned(), case["result"].clone(), got));
        }
    }
    assert!(recorded.lines().count() > least);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn functions_survive_any_arguments() {
    let line = Line {
        raw: "".into(),
        source: "".into(),
        labels: Arc::default(),
        module: operators::text::Text::Static("file"),
        time: Offline.now(),
        zone: None,
    };
    let mut event = Event::new(Compiler::new().finish().schema().clone(), line);
    let mut memo = Memo::new();
    let mut cx = Cx::new(&mut event, &Offline, &mut memo);
    let values = [
        Value::Nil,
        Value::Int(-1),
        Value::Int(i64::MIN),
        Value::Float(f64::NAN),
        Value::str(""),
        Value::str("%[5]*.*[a%€ \u{301}{[\"\\u"),
        Value::list(vec![Value::Float(f64::NAN), Value::Int(3), Value::str("x")]),
        Value::map(BTreeMap::new()),
        Value::Unmarshaled,
        Value::Event,
        Value::Duration(i64::MIN),
    ];
    for function in functions::all() {
        for first in &values {
            for second in &values {
                for count in function.signature.required..=4 {
                    let all = [first, second, first, second].map(Clone::clone);
                    let _ = (function.call)(&mut cx, &all[..count.min(4)]);
                }
            }
        }
    }
}

#[test]
fn globs_want_something_for_two_stars_at_the_end() {
    check(r#"Match("a**", "a")"#, "false");
    check(r#"Match("a*", "a")"#, "true");
    check(r#"Match("a**", "ab")"#, "true");
    check(r#"Match("**", "")"#, "false");
    check(r#"Match("*?*b", "ab")"#, "true");
    check(r#"Match(repeat("*a", 50), repeat("a", 1000) + "b")"#, "false");
}

#[test]
fn extracted_json_is_raw_text() {
    check(r#"JsonExtract('{"a": "x\\"\\u00e9"}', "a")"#, r#"x\"\u00e9"#);
    check(r#"JsonExtract('{"a": {"b" : [1, {"c":null}]}}', "a.b[1].c")"#, "null");
    check(r#"JsonExtract('[{"a":1},{"a":2}]', "[1].a")"#, "2");
    check(r#"JsonExtract('{"a": [1, 2', "a")"#, "");
    check(r#"JsonExtract('{"a": 1, broken', "a")"#, "1");
    check(r#"JsonExtractUnescape('{"a": "x\\"\\u00e9"}', "a")"#, "x\"é");
    check(r#"JsonExtractUnescape('{"a": {"b": "c"}}', "a", "b")"#, "c");
}

#[test]
fn sprintf_speaks_of_wrong_arguments_as_go_does() {
    check(r#"Sprintf("%d|%s|%z|%", "x", 3)"#, "%!d(string=x)|%!s(int=3)|%!z(MISSING)|%!(NOVERB)");
    check(r#"Sprintf("%[2]d %[1]q %[9]d", "x", 3)"#, r#"3 "x" %!d(BADINDEX)"#);
    check(r#"Sprintf("%+v %#v", [1.0, nil], "a")"#, r#"[1 <nil>] "a""#);
}

#[test]
fn pairs_are_written_into_the_event() {
    check(
        r#"let x = ParseKV("a=1 b=\"x y\" c= d", evt.Unmarshaled, "k"); evt.Unmarshaled.k"#,
        "map[a:1 b:x y c:]",
    );
    check(
        r#"let x = ParseKVLax("a=x y b=\"q\" c=1", evt.Unmarshaled, "k"); evt.Unmarshaled.k"#,
        "map[a:x y b:q c:1]",
    );
    fails(r#"ParseKV("none", evt.Unmarshaled, "k")"#);
}

#[test]
fn a_map_within_a_document_is_written_in_place() {
    check(
        r#"let x = UnmarshalJSON('{"a":{"b":1}}', evt.Unmarshaled, "d");
           let y = UnmarshalJSON('[2]', evt.Unmarshaled.d.a, "c");
           evt.Unmarshaled"#,
        "map[d:map[a:map[b:1 c:[2]]]]",
    );
}

#[test]
fn a_stash_gives_back_what_was_set() {
    check(r#"let x = SetInStash("c", "k", "v", duration("1m")); GetFromStash("c", "k")"#, "v");
}

#[test]
fn mapped_addresses_are_ipv4_in_ranges() {
    check(r#"IpInRange("::ffff:10.1.2.3", "10.0.0.0/8")"#, "true");
    check(r#"IpInRange("10.1.2.3", "::ffff:10.0.0.0/104")"#, "true");
    check(r#"IpInRange("10.1.2.3", "::/0")"#, "false");
    check(r#"IpInRange("010.1.2.3", "10.0.0.0/8")"#, "false");
    check(r#"IpToRange("fe80::1%eth0", "64")"#, "fe80::/64");
}

#[test]
fn nothing_grows_beyond_its_budget() {
    fails(r#"repeat("abc", 1000001)"#);
    fails(r#"repeat(repeat("abc", 100000), 100000)"#);
    fails(
        r#"Sprintf(repeat("%999999d", 100), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)"#,
    );
    fails(r#"ReplaceAll(repeat("a", 1000000), "a", repeat("b", 1000000))"#);
}

/// Ends with the error of a budget, soon.
#[track_caller]
fn exhausts(expression: &str) {
    let error = result(expression).unwrap_err();
    let expected = error.contains("budget exceeded") || error.contains("value is nested");
    assert!(expected, "{expression}: {error}");
}

#[test]
fn texts_that_grow_end() {
    exhausts("reduce(1..900000, #acc + string(#), '')");
    exhausts("reduce(1..100, #acc + #acc, 'a')");
    exhausts("let a = repeat('a', 1000000); count(1..900000, a contains 'b') == 0");
    exhausts("let a = repeat('a', 1000000); len(map(1..900000, lower(a)))");
    check("len(reduce(1..5000, #acc + 'a', ''))", "5000");
}

#[test]
fn closures_within_closures_end() {
    exhausts("let a = 1..900000; count(a, count(a, true) > 0)");
    exhausts("count(1..900000, count(1..900000, false) == 0)");
    exhausts("let a = 1..900000; count(a, a == map(a, #)) == 0");
    exhausts("let a = 1..900000; all(a, len(a[1:]) > 0)");
    check("let a = 1..900000; count(a, # > len(a) - 10)", "10");
}

#[test]
fn lists_that_hold_others_twice_end() {
    let mut lists = "let a0 = []; let b0 = [];".to_owned();
    for i in 1..12 {
        for x in ["a", "b"] {
            let inner = format!("{x}{}", i - 1);
            lists += &format!(" let {x}{i} = [{}];", [inner.as_str(); 8].join(", "));
        }
    }
    exhausts(&format!("{lists} a11 == b11"));
    exhausts(&format!("{lists} a11 in [b11]"));
    exhausts(&format!("{lists} len(flatten(a11))"));
    exhausts(&format!("{lists} len(uniq([a11, b11]))"));
    exhausts("len(reduce(1..50, [#acc, #acc], []))");
}

#[test]
fn values_nest_so_deep_and_no_deeper() {
    exhausts("len(reduce(1..400000, [#acc], []))");
    exhausts("let a = reduce(1..400000, ({'a': #acc}), {}); a == a");
    check("len(reduce(1..1000, [#acc], []))", "1");
}

#[test]
fn names_that_name_one_another_twice_are_not_written_out() {
    let mut source = "let a0 = Lower(evt.Line.Raw);".to_owned();
    for i in 1..35 {
        source += &format!(" let a{i} = Lower(a{0}) + Lower(a{0});", i - 1);
    }
    check(&format!("{source} a34 == 'b' || a34 == 'c'"), "false");
}

#[test]
fn lists_within_lists_are_unhashable() {
    fails("Distinct([[1], [1]])");
    check("FlattenDistinct([[1], [1]], 1.0)", "[1 1]");
}

#[test]
fn xml_values_stop_at_the_first_child() {
    check(r#"XMLGetNodeValue("<a>x<b/>y</a>", "/a")"#, "x");
    check(r#"XMLGetNodeValue("<a>x<b/>y", "/a")"#, "");
    check(r#"XMLGetNodeValue("log: <a><b>1</b><b>2&amp;</b></a>", "//b[2]")"#, "2&");
    check(r#"XMLGetNodeValue("<e xmlns='u'><n:d n:k='1'>x</n:d></e>", "/e/d[@k='1']")"#, "x");
}

#[test]
fn dates_come_from_their_layouts() {
    check(r#"date("2023-08-14").Year()"#, "2023");
    check(r#"date("14/08/2023", "02/01/2006").Unix()"#, "1691971200");
    fails(r#"date("yesterday")"#);
    assert_eq!(result("timezone(\"UTC\")").unwrap(), "UTC");
}

/// A request of HTTP/1.1 with these headers.
#[derive(Debug)]
struct Request(&'static [(&'static str, &'static str)]);

impl Object for Request {
    fn type_name(&self) -> &'static str {
        "*http.Request"
    }
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Method" => Value::str("GET"),
            "ProtoMajor" | "ProtoMinor" => Value::Int(1),
            "Header" => {
                let headers = self
                    .0
                    .iter()
                    .map(|(name, value)| (Arc::<str>::from(*name), Value::strings([*value])));
                Value::map(headers.collect())
            }
            _ => return None,
        })
    }
}

#[track_caller]
fn fingerprint(headers: &'static [(&'static str, &'static str)], expected: &str) {
    let line = Line {
        raw: "".into(),
        source: "".into(),
        labels: Arc::default(),
        module: operators::text::Text::Static("file"),
        time: Offline.now(),
        zone: None,
    };
    let mut event = Event::new(Compiler::new().finish().schema().clone(), line);
    let mut memo = Memo::new();
    let mut cx = Cx::new(&mut event, &Offline, &mut memo);
    let request = Value::Object(Arc::new(Request(headers)));
    let got = (functions::find("JA4H").unwrap().call)(&mut cx, &[request]).unwrap();
    assert_eq!(verbatim(&cx, &got), expected);
}

#[test]
fn a_request_has_the_fingerprint_of_its_client() {
    fingerprint(&[], "ge11nn000000_e3b0c44298fc_000000000000_000000000000");
    fingerprint(
        &[("Cookie", "session=12345")],
        "ge11cn000000_e3b0c44298fc_3f3af1ecebbd_86a3f0069fcd",
    );
    fingerprint(
        &[("Cookie", "foo=bar; baz=qux")],
        "ge11cn000000_e3b0c44298fc_bd87575d11f6_d401f362552e",
    );
}
