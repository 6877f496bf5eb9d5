//! Rules are found, named, selected and ordered alike in hubs, installations and the binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use pipeline::compile::{Options, compile};
use pipeline::hub::data::Place;
use pipeline::hub::{RuleSet, RuleSource, Selection, load};

const PARSER: &str = "name: NAME\nfilter: 'true'\nstatics: [{meta: a, value: b}]\n";
const SCENARIO: &str = "name: NAME\ndescription: d\ntype: trigger\nfilter: 'true'\n";

fn write(root: &Path, path: &str, text: &str) -> PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn item(root: &Path, path: &str, name: &str) -> PathBuf {
    let shape = if path.contains("scenarios/") { SCENARIO } else { PARSER };
    write(root, path, &shape.replace("NAME", name))
}

fn all(root: &Path) -> RuleSet {
    load(&[RuleSource::Directory(root.into())], &Selection::All)
}

fn only(root: &Path, names: &[&str]) -> RuleSet {
    let names = names.iter().map(ToString::to_string).collect();
    load(&[RuleSource::Directory(root.into())], &Selection::Named(names))
}

fn parsers(rules: &RuleSet) -> Vec<String> {
    let files = rules.parsers.iter();
    files.map(|file| format!("{} {}", file.item.stage, file.item.name)).collect()
}

fn scenarios(rules: &RuleSet) -> Vec<&str> {
    rules.scenarios.iter().map(|scenario| scenario.spec.name.value.as_str()).collect()
}

fn errors(rules: &RuleSet) -> Vec<String> {
    rules.errors.iter().map(ToString::to_string).collect()
}

#[test]
fn parsers_run_by_stage_and_file_name_without_the_author() {
    let hub = tempfile::tempdir().unwrap();
    item(hub.path(), "parsers/s01-parse/zoe/a.yaml", "zoe/a");
    item(hub.path(), "parsers/s01-parse/amy/b.yml", "amy/b");
    item(hub.path(), "parsers/s00-raw/amy/z.yaml", "amy/z");
    item(hub.path(), "parsers/s00-raw/amy/notes.txt", "amy/notes");
    item(hub.path(), "scenarios/zoe/a.yaml", "b/first");
    item(hub.path(), "scenarios/amy/b.yaml", "a/second");
    let rules = all(hub.path());
    assert_eq!(errors(&rules), [""; 0]);
    assert_eq!(parsers(&rules), ["s00-raw amy/z", "s01-parse zoe/a", "s01-parse amy/b"]);
    assert_eq!(scenarios(&rules), ["a/second", "b/first"]);
}

#[test]
fn every_error_of_the_set_is_listed_and_the_rest_is_kept() {
    let hub = tempfile::tempdir().unwrap();
    write(hub.path(), "scenarios/me/a.yaml", "name: a\ntpye: trigger\n");
    write(hub.path(), "scenarios/me/b.yaml", "name: [\n");
    write(hub.path(), "parsers/s00-raw/me/c.yaml", "name: c\n");
    item(hub.path(), "scenarios/me/d.yaml", "d");
    let rules = all(hub.path());
    let shown = errors(&rules).join("\n").replace(hub.path().to_str().unwrap(), "HUB");
    assert!(shown.contains("HUB/parsers/s00-raw/me/c.yaml:1:1: this node does nothing"), "{shown}");
    assert!(shown.contains("HUB/scenarios/me/a.yaml:2:1: unknown key `tpye` in scenario"));
    assert!(shown.contains("HUB/scenarios/me/a.yaml:1:1: a scenario needs `filter`"), "{shown}");
    assert!(shown.contains("HUB/scenarios/me/b.yaml:2:1: this is not YAML"), "{shown}");
    assert_eq!(scenarios(&rules), ["d"]);
}

