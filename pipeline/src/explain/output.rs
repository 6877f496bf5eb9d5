//! Prints stories: as a tree for people, as JSON lines, or as comma-separated rows.

use std::io::{self, Write};

use super::shown::Shown;
use super::story::{LineStory, NodeStory, OverflowStory, PourStory, StageStory};
use super::style::Style;
use super::tree;

/// How stories are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tree for people.
    Human,
    /// One JSON object per line.
    Json,
    /// Comma-separated rows.
    Raw,
}

/// Prints stories.
#[derive(Debug)]
pub struct Teller<W> {
    to: W,
    form: Form,
    shown: Shown,
    style: Style,
    begun: bool,
}

impl<W: Write> Teller<W> {
    /// A teller that has printed nothing yet.
    pub fn new(to: W, form: Form, shown: Shown, style: Style) -> Self {
        Self { to, form, shown, style, begun: false }
    }

    /// Prints the story of a line.
    ///
    /// # Errors
    /// The output takes nothing.
    pub fn line(&mut self, mut story: LineStory) -> io::Result<()> {
        if self.shown.failures && story.parsed {
            return Ok(());
        }
        if self.shown.only_successful {
            story.stages.iter_mut().for_each(|stage| only_successful(&mut stage.nodes));
        }
        match self.form {
            Form::Human => {
                if std::mem::replace(&mut self.begun, true) {
                    writeln!(self.to)?;
                }
                self.to.write_all(tree::line(&story, self.shown, self.style).as_bytes())
            }
            Form::Json => self.json(&story),
            Form::Raw => self.raw(&story),
        }
    }

    /// Prints what overflowed at the end of the input.
    ///
    /// # Errors
    /// The output takes nothing.
    pub fn end(&mut self, overflows: &[OverflowStory]) -> io::Result<()> {
        if !overflows.is_empty() {
            match self.form {
                Form::Human => {
                    let text = tree::end(overflows, self.shown, self.style);
                    self.to.write_all(text.as_bytes())?;
                }
                Form::Json => self.json(&serde_json::json!({ "at_end": overflows }))?,
                Form::Raw => self.raw_overflows("end", overflows)?,
            }
        }
        self.to.flush()
    }

    fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, value)?;
        self.to.write_all(b"\n")
    }

    fn raw(&mut self, story: &LineStory) -> io::Result<()> {
        let line = story.line.to_string();
        for stage in &story.stages {
            self.raw_stage(&line, stage)?;
        }
        let parsed = story.unparsed.as_deref().or(story.whitelisted.as_deref()).unwrap_or("");
        self.row(&[&line, "line", &story.kind, "", word(story.parsed), parsed])?;
        for pour in &story.scenarios {
            self.raw_pour(&line, pour)?;
        }
        self.raw_overflows(&line, &story.overflows)?;
        if let Some(answer) = &story.why_not {
            self.row(&[&line, "why-not", "", &answer.scenario, answer.failed, &answer.reason])?;
        }
        Ok(())
    }

    fn raw_stage(&mut self, line: &str, stage: &StageStory) -> io::Result<()> {
        for node in &stage.nodes {
            let detail = format!("{} changes", count(node));
            let fields = [line, "node", &stage.stage, &node.name, word(node.success), &detail];
            self.row(&fields)?;
        }
        Ok(())
    }

    fn raw_pour(&mut self, line: &str, pour: &PourStory) -> io::Result<()> {
        let detail = pour.bucket.as_ref();
        let detail = detail.map(|bucket| format!("{:.1} of {}", bucket.level, bucket.capacity));
        let detail = detail.or_else(|| pour.reason.clone()).unwrap_or_default();
        self.row(&[line, "scenario", &pour.key, &pour.scenario, pour.outcome, &detail])
    }

    fn raw_overflows(&mut self, line: &str, overflows: &[OverflowStory]) -> io::Result<()> {
        for overflow in overflows {
            let result = match (&overflow.whitelisted, overflow.alerts.len()) {
                (Some(_), _) => "whitelisted",
                (None, 0) => "dropped",
                (None, _) => "alert",
            };
            let decisions: Vec<_> =
                overflow.alerts.iter().flat_map(|alert| alert.decisions.clone()).collect();
            let detail = overflow.whitelisted.clone().unwrap_or_else(|| decisions.join(";"));
            self.row(&[line, "overflow", &overflow.key, &overflow.scenario, result, &detail])?;
            for pour in &overflow.scenarios {
                self.raw_pour(line, pour)?;
            }
            self.raw_overflows(line, &overflow.overflows)?;
        }
        Ok(())
    }

    fn row(&mut self, fields: &[&str]) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            writeln!(self.to, "line,kind,where,name,result,detail")?;
        }
        let quoted: Vec<_> = fields.iter().map(|field| csv(&self.style.clean(field))).collect();
        writeln!(self.to, "{}", quoted.join(","))
    }
}

fn word(success: bool) -> &'static str {
    if success { "success" } else { "failure" }
}

fn count(node: &NodeStory) -> usize {
    node.changes.len() + node.nodes.iter().map(count).sum::<usize>()
}

fn only_successful(nodes: &mut Vec<NodeStory>) {
    nodes.retain(|node| node.success);
    nodes.iter_mut().for_each(|node| only_successful(&mut node.nodes));
}

/// A field as RFC 4180 wants it.
fn csv(field: &str) -> String {
    if field.contains(['"', ',']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
