//! Lines in fields of JSON objects.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::field::{Path, Wanted, text};
use super::{Told, instant, without_line_end};
use crate::metric::Reason;

/// Which fields of a document mean what. Of several paths the first one that is there counts.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// The line.
    pub line: Vec<Path>,
    /// Labels by name.
    pub labels: Vec<(Arc<str>, Vec<Path>)>,
    /// When it was written: RFC 3339, or a number of seconds, milliseconds, microseconds or
    /// nanoseconds since 1970, whichever puts it into this century. Without one it is the record's
    /// timestamp.
    pub time: Vec<Path>,
    /// Fields of which a syslog line is made, which then goes before [`Fields::line`].
    pub syslog: Option<SyslogParts>,
}

/// What a shipper takes a syslog line apart into. The line is put together again where all of these
/// are there: `TIME HOST TAG: MESSAGE`.
#[derive(Clone, Debug, Default)]
pub struct SyslogParts {
    /// Time.
    pub time: Vec<Path>,
    /// Host.
    pub host: Vec<Path>,
    /// Tag or program: `sshd[4711]:`, `sshd`.
    pub tag: Vec<Path>,
    /// Message.
    pub message: Vec<Path>,
}

/// [`Fields`], compiled.
#[derive(Debug)]
pub(super) struct Picker {
    wanted: Wanted,
    line: Range<usize>,
    labels: Vec<(Arc<str>, Range<usize>)>,
    time: Range<usize>,
    syslog: Option<[Range<usize>; 4]>,
}

impl Picker {
    pub(super) fn new(fields: &Fields) -> Self {
        let mut wanted = Wanted::default();
        let mut want = |paths: &[Path]| {
            let places: Vec<usize> = paths.iter().map(|path| wanted.add(path)).collect();
            places.first().map_or(0..0, |first| *first..first + places.len())
        };
        let line = want(&fields.line);
        let time = want(&fields.time);
        let labels =
            fields.labels.iter().map(|(name, paths)| (Arc::clone(name), want(paths))).collect();
        let syslog = fields.syslog.as_ref().map(|parts| {
            [&parts.time, &parts.host, &parts.tag, &parts.message].map(|paths| want(paths))
        });
        Self { wanted, line, labels, time, syslog }
    }

    pub(super) fn decode<'a>(&self, document: &'a str) -> Result<Told<'a>, Reason> {
        let found = self.wanted.pick(document).map_err(|_| Reason::Payload)?;
        let first = |places: &Range<usize>| {
            found.get(places.clone()).into_iter().flatten().flatten().find_map(|raw| text(raw))
        };
        let line = self.syslog_line(&first).map(Cow::Owned).or_else(|| first(&self.line));
        let line = trimmed(line.ok_or(Reason::NoLine)?);
        if line.is_empty() {
            return Err(Reason::Empty);
        }
        let labels = self.labels.iter();
        let labels = labels.filter_map(|(name, places)| Some((Arc::clone(name), first(places)?)));
        Ok(Told {
            text: line,
            time: first(&self.time).and_then(|time| instant::nanoseconds(&time)),
            labels: labels.collect(),
        })
    }

    fn syslog_line<'a>(
        &self,
        first: &impl Fn(&Range<usize>) -> Option<Cow<'a, str>>,
    ) -> Option<String> {
        let [time, host, tag, message] = self.syslog.as_ref()?;
        let (time, host, tag) = (first(time)?, first(host)?, first(tag)?);
        let message = first(message)?;
        let colon = if tag.ends_with(':') { "" } else { ":" };
        Some(format!("{time} {host} {tag}{colon} {}", message.trim_start()))
    }
}

fn trimmed(line: Cow<'_, str>) -> Cow<'_, str> {
    match line {
        Cow::Borrowed(line) => Cow::Borrowed(without_line_end(line)),
        Cow::Owned(mut line) => {
            line.truncate(without_line_end(&line).len());
            Cow::Owned(line)
        }
    }
}