#[test]
fn a_broken_file_tells_of_its_expressions_too() {
    let hub = tempfile::tempdir().unwrap();
    let scenario = "name: a\ndescription: d\ntype: leaky\nfiler: x\nleakspeed: 10x\ncapacity: 1\n\
                    filter: Uper(evt.Meta.a) == 'X'\n";
    write(hub.path(), "scenarios/a.yaml", scenario);
    let parser = "name: b\nfitler: 'true'\nstatics:\n  - {meta: a, expression: evt.Lin.Raw}\n";
    write(hub.path(), "parsers/s00-raw/b.yaml", parser);
    write(hub.path(), "scenarios/c.yaml", "name: c\ntype: trigger\n");
    item(hub.path(), "scenarios/d.yaml", "d");
    let set = all(hub.path());
    let compiled = compile(&set, Options::default());
    let all = [&set.errors[..], &compiled.errors].concat();
    let mut shown: Vec<_> = all.iter().map(|error| (&error.file[..], error.line)).collect();
    shown.sort_unstable();
    let root = hub.path().to_str().unwrap();
    let shown: Vec<_> = shown.iter().map(|(file, line)| (&file[root.len() + 1..], *line)).collect();
    let (parser, scenario) = ("parsers/s00-raw/b.yaml", "scenarios/a.yaml");
    let empty = "scenarios/c.yaml";
    assert_eq!(
        shown,
        [
            (parser, 2),
            (parser, 4),
            (scenario, 4),
            (scenario, 5),
            (scenario, 7),
            (empty, 1),
            (empty, 1)
        ]
    );
    assert_eq!(compiled.rules.catalogue.scenarios().len(), 1, "the sound one runs");
}

#[test]
fn items_without_a_first_stage_are_remarked() {
    let hub = tempfile::tempdir().unwrap();
    item(hub.path(), "parsers/s00-raw/me/syslog.yaml", "me/syslog");
    item(hub.path(), "parsers/s01-parse/me/sshd.yaml", "me/sshd");
    let remarks = |names: &[&str]| only(hub.path(), names).warnings;
    let alone = remarks(&["me/sshd"]);
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert!(alone[0].help.as_ref().unwrap().contains("`me/syslog`"), "{alone:?}");
    assert_eq!(remarks(&["me/sshd", "me/syslog"]).len(), 0);
}

#[test]
fn a_collection_brings_its_members_and_theirs() {
    let hub = tempfile::tempdir().unwrap();
    item(hub.path(), "parsers/s01-parse/me/a.yaml", "me/a");
    item(hub.path(), "parsers/s01-parse/me/b.yaml", "me/b");
    item(hub.path(), "scenarios/me/a.yaml", "me/a");
    item(hub.path(), "scenarios/me/c.yaml", "me/other-name");
    let outer = "name: me/outer\ncollections: [me/inner]\nparsers: [me/a]\nappsec-rules: [x/y]\n";
    write(hub.path(), "collections/me/outer.yaml", outer);
    let inner = "scenarios: [me/other-name, '']\ncollections: [me/outer]\n";
    write(hub.path(), "collections/me/inner.yaml", inner);
    let rules = only(hub.path(), &["me/outer"]);
    assert_eq!(errors(&rules), [""; 0]);
    assert_eq!(parsers(&rules), ["s01-parse me/a"], "not the scenario of that name");
    assert_eq!(scenarios(&rules), ["me/other-name"]);
}

#[test]
fn a_name_that_nothing_has_is_refused_with_its_neighbour() {
    let hub = tempfile::tempdir().unwrap();
    item(hub.path(), "scenarios/me/ssh-bf.yaml", "me/ssh-bf");
    let rules = only(hub.path(), &["me/ssh-fb"]);
    assert_eq!(errors(&rules), ["me/ssh-fb: item `me/ssh-fb` is not here"]);
    assert_eq!(rules.errors[0].help.as_deref(), Some("did you mean `me/ssh-bf`?"));
}

