//! RE2's limit on repeats: nested counts multiply, and their product stays within 1000.

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange, Visitor};

use super::{NESTING, Re2Error, Translation};

/// The largest repeat count, also of nested repeats together. Go `regexp/syntax` `repeatIsValid`.
pub(super) const REPEATS: u32 = 1000;

/// Parses a translation and refuses what exceeds the limits.
pub(super) fn parse(translation: &Translation) -> Result<Ast, Re2Error> {
    let tree = ast::parse::ParserBuilder::new()
        .nest_limit(NESTING)
        .build()
        .parse(&translation.text)
        .map_err(|error| translation.error(error.kind().to_string(), error.span().start.offset))?;
    ast::visit(&tree, Repeats { left: vec![REPEATS], translation })?;
    Ok(tree)
}

/// Walks down with what is left of the limit.
struct Repeats<'t> {
    left: Vec<u32>,
    translation: &'t Translation,
}

impl Visitor for Repeats<'_> {
    type Output = ();
    type Err = Re2Error;

    fn finish(self) -> Result<(), Re2Error> {
        Ok(())
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Re2Error> {
        let Ast::Repetition(repetition) = tree else { return Ok(()) };
        let count = match repetition.op.kind {
            RepetitionKind::Range(
                RepetitionRange::Exactly(count)
                | RepetitionRange::AtLeast(count)
                | RepetitionRange::Bounded(_, count),
            ) => count,
            _ => 0,
        };
        let left = self.left.last().copied().unwrap_or(REPEATS);
        if count > left {
            let message = format!(
                "nested repeats exceed {REPEATS} together: write `+` or `*`, or smaller counts"
            );
            return Err(self.translation.error(message, repetition.op.span.start.offset));
        }
        self.left.push(left / count.max(1));
        Ok(())
    }

    fn visit_post(&mut self, tree: &Ast) -> Result<(), Re2Error> {
        if matches!(tree, Ast::Repetition(_)) {
            self.left.pop();
        }
        Ok(())
    }
}
