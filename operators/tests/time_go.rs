//! Layouts and durations against answers of Go's `time` package (`fixtures/time/go.tsv`, made with
//! TZ=UTC): `F` formatted, `P` parsed, `E` refused, `D` duration, `e` refused duration.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use operators::time::moment::ZoneName;
use operators::time::{GoDuration, Layout, Moment};

fn moment(seconds: &str, nanos: &str, offset: &str, name: &str) -> Moment {
    let utc = name == "UTC";
    Moment {
        seconds: seconds.parse().unwrap(),
        nanos: nanos.parse().unwrap(),
        offset: offset.parse().unwrap(),
        utc,
        name: ZoneName::new(if utc { b"" } else { name.as_bytes() }),
        zone: None,
    }
}

#[test]
fn layouts_and_durations_agree_with_go() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for line in include_str!("fixtures/time/go.tsv").lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let agrees = match columns.as_slice() {
            ["F", layout, seconds, nanos, offset, name, expected] => {
                let mut text = String::new();
                Layout::compile(layout).format(&mut text, &moment(seconds, nanos, offset, name));
                text == *expected
            }
            ["P", layout, value, seconds, nanos, offset, name] => {
                let layout = Layout::compile(layout);
                let expected = Ok(moment(seconds, nanos, offset, name));
                layout.parse(value) == expected && layout.parse_by_chunks(value) == expected
            }
            ["E", layout, value] => {
                let layout = Layout::compile(layout);
                layout.parse(value).is_err() && layout.parse_by_chunks(value).is_err()
            }
            ["D", text, nanos, printed] => GoDuration::parse(text)
                .is_ok_and(|d| d.0 == nanos.parse::<i64>().unwrap() && d.to_string() == *printed),
            ["e", text] => GoDuration::parse(text).is_err(),
            _ => panic!("not a case: {line}"),
        };
        cases += 1;
        if !agrees {
            wrong.push(line);
        }
    }
    assert!(cases > 1_000);
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}
