//! Allowlists from their making to their removal.

use serde_json::Value;

use crate::column;
use crate::served::Served;

#[test]
fn an_allowlist_ends_what_it_covers_and_holds_off_what_comes() {
    let served = Served::start();
    served.run(&["decisions", "add", "-i", "192.0.2.7"]);
    served.run(&["allowlists", "create", "office", "-d", "the office"]);
    let added = served.run(&[
        "allowlists",
        "add",
        "office",
        "192.0.2.0/24",
        "2001:db8::1",
        "-e",
        "1d",
        "-d",
        "lan",
    ]);
    assert_eq!(added, "added 2 values to allowlist office\n1 decisions deleted by allowlists\n");
    let errors = served.refused(&["decisions", "add", "-i", "192.0.2.8"]);
    assert!(
        errors.contains("192.0.2.8 is allowlisted by item 192.0.2.0/24 from office (lan)"),
        "{errors}"
    );
    let errors = served.refused(&["decisions", "add", "-r", "192.0.2.0/28"]);
    assert!(errors.contains("is allowlisted"), "{errors}");
    let checked = served.run(&["allowlists", "check", "192.0.2.9", "198.51.100.1"]);
    assert_eq!(
        checked,
        "192.0.2.9 is allowlisted by item 192.0.2.0/24 from office (lan)\n\
         198.51.100.1 is not allowlisted\n"
    );
    let values = served.file("values", "192.0.2.9\n198.51.100.1\n");
    let imported = served.run(&["decisions", "import", "-i", &values, "--format", "values"]);
    assert!(imported.contains("Value 192.0.2.9 is allowlisted by"), "{imported}");
    assert!(imported.ends_with("Imported 1 decisions\n"), "{imported}");
}

#[test]
fn allowlists_are_shown_filled_and_emptied() {
    let served = Served::start();
    served.run(&["allowlists", "create", "office", "-d", "the office"]);
    let csv =
        served.file("allow.csv", "value,expiration,comment\n192.0.2.1,24h,mine\n192.0.3.0/24,,\n");
    assert_eq!(
        served.run(&["allowlists", "import", "office", "-i", &csv]),
        "added 2 values to allowlist office\n"
    );
    let raw = served.run(&["allowlists", "list", "-o", "raw"]);
    assert_eq!(
        raw.lines().next().unwrap(),
        "name,description,created_at,updated_at,console_managed,size"
    );
    assert_eq!((column(&raw, 1, "name"), column(&raw, 1, "size")), ("office".into(), "2".into()));
    let created = column(&raw, 1, "created_at");
    assert_eq!(created.len(), "2026-11-27T05:57:39Z".len(), "{created}");
    let table = served.run(&["allowlists", "list"]);
    assert!(table.contains("Managed by Console") && table.contains(" no "), "{table}");
    let raw = served.run(&["allowlists", "inspect", "office", "-o", "raw"]);
    assert_eq!(column(&raw, 1, "comment"), "mine");
    assert_eq!(column(&raw, 2, "expiration"), "never");
    let json: Value =
        serde_json::from_str(&served.run(&["allowlists", "inspect", "office", "-o", "json"]))
            .unwrap();
    assert_eq!(json["items"][1]["value"], "192.0.3.0/24");
    assert!(served.run(&["allowlists", "inspect", "office"]).contains("Allowlist: office"));
    assert!(
        served
            .refused(&["allowlists", "add", "offfice", "192.0.2.1"])
            .contains("did you mean 'office'?")
    );
    assert!(served.refused(&["allowlists", "add", "office", "nonsense"]).contains("nonsense"));
    assert_eq!(
        served.run(&["allowlists", "add", "office", "192.0.2.1"]),
        "no new values for allowlist\n"
    );
    assert_eq!(
        served.run(&["allowlists", "remove", "office", "192.0.2.1", "192.0.2.99"]),
        "removed 1 values from allowlist office\n"
    );
    assert_eq!(
        served.run(&["allowlists", "delete", "office"]),
        "allowlist 'office' deleted successfully\n"
    );
    assert_eq!(served.run(&["allowlists", "list", "-o", "json"]), "[]\n");
}
