//! A message of any form: its line begins with a time and a host, and holds the end of the message. Of
//! RFC 5424 the end may be an identifier or data, which lines do not have.
#![no_main]

use connectors::syslog::header::{Arrival, Form, without_priority, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &str| {
    let mut line = String::from("before");
    let arrival = Arrival { peer: "192.0.2.7", time: "2026-11-26T16:00:00Z" };
    let form = write(message, arrival, &mut line);
    let line = line.strip_prefix("before").expect("it is appended");
    assert!(line.len() <= message.len() + 64);
    assert!(line.contains(' '));
    let last = without_priority(message).chars().last().unwrap_or(' ');
    assert!(form == Form::Modern || line.contains(last), "{message:?} became {line:?}");
});
