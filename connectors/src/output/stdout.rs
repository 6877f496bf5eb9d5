//! To standard output: one line each. Delivery: at least once, a crash repeats what was not known to
//! be out.

use std::io::{self, Write};

use super::{Message, Output, OutputContext, OutputError, Refused, document};

/// The output.
#[derive(Debug)]
pub struct Stdout {
    context: OutputContext,
}

impl Stdout {
    /// Standard output of this process.
    pub fn new(context: OutputContext) -> Self {
        Self { context }
    }
}

impl Output for Stdout {
    fn module(&self) -> &'static str {
        "stdout"
    }

    fn resume(&mut self) -> Result<Option<u64>, OutputError> {
        self.context.health.reading();
        Ok(None)
    }

    fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        let mut text = Vec::new();
        for message in messages {
            document::write(&mut text, message);
            text.push(b'\n');
        }
        let mut out = io::stdout().lock();
        let written = out.write_all(&text).and_then(|()| out.flush());
        written.map_err(|source| OutputError::Host {
            what: "standard output is closed: let somebody read it, or leave this output out"
                .into(),
            source,
        })?;
        self.context.count(messages, &[]);
        Ok(Vec::new())
    }
}
