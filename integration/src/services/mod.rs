//! Real services for the tests: one function starts each, in a container where a Docker daemon has or
//! gets the image, as a child process else. A service ends with its value. What cannot be started
//! here is said by name on standard error, and the test that wanted it does without.

mod certificate;
pub mod kafka;
pub mod loki;
pub mod proxy;
mod runner;

pub use certificate::Certificates;
pub use kafka::Kafka;
pub use loki::Loki;
pub use proxy::{Mood, Proxy};
pub use runner::poll_until;
