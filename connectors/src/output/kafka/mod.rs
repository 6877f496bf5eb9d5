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
mod pulse;
mod session;
mod topics;
mod writer;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

pub use config::{Compression, KafkaConfig, Topic};
pub use partitioner::partition_of;

use super::{Message, Output, OutputContext, OutputError, Refused};
use crate::stop::Stop;
use pulse::Pulse;
use writer::Writer;

/// How often a stop is looked for while brokers are waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A call of the client that takes so much longer than a transaction may is taken to hang.
const SPARE: Duration = Duration::from_secs(30);

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
    /// Ends this thread alone.
    stop: Stop,
    pulse: Pulse,
}

/// Why a thread gave no answer.
enum Silence {
    /// A call of the client hangs.
    Hung,
    Ended(OutputError),
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
        let (stop, pulse) = (self.context.stop.child(), Pulse::default());
        let context = OutputContext { stop: stop.clone(), ..self.context.clone() };
        let mut writer = Writer::new(self.config.clone(), context, pulse.clone());
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
        self.thread = Some(Thread { tasks, done, stop, pulse });
        Ok(())
    }

    /// Has the thread do something. A thread that was left, or ended, is stopped.
    fn ask(&mut self, task: Task) -> Result<Done, Silence> {
        let ended = Silence::Ended(OutputError::Stopped);
        let Some(thread) = &self.thread else { return Err(ended) };
        let mut answer = thread.tasks.send(task).map_err(|_| RecvTimeoutError::Disconnected);
        let (mut pulse, mut since) = (thread.pulse.count(), Instant::now());
        while answer.is_ok() {
            match thread.done.recv_timeout(LOOK) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Timeout) if !self.context.stop.is_set() => {}
                Err(error) => answer = Err(error),
            }
            if pulse != thread.pulse.count() {
                (pulse, since) = (thread.pulse.count(), Instant::now());
            } else if since.elapsed() > self.config.timeout + SPARE {
                thread.stop.now();
                self.thread = None;
                return Err(Silence::Hung);
            }
        }
        self.thread = None;
        Err(ended)
    }

    /// Another thread in place of one that hangs. What that one may still try is refused: brokers know
    /// the new one by the same name.
    fn start_anew(&mut self) -> Result<(), OutputError> {
        let what = "the kafka client does not answer: another one is started";
        self.context.health.retrying(what);
        self.start()
    }

    /// Gets ready, however often it takes.
    fn resume_again(&mut self) -> Result<Option<u64>, OutputError> {
        loop {
            match self.ask(Task::Resume) {
                Ok(Done::Resumed(last)) => return last,
                Ok(Done::Delivered(_)) => return Err(OutputError::Stopped),
                Err(Silence::Ended(error)) => return Err(error),
                Err(Silence::Hung) => self.start_anew()?,
            }
        }
    }

    /// Brings messages out, however often it takes.
    fn deliver_again(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        let mut messages = messages;
        while !messages.is_empty() {
            match self.ask(Task::Deliver(messages.to_vec())) {
                Ok(Done::Delivered(refused)) => return refused,
                Ok(Done::Resumed(_)) => return Err(OutputError::Stopped),
                Err(Silence::Ended(error)) => return Err(error),
                Err(Silence::Hung) => self.start_anew()?,
            }
            if let Some(out) = self.resume_again()? {
                let out = messages.partition_point(|message| message.sequence <= out);
                messages = messages.get(out..).unwrap_or_default();
            }
        }
        Ok(Vec::new())
    }
}

impl Output for KafkaTopics {
    fn module(&self) -> &'static str {
        "kafka"
    }

    fn resume(&mut self) -> Result<Option<u64>, OutputError> {
        self.start()?;
        self.resume_again()
    }

    fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError> {
        let refused = self.deliver_again(messages)?;
        self.context.count(messages, &refused);
        Ok(refused)
    }
}
