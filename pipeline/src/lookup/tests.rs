//! What rules may ask of the world, against a data directory made for each test.

use std::sync::Arc;

use operators::enrich::{Dates, Method, Places};
use operators::event::{Event, Line};
use operators::schema::Space;
use operators::time::{EventTime, Stamp};

use super::*;

fn world(files: &[(&str, &str)]) -> (tempfile::TempDir, WorldLookups) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let world = WorldLookups::new(directory.path(), Stamp::utc_at(EventTime(0)));
    (directory, world)
}

#[test]
fn comments_and_empty_lines_are_no_entries() {
    let (_directory, mut world) = world(&[("list.txt", "# head\none\n\n two \r\n#three\n")]);
    world.load("list.txt", "string").unwrap();
    let Some(Value::List(list)) = world.file("list.txt") else { panic!("no list") };
    let texts: Vec<_> = list.items.iter().map(|item| format!("{item:?}")).collect();
    assert_eq!(texts, ["Str(\"one\")", "Str(\" two \")"]);
}

#[test]
fn any_expression_of_a_file_is_enough() {
    let (_directory, mut world) = world(&[("re.txt", "^a\\d$\n(?i)BOT\n")]);
    world.load("re.txt", "regexp").unwrap();
    assert_eq!(world.regexp_in_file("a1", "re.txt"), Some(true));
    assert_eq!(world.regexp_in_file("a robot", "re.txt"), Some(true));
    // Arabic-Indic one: a digit of Unicode, none of Go.
    assert_eq!(world.regexp_in_file("a\u{661}", "re.txt"), Some(false));
    assert_eq!(world.regexp_in_file("a1", "other.txt"), None);
}

#[test]
fn a_wrong_line_is_named_and_left_out() {
    let map = format!("{{}}\n{}\n", r#"{"pattern":"a","tag":"t","type":"equals"}"#);
    let many = "(\n".repeat(25);
    let (_directory, mut world) =
        world(&[("re.txt", "#\nok\n(\n^a"), ("map.json", &map), ("many.txt", &many)]);
    for (name, kind) in [("re.txt", "regex"), ("map.json", "map"), ("many.txt", "regex")] {
        world.load(name, kind).unwrap();
    }
    assert_eq!(world.regexp_in_file("abc", "re.txt"), Some(true));
    assert_eq!(world.lookup_file("a", "map.json"), Some("t"));
    let told: Vec<_> =
        world.warnings().iter().map(|one| (&*one.file, one.line, one.message.as_str())).collect();
    assert_eq!((told[0].0, told[0].1), ("re.txt", 3));
    assert!(told[0].2.starts_with("this line is left out: "), "{told:?}");
    assert_eq!((told[1].0, told[1].1), ("map.json", 1));
    assert_eq!(told[12], ("many.txt", 0, "15 more lines are left out"));
    assert_eq!(told.len(), 13);
}

#[test]
fn maps_prefer_equals_then_contains_then_expressions() {
    let rows = concat!(
        r#"{"pattern":"^/a","tag":"regex","type":"regex"}"#,
        "\n",
        r#"{"pattern":"bc","tag":"late","type":"contains"}"#,
        "\n",
        r#"{"pattern":"ab","tag":"first","type":"contains"}"#,
        "\n",
        r#"{"pattern":"abc","tag":"longer","type":"contains"}"#,
        "\n",
        r#"{"pattern":"/ab","tag":"old","type":"equals"}"#,
        "\n",
        r#"{"pattern":"/ab","tag":"equal","type":"equals"}"#,
        "\n",
        r#"{"pattern":"(","tag":"wrong","type":"regex"}"#,
        "\n",
    );
    let (_directory, mut world) = world(&[("map.json", rows)]);
    world.load("map.json", "map").unwrap();
    let tag = |text| world.lookup_file(text, "map.json");
    assert_eq!(tag("/ab"), Some("equal"));
    assert_eq!(tag("xabc"), Some("first"));
    assert_eq!(tag("/a"), Some("regex"));
    assert_eq!(tag("z"), Some(""));
    assert_eq!(world.lookup_file("/ab", "none.json"), None);
    assert_eq!(world.warnings().len(), 1);
}

#[test]
fn missing_files_are_listed_and_wrong_types_refused() {
    let (_directory, mut world) = world(&[]);
    world.load("gone.txt", "string").unwrap();
    world.load("typeless.txt", "").unwrap();
    assert_eq!(world.missing().collect::<Vec<_>>(), ["gone.txt"]);
    assert!(world.file("gone.txt").is_none());
    assert!(world.load("x", "strings").is_err());
}

#[test]
fn bots_are_proven_by_address_or_confirmed_name() {
    let rows = concat!(
        r#"{"name":"crawler","user_agent":"crawl","ranges":["192.0.2.0/24"]}"#,
        "\n",
        r#"{"name":"named","paths":["^/r"],"rdns":["\\.bot\\.example$"]}"#,
        "\n",
    );
    let (_directory, mut world) = world(&[("bots.json", rows)]);
    world.load("bots.json", "bots").unwrap();
    let recorded = concat!(
        r#"{"kind":"reverse_dns","question":"198.51.100.7","answer":["a.bot.example."]}"#,
        "\n",
        r#"{"kind":"reverse_dns","question":"198.51.100.8","answer":["a.bot.example."]}"#,
        "\n",
        r#"{"kind":"lookup_host","question":"a.bot.example","answer":["198.51.100.7"]}"#,
        "\n",
    );
    world.load_recorded(recorded).unwrap();
    let bot = |ip, agent, path| world.known_bot(ip, agent, path, &["bots.json"]);
    assert_eq!(bot("192.0.2.1:443", "A CRAWLER", "/"), "crawler");
    assert_eq!(bot("192.0.2.1", "browser", "/"), "");
    assert_eq!(bot("198.51.100.7", "", "/robots.txt"), "named");
    assert_eq!(bot("198.51.100.8", "", "/robots.txt"), "");
    let ip = "198.51.100.7".parse().unwrap();
    assert_eq!(world.reverse_dns(ip).as_deref(), Some("a.bot.example."));
}

#[test]
fn offline_answers_are_empty() {
    let (_directory, world) = world(&[]);
    let ip = "192.0.2.1".parse().unwrap();
    assert!(world.city(ip).is_none() && world.asn(ip).is_none());
    assert!(world.reverse_dns(ip).is_none() && world.lookup_host("a.example").is_empty());
    assert_eq!((world.decisions_count("a", None), world.active_decisions("a")), (0, (0, 0)));
    assert!(world.cti("192.0.2.1").is_err() && world.http("GET", "http://a", &[], "").is_err());
}

/// Data directory of the conformance kit, where there is one.
fn kit() -> Option<PathBuf> {
    let root = std::env::var("SPILLWAY_CONFORMANCE")
        .unwrap_or_else(|_| format!("{}/../../shared/conformance", env!("CARGO_MANIFEST_DIR")));
    let found = Some(PathBuf::from(root)).filter(|root| root.join("data-map.tsv").exists());
    if found.is_none() {
        eprintln!("skipped: no conformance kit");
    }
    found
}

#[test]
fn databases_of_the_kit_answer() {
    let Some(kit) = kit() else { return };
    let world = WorldLookups::new(&kit.join("data"), Stamp::utc_at(EventTime(0)));
    assert!(world.warnings().is_empty(), "{:?}", world.warnings());
    let asn = world.asn("203.0.113.5".parse().unwrap()).unwrap();
    assert_eq!((asn.number, asn.range.as_str()), (64_500, "203.0.113.0/24"));
    assert_eq!(world.city("::ffff:1.2.3.4".parse().unwrap()).unwrap().iso_code, "AU");
    let unknown = "192.0.2.1".parse().unwrap();
    assert_eq!(world.city(unknown), Some(City::default()));
    assert_eq!(world.asn(unknown), Some(Asn::default()));
}

#[test]
fn data_files_of_the_kit_load() {
    let Some(kit) = kit() else { return };
    let mut world = WorldLookups::new(&kit.join("data"), Stamp::utc_at(EventTime(0)));
    let table = std::fs::read_to_string(kit.join("data-map.tsv")).unwrap();
    let mut loaded = 0;
    for row in table.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        if ["string", "regex", "regexp", "map", "bots"].contains(&columns[2]) {
            world.load(columns[1], columns[2]).unwrap();
            loaded += 1;
        }
    }
    assert!(loaded > 10);
    let missing: Vec<_> = world.missing().collect();
    eprintln!("{loaded} data files, missing: {missing:?}, warnings: {:?}", world.warnings());
    assert!(missing.len() < loaded);
}

