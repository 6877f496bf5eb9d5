//! An entry of the journal as the line that parsers see: `TIME HOST PROGRAM[PID]: MESSAGE`, what
//! `journalctl` prints by default and CrowdSec reads. The time is written as ISO 8601 in UTC, which
//! the hub's patterns take as well, since the default form has neither year nor zone.

use super::export::Entry;
use crate::rfc3339;

/// Appends the line of an entry. A message of several lines stays one text: its first line is what
/// parsers read, and no later one can pass for an entry of its own.
pub(super) fn write(entry: &Entry, line: &mut String) -> bool {
    // Writing to a text cannot fail.
    let _ = rfc3339::write(entry.time.saturating_mul(1000), line);
    line.push(' ');
    line.push_str(if entry.host.is_empty() { "localhost" } else { &entry.host });
    line.push(' ');
    // In the order of systemd's `output_short`.
    let program = [&entry.identifier, &entry.command].into_iter().find(|name| !name.is_empty());
    line.push_str(program.map_or("unknown", String::as_str));
    if let Some(pid) = [&entry.pid, &entry.syslog_pid].into_iter().find(|pid| !pid.is_empty()) {
        for part in ["[", pid, "]"] {
            line.push_str(part);
        }
    }
    line.push_str(": ");
    let message = String::from_utf8_lossy(&entry.message);
    line.push_str(message.trim_end_matches('\n'));
    matches!(message, std::borrow::Cow::Owned(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_look_as_journalctl_prints_them() {
        let entry = Entry {
            time: 1_795_708_800_123_456,
            host: "web1".into(),
            identifier: "sshd".into(),
            command: "sshd-session".into(),
            pid: "812".into(),
            message: b"Failed password\nfor root\n".to_vec(),
            ..Entry::default()
        };
        let mut line = String::new();
        assert!(!write(&entry, &mut line));
        assert_eq!(line, "2026-11-26T16:00:00.123456Z web1 sshd[812]: Failed password\nfor root");
        let bare = Entry { syslog_pid: "7".into(), message: b"\xff".to_vec(), ..Entry::default() };
        line.clear();
        assert!(write(&bare, &mut line));
        assert_eq!(line, "1970-01-01T00:00:00Z localhost unknown[7]: \u{fffd}");
    }
}
