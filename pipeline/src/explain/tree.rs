//! The story of a line as a tree for people.

use super::shown::Shown;
use super::story::{
    AlertStory, BucketStory, Change, ConditionStory, GrokStory, LineStory, NodeStory, Operand,
    OverflowStory, PourStory, StageStory, WhyNot,
};
use super::style::{Style, Tint};

/// How much of a text is shown on either side of a caret. Unit: characters.
const AROUND: usize = 50;

/// A node of the printed tree.
#[derive(Debug, Default)]
struct Branch {
    head: String,
    /// Lines under the head that are no branches.
    lines: Vec<String>,
    children: Vec<Branch>,
}

impl Branch {
    fn new(head: String) -> Self {
        Self { head, ..Self::default() }
    }

    fn draw(&self, style: Style, prefix: &str, last: bool, out: &mut String) {
        let (fork, bar) = match (style.unicode, last) {
            (true, true) => ("└─ ", "   "),
            (true, false) => ("├─ ", "│  "),
            (false, true) => ("`- ", "   "),
            (false, false) => ("|- ", "|  "),
        };
        push_line(out, &[prefix, fork, &self.head]);
        let inner = format!("{prefix}{bar}");
        let below = match (self.children.is_empty(), style.unicode) {
            (true, _) => "   ",
            (false, true) => "│  ",
            (false, false) => "|  ",
        };
        for line in &self.lines {
            push_line(out, &[&inner, below, line]);
        }
        draw_all(&self.children, style, &inner, out);
    }
}

fn draw_all(branches: &[Branch], style: Style, prefix: &str, out: &mut String) {
    for (at, branch) in branches.iter().enumerate() {
        branch.draw(style, prefix, at + 1 == branches.len(), out);
    }
}

fn push_line(out: &mut String, parts: &[&str]) {
    let start = out.len();
    parts.iter().for_each(|part| out.push_str(part));
    let kept = out.get(start..).unwrap_or("").trim_end().len();
    out.truncate(start + kept);
    out.push('\n');
}

/// The story of a line.
pub(super) fn line(story: &LineStory, shown: Shown, style: Style) -> String {
    let mut out = String::new();
    let number = style.tinted(Tint::Strong, &format!("line {}", story.line));
    push_line(&mut out, &[&number, ": ", &style.short(&story.text)]);
    let mut branches: Vec<_> =
        story.stages.iter().map(|stage| self::stage(stage, !stage.success, shown, style)).collect();
    branches.push(verdict(story, style));
    branches.extend(scenarios(story, shown, style));
    branches.extend(story.overflows.iter().map(|overflow| self::overflow(overflow, shown, style)));
    branches.extend(story.why_not.as_ref().map(|answer| why_not(answer, style)));
    draw_all(&branches, style, "", &mut out);
    out
}

/// What overflowed at the end of the input.
pub(super) fn end(overflows: &[OverflowStory], shown: Shown, style: Style) -> String {
    let mut out = String::from("\n");
    push_line(&mut out, &[&style.tinted(Tint::Strong, "end of the input")]);
    let branches: Vec<_> =
        overflows.iter().map(|overflow| self::overflow(overflow, shown, style)).collect();
    draw_all(&branches, style, "", &mut out);
    out
}

/// A stage; `whole` shows also the nodes whose filter is not true.
fn stage(stage: &StageStory, whole: bool, shown: Shown, style: Style) -> Branch {
    let mut branch = Branch::new(style.tinted(Tint::Strong, &style.clean(&stage.stage)));
    let (told, others): (Vec<_>, Vec<_>) =
        stage.nodes.iter().partition(|node| shown.verbose || whole || is_told(node));
    branch.children = told.into_iter().map(|node| self::node(node, shown, style)).collect();
    let what = if others.len() == 1 { "has a filter" } else { "have filters" };
    branch.children.extend(others_of(others.len(), &format!("{what} not met"), style));
    branch
}

/// A branch that stands for nodes which are not shown.
fn others_of(count: usize, what: &str, style: Style) -> Option<Branch> {
    let noun = if count == 1 { "node" } else { "nodes" };
    let text = format!("{count} more {noun} {what} (-v shows them)");
    (count > 0).then(|| Branch::new(style.tinted(Tint::Dim, &text)))
}

/// Whether a node had anything to do with the line.
fn is_told(node: &NodeStory) -> bool {
    node.success || node.grok.is_some() || !node.changes.is_empty() || !node.errors.is_empty()
}