fn event(line: &str) -> Event {
    let line = Line {
        raw: line.into(),
        source: "".into(),
        labels: Arc::default(),
        module: operators::text::Text::Static("file"),
        time: Stamp::utc_at(EventTime(0)),
        zone: None,
    };
    Event::new(Arc::default(), line)
}

#[test]
fn enrichers_write_what_is_known() {
    let (_directory, mut world) = world(&[]);
    let recorded = r#"{"kind":"reverse_dns","question":"192.0.2.9","answer":["a.example."]}"#;
    world.load_recorded(recorded).unwrap();
    let mut event = event(r#"{"a": 1, "b": "x"}"#);
    event.str_time_format = "02.01.2006".into();
    let mut dates = Dates::default();
    let mut run = |name, value: &str| {
        Method::named(name)
            .unwrap()
            .run(value, &mut event, &world, (&mut dates, &mut Places::default()))
            .unwrap();
    };
    run("ParseDate", "03.02.2024");
    run("GeoIpCity", "192.0.2.9");
    run("reverse_dns", "192.0.2.9");
    run("reverse_dns", "not an address");
    run("UnmarshalJSON", "");
    let expected = [("MarshaledTime", "2024-02-03T00:00:00Z"), ("reverse_dns", "a.example.")];
    assert_eq!(event.named(Space::Enriched), expected);
    assert_eq!(event.time.map(|time| time.unix()), Some(1_706_918_400));
    assert!(matches!(event.unmarshaled.get("a"), Some(Value::Float(1.0))));
}

#[test]
fn a_line_that_is_no_object_changes_nothing() {
    let (_directory, world) = world(&[]);
    for line in ["[1]", "{", "7"] {
        let mut event = event(line);
        assert!(
            Method::UnmarshalJson
                .run("", &mut event, &world, (&mut Dates::default(), &mut Places::default()))
                .is_err(),
            "{line}"
        );
        assert!(event.unmarshaled.is_empty());
    }
}
