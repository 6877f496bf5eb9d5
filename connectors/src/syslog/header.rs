//! From a message to the line that parsers see: `TIME HOST TAG: TEXT`, the form of the files that
//! rsyslog writes and that the hub's `syslog-logs`, `unifi-logs` and `cef-logs` read.
//!
//! CrowdSec (1.7.8, `pkg/acquisition/modules/syslog`) writes every message anew as `Jan 2 15:04:05 host
//! tag[pid]: text`, which loses the year, the zone and fractions of a second, cuts tags at the first
//! character that is no letter or digit (`postfix/smtpd`), and drops what it cannot read. Here
//!
//! * a message that is in that form already stays as it was sent, without its priority;
//! * a time with a year or a zone stays, or becomes, one of ISO 8601: the hub's patterns take either,
//!   and an instant is known exactly where it was sent exactly;
//! * what is missing is added: the peer's address for the host, the arrival for the time;
//! * what cannot be read at all is kept behind both.
//!
//! Of RFC 5424 the message identifier and the structured data are left out, as CrowdSec and rsyslog's
//! files do; where there is no text, the structured data is the text. The message stays beside its line,
//! as it came: what no parser takes is set aside with it.

use std::net::IpAddr;

use super::stamp::Stamp;

/// Facility 23, severity 7.
const MAX_PRIORITY: u8 = 191;

/// What is known of a message besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Address of the peer.
    pub peer: &'a str,
    /// Time of arrival as ISO 8601, with zone.
    pub time: &'a str,
}

/// How a message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 5424.
    Modern,
    /// RFC 3164, or what devices make of it.
    Classic,
    /// Without a time.
    Bare,
}

/// Appends the line of a message to `line`.
pub fn write(message: &str, arrival: Arrival<'_>, line: &mut String) -> Form {
    let body = without_priority(message);
    if let Some(message) = Modern::read(body) {
        message.write(arrival, line);
        return Form::Modern;
    }
    if let Some((stamp, rest)) = Stamp::find(body) {
        stamp.write(line);
        line.push(' ');
        write_host(rest, arrival, line);
        return Form::Classic;
    }
    for part in [arrival.time, " ", arrival.peer, " ", body.trim_start_matches(' ')] {
        line.push_str(part);
    }
    Form::Bare
}

/// The message without `<13>`.
pub fn without_priority(message: &str) -> &str {
    let priority = message.get(..5).unwrap_or(message).strip_prefix('<');
    let Some((digits, _)) = priority.and_then(|priority| priority.split_once('>')) else {
        return message;
    };
    // `+7` is a number, too.
    let is_priority = digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u8>().is_ok_and(|priority| priority <= MAX_PRIORITY);
    let body = is_priority.then(|| message.get(digits.len() + 2..)).flatten();
    body.unwrap_or(message)
}

/// Appends what follows the time, after the host if that is missing.
fn write_host(rest: &str, arrival: Arrival<'_>, line: &mut String) {
    // AIX and others tell who sent it to them.
    if let Some((host, text)) =
        rest.strip_prefix("Message forwarded from ").and_then(|rest| rest.split_once(": "))
    {
        for part in [host, " ", text] {
            line.push_str(part);
        }
        return;
    }
    let has_host = rest.split_once(' ').is_some_and(|(word, _)| !is_tag(word));
    if !has_host {
        line.push_str(arrival.peer);
        line.push(' ');
    }
    line.push_str(rest);
}

/// Whether the word where the host should be is the name of a program: `sshd[12]:`, `su:`, Cisco's
/// `%SYS-5-CONFIG_I:`. Ubiquiti's `U7PG2,788a20ffffff,v4.0:` is a host.
fn is_tag(word: &str) -> bool {
    if word.starts_with('%') {
        return true;
    }
    if word.starts_with(['[', '(', '"']) || word.contains(',') {
        return false;
    }
    let ends = word.strip_suffix(':').map_or(word.ends_with(']'), |_| true);
    ends && word.len() > 1 && word.parse::<IpAddr>().is_err()
}

/// A message of RFC 5424.
#[derive(Debug)]
struct Modern<'a> {
    stamp: Option<Stamp<'a>>,
    host: &'a str,
    program: &'a str,
    process: &'a str,
    text: &'a str,
}

