//! The service, killed again and again while logs are written: what it tells is what one that nobody
//! kills tells, byte for byte.
//!
//! SPILLWAY_KILLS=30    how often; SPILLWAY_SEED=1   which instants
//! SPILLWAY_ROUNDS=1    how often at each crash point; SPILLWAY_LONG=1   troubles of minutes

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

mod logs;
mod points;
mod senders;
mod store;
mod troubles;
mod world;

use world::World;

/// Parts of the logs that are written between two kills.
const PARTS: u64 = 10;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A sequence of numbers that looks random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn a_killed_service_tells_what_an_unharmed_one_tells() {
    let (kills, seed) = (number("SPILLWAY_KILLS", 30), number("SPILLWAY_SEED", 1));
    let mut world = World::new("a_killed_service_tells_what_an_unharmed_one_tells");
    // With brokers a service takes a second until it reads.
    let longest = if world.is_small() { 900 } else { 2_500 };
    let mut dice = Dice(seed);
    for kill in 0..kills {
        let mut running = world.start("killed");
        let until = Instant::now() + Duration::from_millis(100 + dice.below(longest));
        for part in 0..PARTS {
            let at = kill * PARTS + part;
            world.logs.grow((at, at + 1), kills * PARTS);
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left / u32::try_from(PARTS - part).unwrap());
        }
        assert_eq!(running.0.try_wait().unwrap(), None, "{}", world.errors("killed"));
    }
    let running = world.start("killed");
    world.wait("killed");
    world.end(running, "killed");
    eprintln!("{kills} kills, seed {seed}");
    world.check("killed");
}
