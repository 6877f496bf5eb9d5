//! Numbers as people read them in a narrow column.

/// A count: `999`, `12.3k`, `4.5M`.
pub fn count(number: u64) -> String {
    scaled(number as f64, 1_000.0, &["", "k", "M", "G", "T"])
}

/// A number of bytes: `12 KiB`.
pub fn size(bytes: u64) -> String {
    scaled(bytes as f64, 1_024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

fn scaled(mut number: f64, step: f64, units: &[&str]) -> String {
    let mut at = 0;
    while number >= step && at + 1 < units.len() {
        number /= step;
        at += 1;
    }
    let unit = units.get(at).copied().unwrap_or("");
    match at {
        0 => format!("{number}{unit}"),
        _ => format!("{number:.1}{unit}"),
    }
}

/// A short time: `12ms`, `3.4s`, `5m`.
pub fn seconds(time: f64) -> String {
    match time {
        time if time < 1.0 => format!("{:.0}ms", time * 1_000.0),
        time if time < 100.0 => format!("{time:.1}s"),
        time => age(time),
    }
}

/// A long time: `42s`, `5m`, `3h 20m`, `12d 4h`.
pub fn age(time: f64) -> String {
    let seconds = std::time::Duration::try_from_secs_f64(time).unwrap_or_default().as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {}m", minutes % 60),
        (days, hours, _) => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [count(0), count(999), count(12_345), count(4_560_000)],
            ["0", "999", "12.3k", "4.6M"]
        );
        assert_eq!([size(12), size(2_048), size(3 << 30)], ["12 B", "2.0 KiB", "3.0 GiB"]);
        assert_eq!([seconds(0.0123), seconds(3.44), seconds(600.0)], ["12ms", "3.4s", "10m"]);
        assert_eq!([age(42.0), age(12_000.0), age(1_051_200.0)], ["42s", "3h 20m", "12d 4h"]);
    }
}