#[test]
fn a_scenario_of_ones_own_is_wanted_by_the_name_in_it() {
    let (own, hub) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mine = item(own.path(), "scenarios/mine.yaml", "me/ssh-bf");
    item(own.path(), "scenarios/others.yaml", "me/ssh-bf-of-others");
    item(hub.path(), "scenarios/me/ssh-bf.yaml", "me/ssh-bf");
    let places = [own.path(), hub.path()].map(|path| RuleSource::Directory(path.into()));
    for wanted in [&["me/ssh-bf"][..], &["mine"], &["me/ssh-bf", "mine"]] {
        let names = wanted.iter().map(ToString::to_string).collect();
        let rules = load(&places, &Selection::Named(names));
        assert_eq!(errors(&rules), [""; 0]);
        let paths = rules.scenarios.iter().map(|scenario| &*scenario.item.path);
        assert_eq!(paths.collect::<Vec<_>>(), [mine.to_str().unwrap()], "{wanted:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_installation_is_followed_through_its_links() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let (etc, lib) = (root.path().join("etc"), root.path().join("lib"));
    let config = format!(
        "config_paths:\n  hub_dir: {lib}/hub\n  data_dir: {lib}/data\n  pattern_dir: /nowhere\n\
         api: {{server: {{profiles_path: /nowhere}}}}\n",
        lib = lib.display()
    );
    write(&etc, "config.yaml", &config);
    write(&etc, "profiles.yaml", "");
    write(&etc, "console/context.yaml", "user: [evt.Meta.user]\n");
    write(&etc, "patterns/mine", "MINE x\n");
    write(&etc, "patterns/mine.bak", "MINE y\n");
    write(&lib, "data/list.txt", "x\n");
    let target = item(&lib, "hub/scenarios/amy/b.yaml", "amy/b");
    let digest = pipeline::hub::item::hash(&fs::read(&target).unwrap());
    let index = format!(
        r#"{{"scenarios": {{"amy/b": {{"path": "scenarios/amy/b.yaml", "version": "0.9",
        "versions": {{"0.7": {{"digest": "{digest}"}}}}}}}}}}"#
    );
    write(&lib, "hub/.index.json", &index);
    item(&lib, "hub/scenarios/amy/unused.yaml", "amy/unused");
    item(&etc, "scenarios/local.yaml", "me/local");
    symlink(&target, etc.join("scenarios/b.yaml")).unwrap();
    symlink("/dev/null", etc.join("scenarios/off.yaml")).unwrap();
    symlink(lib.join("gone"), etc.join("scenarios/gone.yaml")).unwrap();
    let rules = all(&etc);
    assert_eq!(scenarios(&rules), ["amy/b", "me/local"]);
    let items: Vec<_> = rules.scenarios.iter().map(|s| (&*s.item.name, &*s.item.version)).collect();
    assert_eq!(items, [("amy/b", "0.7"), ("local", "")]);
    assert_eq!(*rules.scenarios[0].item.hash, *digest);
    assert_eq!(rules.errors.len(), 1, "{:?}", rules.errors);
    assert!(rules.errors[0].message.starts_with("this link leads to"), "{}", rules.errors[0]);
    assert_eq!(rules.patterns.iter().map(|file| &file.name).collect::<Vec<_>>(), ["mine"]);
    assert_eq!(rules.contexts[0].contexts[0].key.value, "user");
    assert!(rules.profiles.as_ref().unwrap().starts_with(&etc));
    assert!(matches!(rules.place("list.txt"), Place::File(_)));
    assert!(matches!(rules.place("../hub/.index.json"), Place::Missing));
}

