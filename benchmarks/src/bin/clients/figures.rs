//! What is shown: percentiles of all latencies, none of them rounded into classes, and the CPU time
//! of the server.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How long each request took, from when it was due.
#[derive(Debug, Default)]
pub(crate) struct Latencies(pub(crate) Vec<Duration>);

impl Latencies {
    pub(crate) fn show(mut self, name: &str, cost: &Cost) -> Result<()> {
        self.0.sort_unstable();
        let count = self.0.len();
        let at = |part: f64| {
            let place = ((count as f64 * part) as usize).min(count.saturating_sub(1));
            self.0.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        let (cpu, wall) = cost.so_far()?;
        println!(
            "  {name:34} p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, last {:.2} ms; {count} in {:.1} s, \
             {:.1} CPU-us of the server each",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            wall.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / count.max(1) as f64,
        );
        Ok(())
    }
}

/// What a measurement costs the server.
#[derive(Debug)]
pub(crate) struct Cost {
    pid: u32,
    begun: Instant,
    before: Duration,
}

impl Cost {
    pub(crate) fn begin(pid: u32) -> Result<Self> {
        Ok(Self { pid, begun: Instant::now(), before: cpu(pid)? })
    }

    /// The same server from now on.
    pub(crate) fn again(&self) -> Result<Self> {
        Self::begin(self.pid)
    }

    /// CPU time of the server and time by the clock since the beginning.
    pub(crate) fn so_far(&self) -> Result<(Duration, Duration)> {
        Ok((cpu(self.pid)?.saturating_sub(self.before), self.begun.elapsed()))
    }

    /// Memory of the server. Unit: bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.context("no VmRSS")? * 1024)
    }
}

/// CPU time that a process took so far.
fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("no such process")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok());
    let ticks = ticks(11).context("no CPU time")? + ticks(12).context("no CPU time")?;
    // Linux shows hundredths of a second, whatever its own tick is.
    Ok(Duration::from_millis(ticks * 10))
}