fn node(node: &NodeStory, shown: Shown, style: Style) -> Branch {
    let name = if node.name.is_empty() { "(unnamed)" } else { &node.name };
    let mut head = format!("{} {}", style.sign(node.success), style.clean(name));
    if node.whitelist == Some(true) {
        head.push_str(": whitelisted");
    }
    let mut branch = Branch::new(head);
    if let Some(filter) = &node.filter {
        branch.lines.extend(condition("filter", filter, style));
    }
    if let Some(grok) = &node.grok
        && !grok.matched
    {
        branch.lines.extend(self::grok(grok, style));
    }
    if node.whitelist == Some(false) && !node.success {
        branch.lines.push("its whitelist does not have this event".to_owned());
    }
    // A name that took no part in a match is written too.
    let said = |change: &&Change| {
        shown.verbose || change.old.is_some() || change.new.as_deref() != Some("")
    };
    let changes = node.changes.iter().filter(said);
    branch.lines.extend(changes.map(|change| self::change(change, style)));
    let errors = node.errors.iter();
    branch.lines.extend(errors.map(|error| format!("error: {}", style.short(error))));
    let told = |child: &&NodeStory| shown.verbose || !node.success || child.success;
    let (children, others): (Vec<_>, Vec<_>) = node.nodes.iter().partition(told);
    branch.children = children.into_iter().map(|child| self::node(child, shown, style)).collect();
    branch.children.extend(others_of(others.len(), "did not take it", style));
    branch
}

fn change(change: &Change, style: Style) -> String {
    let name = style.clean(&change.name);
    match (&change.old, &change.new) {
        (None, Some(new)) => format!("{name} = {}", quoted(new, style)),
        (Some(old), Some(new)) => {
            format!("{name}: {} {} {}", quoted(old, style), style.arrow(), quoted(new, style))
        }
        (_, None) => format!("{name} is gone"),
    }
}

fn quoted(text: &str, style: Style) -> String {
    format!("\"{}\"", style.short(text))
}

/// The condition, the part that failed and what that met.
fn condition(what: &str, condition: &ConditionStory, style: Style) -> Vec<String> {
    let text = one_line(condition.failed.as_ref().unwrap_or(&condition.expression));
    let mut lines = vec![format!("{what} is not true: {}", style.short(&text))];
    let value = |operand: &Operand| {
        let name = one_line(&operand.name);
        format!("  {} is {}", style.short(&name), style.short(&operand.value.to_string()))
    };
    lines.extend(condition.values.iter().map(value));
    let error = condition.error.iter();
    lines.extend(error.map(|error| format!("  error: {}", style.short(error))));
    lines
}

/// Expressions of rule files span lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn grok(grok: &GrokStory, style: Style) -> Vec<String> {
    let reads = style.short(&one_line(&grok.reads));
    let Some(text) = &grok.text else {
        return match grok.pattern {
            Some(_) => vec![format!("grok found nothing to read: {reads} is not there")],
            None => vec!["grok did not match".to_owned()],
        };
    };
    let mut lines = vec![format!("grok stopped matching {reads}")];
    lines.extend(caret("text", text, grok.text_offset.unwrap_or(0), style));
    let pattern = grok.pattern.as_deref().unwrap_or("");
    let at = grok.pattern_offset.unwrap_or(0);
    if at < pattern.len() {
        lines.extend(caret("pattern", pattern, at, style));
    } else {
        lines.push("  the pattern matches, but names nothing: that counts as a failure".to_owned());
    }
    lines
}

/// A text with a caret under byte `at`.
fn caret(label: &str, text: &str, at: usize, style: Style) -> [String; 2] {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.char_indices().rev().nth(AROUND - 1).map_or(0, |(start, _)| start);
    let end = after.char_indices().nth(AROUND).map_or(after.len(), |(end, _)| end);
    let gap = |wanted: bool| if wanted { style.gap() } else { "" };
    let left = style.clean(before.get(start..).unwrap_or(""));
    let left = format!("{}{left}", gap(start > 0));
    let right = style.clean(after.get(..end).unwrap_or(""));
    let shown = format!("  {label:<7} {left}{right}{}", gap(end < after.len()));
    let under = " ".repeat(label.len().max(7) + 3 + left.chars().count());
    [shown, format!("{under}{}", style.tinted(Tint::Bad, "^"))]
}

/// The grok that came furthest, of a node and those below it: by what it read of the pattern.
fn furthest(node: &NodeStory) -> Option<(usize, &NodeStory)> {
    let own = node.grok.as_ref().filter(|grok| !grok.matched && grok.text_offset > Some(0));
    let own = own.and_then(|grok| grok.pattern_offset).map(|at| (at, node));
    let below = node.nodes.iter().filter_map(furthest);
    below.chain(own).reduce(|best, other| if other.0 > best.0 { other } else { best })
}

/// Of a line that was not parsed: what nearly took it.
fn nearest(story: &LineStory, style: Style) -> Vec<String> {
    let nodes = story.stages.last().into_iter().flat_map(|stage| &stage.nodes);
    let best = nodes.filter_map(furthest).reduce(|a, b| if b.0 > a.0 { b } else { a });
    let Some((_, node)) = best.filter(|_| story.unparsed.is_some()) else { return Vec::new() };
    let name = style.clean(&node.name);
    let mut lines = vec![format!("{name} came furthest:")];
    lines.extend(node.grok.iter().flat_map(|grok| self::grok(grok, style)));
    lines
}

