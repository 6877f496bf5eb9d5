//! What this process used: for the summary, never for results.

use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A running measurement.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    started: Instant,
    processor: Duration,
}

/// What was used since the start of a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// Time that passed. Unit: seconds.
    pub seconds: f64,
    /// Time of all processors, threads together. Unit: seconds.
    pub cpu_seconds: f64,
    /// The most memory that the process held since it began. Unit: bytes; `None` where the system
    /// does not tell.
    pub peak_memory: Option<u64>,
}

impl Usage {
    /// Measures from now on.
    pub fn start() -> Self {
        Self { started: Instant::now(), processor: processor_time() }
    }

    /// What was used until now.
    pub fn so_far(&self) -> Used {
        Used {
            seconds: self.started.elapsed().as_secs_f64(),
            cpu_seconds: processor_time().saturating_sub(self.processor).as_secs_f64(),
            peak_memory: peak_memory(),
        }
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// `VmHWM` of proc(5).
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_processor_time_and_memory() {
        let usage = Usage::start();
        let numbers: Vec<u64> = (0..4_000_000).map(std::hint::black_box).collect();
        let used = usage.so_far();
        assert!(used.cpu_seconds > 0.0 && used.seconds > 0.0);
        let held = (std::hint::black_box(&numbers).len() * size_of::<u64>()) as u64;
        assert!(used.peak_memory.is_none_or(|peak| peak > held));
    }
}
