//! A store that cannot be written, and one that is damaged.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use integration::disk::Disk;

use crate::world::{Running, World, binary};

/// How long anything may take.
const SOON: Duration = Duration::from_secs(60);
/// Tables that are damaged, one after the other.
const MOST_TABLES: usize = 4;
/// How often the disk gets full.
const TIMES: u64 = 3;
/// Parts of the logs for each time.
const PARTS: u64 = 33;

/// Logs grow on a disk that stays full until a service ends by itself.
/// An output that waits for the disk holds the end up for seconds.
fn until_it_ends(world: &mut World, running: &mut Running, disk: &Disk, mut parts: Range<u64>) {
    let deadline = Instant::now() + SOON;
    while running.0.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end: {}", world.errors("full"));
        disk.fill();
        if let Some(part) = parts.next() {
            world.logs.grow((part, part + 1), TIMES * PARTS);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    world.logs.grow((parts.start, parts.end), TIMES * PARTS);
    assert!(!running.0.wait().unwrap().success());
}

#[test]
fn a_full_disk_ends_the_service_and_loses_nothing() {
    let mut world = World::of_files();
    let Some(disk) = Disk::mount(&world.directory("full")) else {
        return eprintln!("skipped: no file system may be mounted here");
    };
    for time in 0..TIMES {
        let (first, last) = (time * PARTS, (time + 1) * PARTS);
        let mut running = world.start("full");
        world.logs.grow((first, first + 5), TIMES * PARTS);
        world.wait_until_it_runs("full");
        until_it_ends(&mut world, &mut running, &disk, first + 5..last);
        disk.empty();
        let errors = world.errors("full");
        assert!(errors.contains("free space"), "what to do is said: {errors}");
    }
    let running = world.start("full");
    world.wait("full");
    world.end(running, "full");
    world.check("full");
}

/// A store with tables, and with a log of what was kept last.
fn a_store(world: &mut World) -> PathBuf {
    for part in 0..3 {
        let running = world.start("whole");
        world.wait_until_it_runs("whole");
        world.keep_more("whole", (part, part + 1), 4);
        world.end(running, "whole");
    }
    let running = world.start("whole");
    world.logs.grow((3, 4), 4);
    world.wait("whole");
    drop(running);
    world.directory("whole").join("data")
}

fn files(store: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let paths = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| is_wanted(path.file_name().unwrap().to_str().unwrap())).collect();
    paths.sort();
    paths
}

/// Changes a byte of a file, so many tenths of it behind its beginning.
fn damage(file: &Path, tenths: u64) {
    let size = fs::metadata(file).unwrap().len();
    let file = fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, size * tenths / 10).unwrap();
    file.write_all_at(&[byte[0] ^ 0xff], size * tenths / 10).unwrap();
}

fn verify(store: &Path) -> Output {
    Command::new(binary()).args(["state", "verify", "--data"]).arg(store).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_damaged_store_is_refused_and_what_is_damaged_is_named() {
    let mut world = World::of_files();
    let store = a_store(&mut world);
    let sound = verify(&store);
    assert!(sound.status.success(), "{}", said(&sound));
    let tables = files(&store, |name| name.ends_with(".sst"));
    let logs = files(&store, |name| name.ends_with(".log"));
    let manifests = files(&store, |name| name.starts_with("MANIFEST"));
    let full = |path: &&PathBuf| fs::metadata(path).unwrap().len() > 4096;
    let logs: Vec<_> = logs.iter().filter(full).collect();
    assert!(!tables.is_empty() && !manifests.is_empty() && !logs.is_empty());
    let mut refused = 0;
    let journals = logs.into_iter().chain(&manifests).map(|file| (file, 5));
    let tables = tables.iter().take(MOST_TABLES).flat_map(|file| [(file, 1), (file, 5)]);
    for (number, (file, tenths)) in journals.chain(tables).enumerate() {
        let run = format!("damaged-{number}");
        let copy = world.directory(&run).join("data");
        fs::create_dir_all(&copy).unwrap();
        for file in files(&store, |name| name != "LOCK" && !name.ends_with(".sock")) {
            fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
        let damaged = copy.join(file.file_name().unwrap());
        damage(&damaged, tenths);
        let found = verify(&copy);
        let (shown, said) = (damaged.display(), said(&found));
        assert!(!found.status.success() && said.contains("orrupt"), "{shown}: {said}");
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name) && !said.contains("`spillway state verify`"), "{said}");
        let is_table = name.ends_with(".sst");
        refused += usize::from(is_refused(&world, &run, &damaged) && is_table);
    }
    assert!(refused > 0, "no damaged table was noticed");
}

/// Whether a service ends for it, and says what to do. What is in tables it may need late.
#[track_caller]
fn is_refused(world: &World, run: &str, damaged: &Path) -> bool {
    let mut running = world.start(run);
    let is_table = damaged.extension().is_some_and(|extension| extension == "sst");
    let deadline = Instant::now() + if is_table { Duration::from_secs(3) } else { SOON };
    let status = loop {
        match running.0.try_wait().unwrap() {
            Some(status) => break status,
            None if is_table && Instant::now() > deadline => return false,
            None => assert!(Instant::now() < deadline, "{}", damaged.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let errors = world.errors(run);
    let shown = damaged.display();
    assert!(!status.success() && errors.contains("state verify"), "{shown}: {errors}");
    assert!(!errors.contains("panicked"), "{shown}: {errors}");
    true
}
