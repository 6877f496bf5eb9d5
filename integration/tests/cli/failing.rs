//! A store that fails while it is served: nobody is answered from what might not be on disk.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use integration::disk::Disk;

use crate::served::Served;

const READS: [(&str, &str); 7] = [
    ("GET", "/v1/decisions"),
    ("HEAD", "/v1/decisions"),
    ("GET", "/v1/decisions?ip=203.0.113.9"),
    ("GET", "/v1/decisions/stream?startup=true"),
    ("GET", "/v1/decisions/stream"),
    ("GET", "/v1/decisions/events"),
    ("GET", "/v1/blocklist"),
];

/// Decides by hand; whether that was kept.
fn ban(served: &Served, last: usize) -> bool {
    let address = format!("192.0.2.{last}");
    served.command(&["decisions", "add", "--ip", &address]).status.success()
}

#[test]
fn after_the_store_failed_everybody_is_told_to_come_again_until_it_is_started_again() {
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(place.path()) else {
        return eprintln!("skipped: no file system may be mounted here");
    };
    let folder = tempfile::tempdir().unwrap();
    symlink(place.path(), folder.path().join("data")).unwrap();
    let mut served = Served::start_in(folder, "");
    let key = served.run(&["bouncers", "add", "gate", "-o", "raw"]);
    let ask = |served: &Served, (method, target): (&str, &str)| {
        served.ask(method, target, &[("X-Api-Key", key.trim())])
    };
    assert!(ban(&served, 0));
    assert_eq!(ask(&served, READS[0]).status, 200);
    disk.fill();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut kept = 1;
    // What fits into the last page of a file is still written.
    while ban(&served, kept) {
        kept += 1;
        assert!(kept < 255 && Instant::now() < deadline, "{kept} were kept on a full disk");
    }
    for read in READS {
        let answer = ask(&served, read);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{read:?}");
    }
    disk.empty();
    assert_eq!(ask(&served, READS[0]).status, 503, "what was refused may be on disk, or not");
    served.restart(false);
    let all = ask(&served, READS[0]);
    assert_eq!(all.status, 200);
    for last in 0..kept {
        assert!(all.body.contains(&format!("\"192.0.2.{last}\"")), "{last}: {}", all.body);
    }
}
