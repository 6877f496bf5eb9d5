//! Grok patterns as rules write them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use operators::grok::{Captures, Grok, Library, re2};

fn found(pattern: &str, text: &str) -> Option<Vec<(String, String)>> {
    let library = Library::standard();
    let mut captures = Captures::new();
    let grok = Grok::compile(&library, pattern).unwrap();
    let plain = Grok::plain(&library, pattern).unwrap();
    let mut expected = Captures::new();
    let matched = grok.matches(text, &mut captures);
    assert_eq!(matched, plain.matches(text, &mut expected), "{pattern} on {text}");
    if matched {
        assert_eq!(captures.spans(), expected.spans(), "{pattern} on {text}");
    }
    let names = grok.names().iter().enumerate();
    matched.then(|| {
        names.map(|(i, name)| (name.to_string(), captures.text(i, text).to_owned())).collect()
    })
}

#[track_caller]
fn check(pattern: &str, text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut captured = found(pattern, text).unwrap();
    captured.sort();
    assert_eq!(captured, expected, "{pattern} on {text}");
}

#[test]
fn captures_are_named() {
    let line = "Failed password for root from 192.0.2.7 port 22 ssh2";
    let expected = [("ip", "192.0.2.7"), ("user", "root")];
    check("Failed %{WORD} for %{USERNAME:user} from %{IP:ip}", line, &expected);
}

#[test]
fn a_match_that_names_nothing_is_a_failure() {
    assert_eq!(found("%{INT}", "1"), None);
    assert_eq!(found("(a)", "a"), None);
}

#[test]
fn the_last_place_of_a_name_wins_even_when_it_found_nothing() {
    check("(?:%{INT:x}|%{WORD:x})", "12", &[("x", "")]);
    check("%{INT:x} %{WORD:x}", "12 ab", &[("x", "ab")]);
}

#[test]
fn an_outer_name_hides_inner_ones() {
    check("%{SYSLOGPROG} %{INT:pid}", "cron[12] 34", &[("pid", "34"), ("program", "cron")]);
    check("%{INT:pid} %{SYSLOGPROG}", "34 cron[12]", &[("pid", "34"), ("program", "cron")]);
}

#[test]
fn native_groups_are_not_extracted() {
    check("(?P<a>x)%{INT:b}", "x1", &[("b", "1")]);
}

#[test]
fn what_is_no_reference_is_text() {
    check("%{INT:a-b}%{INT:c}", "%{INT:a-b}5", &[("c", "5")]);
}

#[test]
fn errors_point_into_the_pattern() {
    let error = Grok::compile(&Library::standard(), "a %{WORD:b} (%{INT:c}").unwrap_err();
    assert_eq!(error.span, 12..13);
    let error = Grok::compile(&Library::standard(), "a %{USRNAME:b}").unwrap_err();
    assert_eq!((error.span, error.help.as_deref()), (2..14, Some("did you mean `USERNAME`?")));
}

#[test]
fn progress_tells_where_matching_stopped() {
    let library = Library::standard();
    let pattern = "^Failed (%{WORD:a}) for %{USERNAME:u} from %{IP:ip} port";
    let grok = Grok::compile(&library, pattern).unwrap();
    let stopped = |text: &str| {
        let progress = grok.progress(text);
        (pattern[progress.pattern..].to_owned(), text[progress.text..].to_owned())
    };
    for (text, pattern, rest) in [
        ("Accepted x", "Failed (%{WORD:a}) for %{USERNAME:u} from %{IP:ip} port", "Accepted x"),
        ("Failed é", "%{WORD:a}) for %{USERNAME:u} from %{IP:ip} port", "é"),
        ("Failed x foo", "r %{USERNAME:u} from %{IP:ip} port", "o"),
        ("Failed x for y from z", "%{IP:ip} port", "z"),
        ("Failed x for y from 192.0.2.1 port 1", "", " 1"),
    ] {
        assert_eq!(stopped(text), (pattern.to_owned(), rest.to_owned()), "{text}");
    }
    assert_eq!(grok.progress("Failed x for y from z").piece, 5);
}

#[test]
fn re2_classes_are_ascii() {
    for (pattern, text, expected) in [
        (r"^\d$", "٣", false),
        (r"^\w$", "é", false),
        (r"^\W$", "é", true),
        (r"^\s$", "\u{b}", false),
        (r"^\s$", "\u{a0}", false),
        (r"\bé", "xé", true),
        (r"x\b", "xé", true),
        (r"^.$", "é", true),
        (r"^.$", "\n", false),
        (r"^[^x]$", "\n", true),
        (r"(?i)^k$", "\u{212a}", true),
        (r"^[\d\W]$", "é", true),
        (r"^[\D]$", "5", false),
    ] {
        assert_eq!(
            re2::compile(pattern).unwrap().is_match(text),
            expected,
            "{pattern} on {text:?}"
        );
    }
}

#[test]
fn re2_reads_as_text_what_other_dialects_read_as_operators() {
    for (pattern, text) in [
        ("^a{$", "a{"),
        ("^a{,2}$", "a{,2}"),
        ("^a{x}$", "a{x}"),
        ("^a{01}$", "a{01}"),
        (r"^\<a\>$", "<a>"),
        ("^[[a]$", "["),
        ("^[a&&b]$", "&"),
        ("^[!--b]$", "b"),
        ("^[+--]$", ","),
        ("^[a~~b]$", "~"),
        ("^[]a]$", "]"),
        ("^[^]a]$", "b"),
        ("^[a-]$", "-"),
        (r"^\Qa.b*\E+$", "a.b**"),
        (r"^\x{41}\x42\103\0$", "ABC\0"),
        (r"^\pL\p{Greek}\P{Greek}\p{^Greek}$", "aαaa"),
        ("^[[:alpha:][:^digit:]]$", "a"),
        (r"^\/\-\_\ $", "/-_ "),
        (r"^(?P<n>a)(?<m>b)$", "ab"),
        (r"^a#b c$", "a#b c"),
    ] {
        assert!(re2::compile(pattern).unwrap().is_match(text), "{pattern} on {text:?}");
    }
    assert!(!re2::compile("^[a&&b]$").unwrap().is_match("c"));
}

#[test]
fn what_re2_refuses_is_refused_with_its_place() {
    for (pattern, offset) in [
        ("ab(", 2),
        ("ab)", 2),
        ("a**", 2),
        ("*a", 0),
        ("a|*", 2),
        ("a{1001}", 1),
        ("a{2,1}", 1),
        ("(a{100}){11}", 2),
        (r"(a)\1", 3),
        (r"a\Z", 1),
        (r"a\C", 1),
        (r"\E", 0),
        ("(?=a)", 0),
        ("a(?<!b)", 1),
        ("(?>a)", 0),
        ("(?x)a", 0),
        ("a[b", 1),
        ("[b-a]", 1),
        ("[[:no:]]", 1),
        (r"a\p{No_Such_Script}", 1),
        (r"a\é", 1),
        ("\\", 0),
    ] {
        match re2::compile(pattern) {
            Ok(_) => panic!("{pattern} compiles"),
            Err(error) => assert_eq!(error.offset, offset, "{pattern}: {error}"),
        }
    }
}

#[test]
fn huge_repeats_are_refused_or_compile() {
    assert!(re2::compile("(?:a{100}){10}").is_ok());
    let error = re2::compile(r"(?:\pL{999}\pL{999}\pL{999}){1}\pL{999}\pL{999}").unwrap_err();
    assert!(error.message.contains("MiB"), "{error}");
}
