//! Runs one service: a container of an image, or the same command as a child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testcontainers::core::Mount;
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt};

/// A command, its image, and where it may write.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Image and tag.
    pub(super) image: (&'static str, &'static str),
    /// Program and arguments inside the image.
    pub(super) in_image: Vec<String>,
    /// Program and arguments on this host.
    pub(super) on_host: Vec<String>,
    /// Directory that it sees under the same path.
    pub(super) directory: PathBuf,
    /// Where its output goes.
    pub(super) log: PathBuf,
}

/// A service that was started, and may be stopped and started again.
pub(super) enum Running {
    /// In a container.
    Container(Box<Container<GenericImage>>),
    /// As a child.
    Process(Service, Option<Child>),
}

impl Running {
    /// Starts a service. `SPILLWAY_SERVICES=process` never uses Docker, `=docker` nothing else.
    pub(super) fn start(service: &Service) -> Result<Self, String> {
        let choice = std::env::var("SPILLWAY_SERVICES").unwrap_or_default();
        if choice != "process" && (choice == "docker" || has_docker()) {
            match container(service) {
                Ok(container) => return Ok(Self::Container(Box::new(container))),
                Err(error) if choice == "docker" => return Err(error),
                Err(error) => eprintln!("no container of {}: {error}", service.image.0),
            }
        }
        let mut running = Self::Process(service.clone(), None);
        running.start_again()?;
        Ok(running)
    }

    /// Starts it again after [`Running::kill`] or [`Running::terminate`].
    pub(super) fn start_again(&mut self) -> Result<(), String> {
        match self {
            Self::Container(container) => container.start().map_err(|error| error.to_string()),
            Self::Process(service, child) => {
                *child = Some(spawn(service)?);
                Ok(())
            }
        }
    }

    /// Ends it at once, as a crash does.
    pub(super) fn kill(&mut self) {
        match self {
            Self::Container(container) => container.stop_with_timeout(Some(0)).unwrap(),
            Self::Process(_, child) => {
                if let Some(mut child) = child.take() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            }
        }
    }

    /// Ends it in good order.
    pub(super) fn terminate(&mut self) {
        match self {
            Self::Container(container) => container.stop().unwrap(),
            Self::Process(_, child) => {
                if let Some(mut child) = child.take() {
                    signal(child.id(), "-TERM");
                    child.wait().unwrap();
                }
            }
        }
    }

    /// Stops its time, or lets it go on.
    pub(super) fn freeze(&mut self, frozen: bool) {
        match self {
            Self::Container(container) => {
                run("docker", &[if frozen { "pause" } else { "unpause" }, container.id()]);
            }
            Self::Process(_, Some(child)) => {
                signal(child.id(), if frozen { "-STOP" } else { "-CONT" });
            }
            Self::Process(_, None) => {}
        }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        match self {
            Self::Container(container) => !container.is_running().unwrap_or(false),
            Self::Process(_, child) => {
                child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Process(_, Some(child)) = self {
            // It may have ended by itself.
            child.kill().unwrap_or_default();
            child.wait().map(drop).unwrap_or_default();
        }
    }
}

fn has_docker() -> bool {
    std::env::var_os("DOCKER_HOST").is_some() || Path::new("/var/run/docker.sock").exists()
}

fn container(service: &Service) -> Result<Container<GenericImage>, String> {
    let (name, tag) = service.image;
    let directory = service.directory.to_string_lossy();
    let (program, arguments) = service.in_image.split_first().ok_or("no command")?;
    let container = GenericImage::new(name, tag)
        .with_entrypoint(program)
        .with_cmd(arguments)
        .with_network("host")
        .with_user("0")
        .with_mount(Mount::bind_mount(directory.clone(), directory))
        .start();
    container.map_err(|error| error.to_string())
}

fn spawn(service: &Service) -> Result<Child, String> {
    let (program, arguments) = service.on_host.split_first().ok_or("no command")?;
    let log = File::options().create(true).append(true).open(&service.log);
    let log = log.map_err(|error| format!("{}: {error}", service.log.display()))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    // A service that all tests of a process share is in a static, which nothing drops.
    let watch = "while [ -e /proc/$0 ]; do sleep 1; done; kill $1";
    Command::new("sh")
        .args(["-c", watch, &std::process::id().to_string(), &child.id().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("sh: {error}"))?;
    Ok(child)
}

fn signal(process: u32, signal: &str) {
    run("kill", &[signal, &process.to_string()]);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {}", arguments.join(" "));
}

/// Asks again and again until the answer is yes; fails the test after `deadline`.
#[track_caller]
pub fn poll_until(what: &str, deadline: Duration, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    while !done() {
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