impl<'a> Modern<'a> {
    /// Reads the body of a message, if it claims to be one.
    fn read(body: &'a str) -> Option<Self> {
        let (version, rest) = body.split_once(' ')?;
        let is_version = (1..=2).contains(&version.len())
            && !version.starts_with('0')
            && version.bytes().all(|byte| byte.is_ascii_digit());
        if !is_version {
            return None;
        }
        let (time, rest) = rest.split_once(' ')?;
        let stamp = match time {
            "-" => None,
            time => Some(Stamp::modern(time)?),
        };
        let (host, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        // Devices that write seconds end their header here.
        if let Some(Stamp::Seconds(_)) = stamp {
            return Some(Self { stamp, host, program: "-", process: "-", text: rest });
        }
        let (program, rest) = rest.split_once(' ')?;
        let (process, rest) = rest.split_once(' ')?;
        Some(Self { stamp, host, program, process, text: behind_identifier(rest) })
    }

    fn write(&self, arrival: Arrival<'_>, line: &mut String) {
        match self.stamp {
            Some(stamp) => stamp.write(line),
            None => line.push_str(arrival.time),
        }
        line.push(' ');
        line.push_str(if self.host == "-" { arrival.peer } else { self.host });
        line.push(' ');
        if self.program != "-" {
            line.push_str(self.program);
            // The hub's pattern takes a number there and nothing else.
            if !self.process.is_empty() && self.process.bytes().all(|byte| byte.is_ascii_digit()) {
                for part in ["[", self.process, "]"] {
                    line.push_str(part);
                }
            }
            line.push_str(": ");
        }
        line.push_str(self.text);
    }
}

/// The text behind message identifier and structured data. Devices that leave both out begin it there.
fn behind_identifier(rest: &str) -> &str {
    let (identifier, data) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_data = data == "-" || data.starts_with("- ") || data.starts_with('[');
    match identifier {
        "-" if data.is_empty() => "",
        identifier if identifier != "-" && !is_data => rest,
        _ => text(data),
    }
}

/// The text behind structured data, or that itself if there is none.
fn text(rest: &str) -> &str {
    let text = match rest.strip_prefix('-') {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => Some(rest),
        _ => structured_data(rest).and_then(|end| rest.get(end..)),
    };
    // What is neither is the text.
    let Some(text) = text else { return rest };
    let text = text.strip_prefix(' ').unwrap_or(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // rsyslog sends the space that stood behind the tag.
    let text = text.strip_prefix(' ').unwrap_or(text);
    if text.is_empty() && rest.starts_with('[') { rest } else { text }
}

/// Where `[id name="value"][…]` ends.
fn structured_data(rest: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if open => quoted = !quoted,
            _ if quoted => {}
            b'[' if !open => open = true,
            b']' if open => open = false,
            _ if open => {}
            b' ' if at > 0 => return Some(at),
            _ => return None,
        }
    }
    (!open && !rest.is_empty()).then_some(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVAL: Arrival<'_> = Arrival { peer: "192.0.2.7", time: "2026-11-26T16:00:01Z" };

    #[track_caller]
    fn check(message: &str, form: Form, expected: &str) {
        let mut line = String::new();
        assert_eq!(write(message, ARRIVAL, &mut line), form);
        assert_eq!(line, expected);
    }

    #[test]
    fn classic_messages_stay_as_they_are() {
        for line in [
            "Nov 26 16:00:00 web1 sshd[812]: Failed password for root from 192.0.2.1",
            "Nov  6 16:00:00 mail postfix/smtpd[12]: connect from unknown[192.0.2.1]",
            "Nov 6 16:00:00 host su: 'su root' failed",
            "Nov 26 16:00:00.123456 host app: text",
            "Nov 26 16:00:00 2001:db8::1 app: text",
            "Nov 26 16:00:00 2001:db8:: app: text",
            "Nov 26 16:00:00 host text without a tag",
            "Nov 26 16:00:00 U7PG2,788a20ffffff,v4.0: hostapd: ath0: STA",
            "Nov 26 16:00:00 (\"U7LT,788a20ffffff,v4.0\") syslog: text",
            "2026-11-26T16:00:00.123456+01:00 host app[1]: text",
            "2026-11-26T16:00:00Z host app[1]: text",
        ] {
            check(&format!("<13>{line}"), Form::Classic, line);
            check(line, Form::Classic, line);
        }
    }

    #[test]
    fn a_missing_host_is_the_peer() {
        for (message, expected) in [
            (
                "<30>Nov 26 16:00:00 dropbear[71]: Bad password",
                "Nov 26 16:00:00 192.0.2.7 dropbear[71]: Bad password",
            ),
            ("<134>Nov 26 16:00:00 filterlog: 5,,,0", "Nov 26 16:00:00 192.0.2.7 filterlog: 5,,,0"),
            ("<13>Nov 26 16:00:00 alone", "Nov 26 16:00:00 192.0.2.7 alone"),
            (
                "<13>Nov 26 16:00:00 Message forwarded from aix7: sshd[1]: x",
                "Nov 26 16:00:00 aix7 sshd[1]: x",
            ),
        ] {
            check(message, Form::Classic, expected);
        }
    }

    #[test]
    fn years_and_zones_are_kept_as_iso() {
        for (message, expected) in [
            (
                "<166>Nov 26 2026 16:00:00 fw1 : %ASA-6-302013: Built",
                "2026-11-26T16:00:00 fw1 : %ASA-6-302013: Built",
            ),
            (
                "<166>Nov 06 2026 16:00:00: %ASA-6-302013: Built",
                "2026-11-06T16:00:00 192.0.2.7 %ASA-6-302013: Built",
            ),
            ("<13>Nov  6 16:00:00 2026 host app: x", "2026-11-06T16:00:00 host app: x"),
            ("<13>Fri Nov  6 16:00:00 2026 host app: x", "2026-11-06T16:00:00 host app: x"),
            (
                "<189>2026 Nov 26 16:00:00.1 UTC: %DAEMON-3: x",
                "2026-11-26T16:00:00.1Z 192.0.2.7 %DAEMON-3: x",
            ),
            ("<13>2026-11-26 16:00:00+0100 host app: x", "2026-11-26T16:00:00+01:00 host app: x"),
            ("<13>2026-11-26T16:00:00-03 host app: x", "2026-11-26T16:00:00-03:00 host app: x"),
        ] {
            check(message, Form::Classic, expected);
        }
    }

    #[test]
    fn what_cisco_writes_is_understood() {
        let expected = "Nov 26 16:00:00.123 192.0.2.7 %SYS-5-CONFIG_I: Configured";
        for message in [
            "<189>29: Nov 26 16:00:00.123: %SYS-5-CONFIG_I: Configured",
            "<189>29: *Nov 26 16:00:00.123: %SYS-5-CONFIG_I: Configured",
            "<189>: Nov 26 16:00:00.123 CET: %SYS-5-CONFIG_I: Configured",
            "<189>Nov 26 16:00:00.123 %SYS-5-CONFIG_I: Configured",
        ] {
            check(message, Form::Classic, expected);
        }
    }

    #[test]
    fn modern_messages_take_the_same_form() {
        let t = "2026-11-26T16:00:00.5+01:00";
        for (message, expected) in [
            (
                format!("<34>1 {t} host app 12 ID47 - \u{feff}text"),
                format!("{t} host app[12]: text"),
            ),
            (
                format!("<34>1 {t} host app main - [a b=\"]\\\"\"][c] text"),
                format!("{t} host app: text"),
            ),
            (format!("<34>1 {t} - app - - - text"), format!("{t} 192.0.2.7 app: text")),
            (format!("<34>1 {t} host - - - - text"), format!("{t} host text")),
            (format!("<34>1 {t} host app 1 - -  text"), format!("{t} host app[1]: text")),
            (format!("<34>1 {t} host app - - [a b=\"c\"]"), format!("{t} host app: [a b=\"c\"]")),
            (format!("<34>1 {t} host app - - [a] [b]"), format!("{t} host app: [b]")),
            (format!("<34>1 {t} host app - - [broken text"), format!("{t} host app: [broken text")),
            (format!("<34>1 {t} host app - -"), format!("{t} host app: ")),
            (format!("<34>1 {t} host app 1 Failed x"), format!("{t} host app[1]: Failed x")),
            (format!("<34>1 {t} host app 1 Failed"), format!("{t} host app[1]: Failed")),
            (format!("<34>1 {t} host app 1 ID47 [a]"), format!("{t} host app[1]: [a]")),
            (
                "<34>1 - host app - - - text".to_owned(),
                "2026-11-26T16:00:01Z host app: text".to_owned(),
            ),
            (
                "<134>1 1795708800.123456789 gw1 urls src=192.0.2.1:80".to_owned(),
                "2026-11-26T16:00:00.123456789Z gw1 urls src=192.0.2.1:80".to_owned(),
            ),
        ] {
            check(&message, Form::Modern, &expected);
        }
    }

    #[test]
    fn what_has_no_time_gets_that_of_its_arrival() {
        for (message, text) in [
            ("<13>app: text", "app: text"),
            (
                "<189>date=2026-11-26 time=16:00:00 devname=fw",
                "date=2026-11-26 time=16:00:00 devname=fw",
            ),
            ("<1345>no priority", "<1345>no priority"),
            ("<192>no priority", "<192>no priority"),
            ("<191>text", "text"),
            ("<+7>no priority", "<+7>no priority"),
            ("<>", "<>"),
            ("<13", "<13"),
            ("just text", "just text"),
            ("<13>1 some text", "1 some text"),
            ("<13>Nov 26 99:00:00 x y", "Nov 26 99:00:00 x y"),
            ("", ""),
        ] {
            check(message, Form::Bare, &format!("2026-11-26T16:00:01Z 192.0.2.7 {text}"));
        }
    }
}
