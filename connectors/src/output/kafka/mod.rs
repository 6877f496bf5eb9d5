//! To Kafka topics, each message exactly once. A transaction holds some messages and, as the committed
//! offset of a group of this output's own, the number of the last of them: both are out, or neither.
//! After a crash the group says where to go on. `transactional.id` fences a predecessor.
//!
//! ```text
//! deliver ─ thread ─▶ writer ─▶ session (one producer) ─ partitioner, progress (the group) ─▶ broker
//!                        a session in doubt is thrown away: the next one asks for the progress
//! ```

mod config;
mod doubt;
mod partitioner;
mod progress;
mod session;
mod topics;
mod writer;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

pub use config::{Compression, KafkaConfig, Topic};
pub use partitioner::partition_of;

use super::{Message, Output, OutputContext, OutputError, Refused};
use writer::Writer;

/// How often a stop is looked for while brokers are waited for.
const LOOK: Duration = Duration::from_millis(50);

/// The output. What waits for brokers has a thread of its own, since some of that cannot be
/// interrupted: where a stop comes first, that thread is left to end by itself.
#[derive(Debug)]
pub struct KafkaTopics {
    config: KafkaConfig,
    context: OutputContext,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    tasks: Sender<Task>,
    done: Receiver<Done>,
}

enum Task {
    Resume,
    Deliver(Vec<Message>),
}

enum Done {
    Resumed(Result<Option<u64>, OutputError>),
    Delivered(Result<Vec<Refused>, OutputError>),
}

impl KafkaTopics {
    /// An output with these settings.
    pub fn new(config: KafkaConfig, context: OutputContext) -> Self {
        Self { config, context, thread: None }
    }

    fn start(&mut self) -> Result<(), OutputError> {
        let ((tasks, task), (tell, done)) = (channel(), channel());
        let mut writer = Writer::new(self.config.clone(), self.context.clone());
        let run = move || {
            for task in task {
                let done = match task {
                    Task::Resume => Done::Resumed(writer.resume()),
                    Task::Deliver(messages) => Done::Delivered(writer.deliver(&messages)),
                };
                if tell.send(done).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("kafka-output".to_owned()).spawn(run);
        let what = "no thread for a kafka output".to_owned();
        thread.map_err(|source| OutputError::Host { what, source })?;
        self.thread = Some(Thread { tasks, done });
        Ok(())
    }

    /// Has the thread do something. A thread that was left, or ended, is stopped.
    fn ask(&mut self, task: Task) -> Result<Done, OutputError> {
        let Some(thread) = &self.thread else { return Err(OutputError::Stopped) };
        let mut answer = thread.tasks.send(task).map_err(|_| RecvTimeoutError::Disconnected);
        while answer.is_ok() {
            match thread.done.recv_timeout(LOOK) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Timeout) if !self.context.stop.is_set() => {}
                Err(error) => answer = Err(error),
            }
        }
        self.thread = None;
        Err(OutputError::Stopped)
    }
}

impl Output for KafkaTopics {
    fn module(&self) -> &'static str {
        "kafka"
    }

    fn resume(&mut self) -> Result<Option<u64>, OutputError> {
        self.start()?;
        match self.ask(Task::Resume)? {
            Done::Resumed(last) => last,
            Done::Delivered(_) => Err(OutputError::Stopped),
        }
    }

    fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        match self.ask(Task::Deliver(messages.to_vec()))? {
            Done::Delivered(refused) => {
                let refused = refused?;
                self.context.count(messages, &refused);
                Ok(refused)
            }
            Done::Resumed(_) => Err(OutputError::Stopped),
        }
    }
}
