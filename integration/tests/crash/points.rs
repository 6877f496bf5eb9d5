//! Crashes between every two steps of a commit and of what follows it: wherever the code names a crash
//! point (`connectors/src/crash.rs`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::world::{World, binary};
use crate::{Dice, number};

/// How long it may take to reach a point.
const SOON: Duration = Duration::from_secs(60);
/// In so many parts the logs are written, for each crash.
const PARTS: u64 = 20;
/// What names the point to a process.
const VARIABLE: &str = "SPILLWAY_CRASH_AT";
/// How points begin that only a rotation of files passes.
const ROTATION: &str = "rotation-";
/// What the code calls.
const CALL: &str = "crash::point(\"";

/// Adds the crash points that the files of a directory name.
fn named_in(directory: &Path, points: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named_in(&path, points);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let calls = text.split(CALL).skip(1);
            points.extend(calls.map(|call| call.split('"').next().unwrap().to_owned()));
        }
    }
}

fn points() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut points = BTreeSet::new();
    for source in ["connectors/src", "pipeline/src"] {
        named_in(&root.join(source), &mut points);
    }
    points.into_iter().collect()
}

/// Whether the binary was built with the feature `crash-points`.
fn can_crash() -> bool {
    let program = fs::read(binary()).unwrap();
    program.windows(VARIABLE.len()).any(|bytes| bytes == VARIABLE.as_bytes())
}

#[test]
fn crashes_between_any_two_steps_change_nothing() {
    if !can_crash() {
        eprintln!("skipped: the binary has no crash points (--features spillway/crash-points)");
        return;
    }
    let mut points = points();
    points.retain(|point| !point.starts_with(ROTATION));
    assert!(points.len() > 12, "{points:?}");
    let mut world = World::new("crashes_between_any_two_steps_change_nothing");
    if world.is_small() {
        // What only happens with a broker.
        points.retain(|point| {
            !["kafka-", "source-group-"].iter().any(|kind| point.starts_with(kind))
        });
    }
    let (rounds, mut dice) = (number("SPILLWAY_ROUNDS", 1), Dice(number("SPILLWAY_SEED", 1)));
    let (mut part, of) = (0, PARTS * rounds * points.len() as u64);
    for _ in 0..rounds {
        for point in &points {
            // What starts happens once in a process, and a generation with each reload.
            let once = ["start-", "generation-"].iter().any(|kind| point.starts_with(kind));
            let passed = if once { 0 } else { dice.below(3) };
            let mut command = Command::new(binary());
            command.env(VARIABLE, format!("{point}:{passed}"));
            let mut running = world.start_by("crashed", command);
            let reloads = point.starts_with("reload-");
            if reloads {
                world.wait_until_it_runs("crashed");
            }
            let deadline = Instant::now() + SOON;
            let status = loop {
                if let Some(status) = running.0.try_wait().unwrap() {
                    break status;
                }
                assert!(Instant::now() < deadline, "{point}: {}", world.errors("crashed"));
                if reloads {
                    running.reload();
                }
                if part < of {
                    world.logs.grow((part, part + 1), of);
                    part += 1;
                }
                std::thread::sleep(Duration::from_millis(50));
            };
            // SIGABRT
            assert_eq!(status.signal(), Some(6), "{point}: {}", world.errors("crashed"));
        }
    }
    world.logs.grow((part, of), of);
    let running = world.start("crashed");
    world.wait("crashed");
    world.end(running, "crashed");
    world.check("crashed");
}

#[test]
fn crashes_while_files_are_rotated_change_nothing() {
    if !can_crash() {
        eprintln!("skipped: the binary has no crash points (--features spillway/crash-points)");
        return;
    }
    let mut points = points();
    points.retain(|point| point.starts_with(ROTATION));
    assert!(points.len() > 3, "{points:?}");
    let mut world = World::of_rotated_files();
    let (rounds, mut dice) = (number("SPILLWAY_ROUNDS", 1), Dice(number("SPILLWAY_SEED", 1)));
    let (mut part, of) = (1, PARTS * rounds * points.len() as u64);
    // What was rotated before a file was ever read belongs to nobody.
    world.logs.grow((0, 1), of);
    let running = world.start("crashed");
    world.wait_until_all_is_begun("crashed");
    world.end(running, "crashed");
    for _ in 0..rounds {
        for point in &points {
            let mut command = Command::new(binary());
            command.env(VARIABLE, format!("{point}:{}", dice.below(2)));
            if point == "rotation-located" {
                // It looks for the file that was rotated while it was down.
                world.logs.grow((part, part + 1), of);
                part += 1;
                command.env(VARIABLE, format!("{point}:0"));
            }
            let mut running = world.start_by("crashed", command);
            let deadline = Instant::now() + SOON;
            let status = loop {
                if let Some(status) = running.0.try_wait().unwrap() {
                    break status;
                }
                assert!(Instant::now() < deadline, "{point}: {}", world.errors("crashed"));
                if part < of - 1 {
                    world.logs.grow((part, part + 1), of);
                    part += 1;
                }
                std::thread::sleep(Duration::from_millis(400));
            };
            assert_eq!(status.signal(), Some(6), "{point}: {}", world.errors("crashed"));
        }
    }
    world.logs.grow((part, of), of);
    let running = world.start("crashed");
    world.wait("crashed");
    world.end(running, "crashed");
    world.logs.join();
    world.check("crashed");
}
