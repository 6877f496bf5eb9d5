//! What outputs are told, against its published schema: `deploy/schema`, one file for each stream and
//! version. `UPDATE_EXPECT=1` writes them anew.

use std::path::PathBuf;

use pipeline::emit::{SCHEMA, Stream, schema};
use serde_json::Value;

use integration::ports::free_port;

use crate::process::{Service, failures, whole_lines};
use crate::pushed;

const STREAMS: [Stream; 3] = [Stream::Alerts, Stream::Decisions, Stream::Unparsed];

fn published(stream: Stream) -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/schema"));
    folder.join(format!("{}-{SCHEMA}.json", stream.name()))
}

#[test]
fn the_published_schemas_are_those_of_this_build() {
    for stream in STREAMS {
        let path = published(stream);
        let text = format!("{:#}\n", schema(stream));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            kept,
            text,
            "{}: if readers would break, raise `emit::SCHEMA`; UPDATE_EXPECT=1 writes it",
            path.display()
        );
    }
}

#[test]
fn what_outputs_are_told_is_what_the_schema_says() {
    let port = free_port();
    let mut configuration = pushed(port);
    configuration.push_str("outputs:\n");
    for stream in [Stream::Alerts, Stream::Decisions] {
        let name = stream.name();
        configuration.push_str(&format!(
            "- output: file\n  name: {name}\n  path: {name}.jsonl\n  streams: [{name}]\n"
        ));
    }
    configuration.push_str("unparsed:\n- output: file\n  path: unparsed.jsonl\n");
    let service = Service::start(&configuration, &[]);
    service.push(port, &["no parser takes 203.0.113.60".to_owned()]);
    service.push(port, &["nor 2001:db8::7".to_owned()]);
    service.push(port, &failures("203.0.113.60", 12));
    service.push(port, &failures("2001:db8::7", 12));
    for stream in STREAMS {
        let file = service.folder().join(format!("{}.jsonl", stream.name()));
        let told = service.wait(stream.name(), || {
            let told = whole_lines(&file);
            (told.contains("203.0.113.60") && told.contains("2001:db8::7")).then_some(told)
        });
        let published: Value =
            serde_json::from_str(&std::fs::read_to_string(published(stream)).unwrap()).unwrap();
        let validator = jsonschema::draft202012::new(&published).unwrap();
        let properties = published["properties"].as_object().unwrap();
        for line in told.lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            let wrong: Vec<String> = validator
                .iter_errors(&message)
                .map(|error| format!("at {}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{line}\n{}", wrong.join("\n"));
            let unknown: Vec<&String> = message
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| !properties.contains_key(*key))
                .collect();
            assert!(unknown.is_empty(), "the schema does not have {unknown:?}");
        }
    }
}