#[test]
fn the_first_place_wins_and_the_binary_is_one() {
    static FILES: [(&str, &str); 4] = [
        ("parsers/s00-raw/me/a.yaml", "name: built-in\nstatics: [{meta: a, value: b}]\n"),
        ("parsers/s00-raw/me/b.yaml", "name: built-in-b\nstatics: [{meta: a, value: b}]\n"),
        ("patterns/base", "A a\n"),
        ("data/list.txt", "x\n"),
    ];
    let hub = tempfile::tempdir().unwrap();
    item(hub.path(), "parsers/s00-raw/me/a.yaml", "mine");
    let sources = [RuleSource::Directory(hub.path().into()), RuleSource::Embedded(&FILES)];
    let rules = load(&sources, &Selection::All);
    let names: Vec<_> = rules.parsers.iter().map(|file| &*file.nodes[0].name.value).collect();
    assert_eq!(names, ["mine", "built-in-b"]);
    assert_eq!(rules.warnings.len(), 1);
    assert!(matches!(rules.place("list.txt"), Place::Embedded("x\n")));
    assert_eq!(rules.patterns[0].text, "A a\n");
}

#[test]
fn of_several_places_the_first_that_has_a_thing_gives_it() {
    let (mine, hub) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (root, name) in [(&mine, "a/mine"), (&hub, "a/theirs")] {
        item(root.path(), "scenarios/amy/s.yaml", name);
        item(root.path(), "scenarios/amy/same.yaml", "a/same");
        write(root.path(), "patterns/web", &format!("WEB {name}\n"));
    }
    let places = [&mine, &hub].map(|root| RuleSource::Directory(root.path().into()));
    let rules = load(&places, &Selection::All);
    assert_eq!(scenarios(&rules), ["a/mine", "a/same"]);
    let warnings: Vec<_> = rules.warnings.iter().map(|warning| &warning.message).collect();
    let first = mine.path().join("scenarios/amy/s.yaml");
    assert_eq!(warnings, [&format!("left out: `amy/s` is that of {}", first.display())]);
    let patterns: Vec<_> = rules.patterns.iter().map(|file| file.text.as_str()).collect();
    assert_eq!(patterns, ["WEB a/mine\n"]);
}

#[test]
fn a_scenario_goes_by_the_name_in_it() {
    let (mine, hub) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = item(mine.path(), "scenarios/my-own.yaml", "amy/s");
    let theirs = item(hub.path(), "scenarios/amy/s.yaml", "amy/s");
    item(hub.path(), "scenarios/amy/twin.yaml", "amy/twin");
    item(hub.path(), "scenarios/amy/other-twin.yaml", "amy/twin");
    for mine_first in [true, false] {
        let mut places = [&mine, &hub];
        if !mine_first {
            places.reverse();
        }
        let places = places.map(|root| RuleSource::Directory(root.path().into()));
        let rules = load(&places, &Selection::All);
        assert_eq!(scenarios(&rules), ["amy/s", "amy/twin", "amy/twin"]);
        let (kept, left) = if mine_first { (&own, &theirs) } else { (&theirs, &own) };
        assert_eq!(*rules.scenarios[0].item.path, *kept.display().to_string());
        let told = format!("left out: `amy/s` is that of {}", kept.display());
        assert_eq!(
            (&*rules.warnings[0].file, rules.warnings[0].message.as_str()),
            (left.display().to_string().as_str(), told.as_str())
        );
    }
}

#[test]
fn a_directory_without_rules_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let rules = all(empty.path());
    assert_eq!(rules.errors[0].message, "no rules here");
    let gone = all(&empty.path().join("gone"));
    assert!(gone.errors[0].message.contains("there is no such file"), "{:?}", gone.errors);
}

#[test]
fn what_is_no_text_is_refused() {
    let hub = tempfile::tempdir().unwrap();
    let path = item(hub.path(), "scenarios/me/a.yaml", "a");
    fs::write(&path, b"name: \xff\xfe\n").unwrap();
    assert!(all(hub.path()).errors[0].message.contains("not UTF-8 at byte 6"));
    fs::write(&path, b"name: a\0b\n").unwrap();
    assert!(all(hub.path()).errors[0].message.contains("U+0000"));
}
