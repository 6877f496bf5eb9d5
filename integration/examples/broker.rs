//! A broker with the lines of a log in topic `lines`, until standard input ends. Prints its address.
//! `cargo run --release -p spillway-integration --example broker LOG [PARTITIONS]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "for measurements by hand")]

use std::io::Read;

use integration::services::Kafka;
use integration::topic::Topics;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let text = std::fs::read_to_string(arguments.next().unwrap()).unwrap();
    let partitions: usize = arguments.next().map_or(4, |count| count.parse().unwrap());
    let Some(kafka) = Kafka::start("broker") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("lines", i32::try_from(partitions).unwrap(), &[]);
    for partition in 0..partitions {
        // Each line to the next partition: all of them have the same stretch of time.
        let lines = text.lines().skip(partition).step_by(partitions);
        topics.fill("lines", i32::try_from(partition).unwrap(), "lz4", lines);
    }
    println!("{}", kafka.bootstrap());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