fn verdict(story: &LineStory, style: Style) -> Branch {
    let dated = match &story.time {
        Some(time) => format!(", dated {}", style.clean(time)),
        None => ", without a date".to_owned(),
    };
    let text = match (&story.unparsed, &story.whitelisted) {
        (Some(reason), _) => format!("not parsed: {}", style.short(reason)),
        (None, Some(reason)) => format!("parsed{dated}, and whitelisted: {}", style.short(reason)),
        (None, None) => format!("parsed{dated}"),
    };
    let head = format!("{} {text}", style.sign(story.unparsed.is_none()));
    Branch { lines: nearest(story, style), ..Branch::new(head) }
}

fn scenarios(story: &LineStory, shown: Shown, style: Style) -> Option<Branch> {
    if !story.parsed || story.whitelisted.is_some() {
        return None;
    }
    let mut branch = Branch::new(style.tinted(Tint::Strong, "scenarios"));
    branch.children = story.scenarios.iter().map(|pour| self::pour(pour, style)).collect();
    if story.scenarios.is_empty() {
        branch.head = style.tinted(Tint::Strong, "no scenario wants it");
    }
    let unwanted = story.unwanted.iter().filter(|_| shown.verbose);
    branch.children.extend(unwanted.map(|unwanted| {
        let head = format!("{} {}", style.sign(false), style.clean(&unwanted.scenario));
        let lines = condition("filter", &unwanted.filter, style);
        Branch { lines, ..Branch::new(head) }
    }));
    Some(branch)
}

fn pour(pour: &PourStory, style: Style) -> Branch {
    let mut head = format!("{} {}", style.sign(true), style.clean(&pour.scenario));
    if !pour.key.is_empty() {
        head.push_str(&format!(" {}", quoted(&pour.key, style)));
    }
    let repeated = || quoted(pour.distinct.as_deref().unwrap_or(""), style);
    let what = match pour.outcome {
        "poured" => "poured".to_owned(),
        "undated" => "not poured: evt.MarshaledTime is no date".to_owned(),
        "repeated" => format!("not poured: its bucket has seen {} already", repeated()),
        "cancelled" => "the bucket is gone: `cancel_on` is true".to_owned(),
        "filtered" => "overflows, but its `overflow_filter` is not true".to_owned(),
        "blackholed" => "overflows again too soon: `blackhole`".to_owned(),
        "failed" => {
            let reason = pour.reason.as_deref().unwrap_or("");
            format!("overflows, but gives no alert: {}", style.short(reason))
        }
        _ => style.tinted(Tint::Strong, "overflows"),
    };
    head.push_str(&format!(": {what}"));
    if let Some(bucket) = &pour.bucket {
        head.push_str(&format!(", {}", fullness(bucket)));
    }
    Branch::new(head)
}

fn fullness(bucket: &BucketStory) -> String {
    let level = format!("{:.1}", bucket.level);
    let level = level.strip_suffix(".0").unwrap_or(&level);
    match bucket.capacity {
        capacity if capacity < 0 => format!("bucket holds {level}, without a limit"),
        capacity => format!("bucket holds {level} of {capacity}"),
    }
}

fn overflow(story: &OverflowStory, shown: Shown, style: Style) -> Branch {
    let why = if story.deadline { " because its time is over" } else { "" };
    let key = if story.key.is_empty() { String::new() } else { quoted(&story.key, style) };
    let head = format!("{} {key} overflows{why}", style.clean(&story.scenario));
    let head = head.replace("  ", " ");
    let mut branch = Branch::new(style.tinted(Tint::Strong, &head));
    // That no postoverflow takes an overflow is nothing to explain.
    let stages = story.stages.iter();
    branch.children = stages.map(|stage| self::stage(stage, false, shown, style)).collect();
    if let Some(reason) = &story.whitelisted {
        let text = format!("{} whitelisted: {}", style.sign(false), style.short(reason));
        branch.children.push(Branch::new(text));
    }
    branch.children.extend(story.alerts.iter().map(|alert| self::alert(alert, style)));
    branch.children.extend(story.scenarios.iter().map(|pour| self::pour(pour, style)));
    let inner = story.overflows.iter();
    branch.children.extend(inner.map(|overflow| self::overflow(overflow, shown, style)));
    branch
}

fn alert(alert: &AlertStory, style: Style) -> Branch {
    if let Some(reason) = &alert.allowlisted {
        let head = format!("no alert: its source is on an allowlist: {}", style.short(reason));
        return Branch::new(format!("{} {head}", style.sign(false)));
    }
    let mut branch = Branch::new(format!("alert: {}", style.short(&alert.message)));
    let decisions = alert.decisions.iter();
    branch.lines.extend(decisions.map(|decision| format!("decision: {}", style.short(decision))));
    if alert.decisions.is_empty() {
        branch.lines.push("no profile makes a decision of it".to_owned());
    }
    branch
}

fn why_not(answer: &WhyNot, style: Style) -> Branch {
    let what = if answer.failed == "none" { "" } else { "why not " };
    let head = format!("{what}{}: {}", style.clean(&answer.scenario), style.short(&answer.reason));
    let mut branch = Branch::new(style.tinted(Tint::Strong, &head));
    if let Some(condition) = &answer.condition {
        branch.lines = self::condition("filter", condition, style);
    }
    branch
}
