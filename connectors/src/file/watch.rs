//! How the service learns that files change: the kernel tells it for local directories (inotify),
//! others are looked at. Out come names; [`super::follow`] knows what they mean.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::sync::Notify;

/// What is told of a directory: its files grow or are cut, come, go and change names.
const INTEREST: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR);

/// File systems whose files may be written elsewhere, of which this kernel learns nothing: NFS, SMB
/// (three), Ceph, AFS, 9P, FUSE, Lustre, GPFS, OCFS2, GFS2, Coda.
const REMOTE: [u32; 13] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x00c3_6400,
    0x5346_414f,
    0x0102_1997,
    0x6573_5546,
    0x0bd0_0bd0,
    0x4750_4653,
    0x7461_636f,
    0x0116_1970,
    0x7375_7245,
];

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The file of a directory was written, came, went, or changed its name.
    Changed {
        /// The directory.
        directory: &'a Path,
        /// The name of the file.
        name: &'a OsStr,
        /// Whether it may be new there.
        appeared: bool,
    },
    /// A directory appeared in one that is watched.
    Directory,
    /// More happened than the kernel remembers: anything may have changed.
    Overflow,
}

/// Waits for the kernel on a thread of its own.
#[derive(Debug)]
struct Ear {
    kernel: Arc<OwnedFd>,
    told: Arc<Notify>,
    /// Whether the thread waits until what it told of was taken in.
    paused: Arc<AtomicBool>,
    again: Sender<()>,
    /// Dropped, it ends the thread.
    _end: io::PipeWriter,
}

impl Ear {
    fn new() -> io::Result<Self> {
        let kernel = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?);
        let (end, _end) = io::pipe()?;
        let (again, asked) = channel();
        let (told, paused): (Arc<Notify>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
        let ear = Self { kernel, told, paused, again, _end };
        let (kernel, told, paused) = (ear.kernel.clone(), ear.told.clone(), ear.paused.clone());
        std::thread::spawn(move || {
            listen(&kernel, &end, &asked, &|| {
                paused.store(true, Ordering::Release);
                told.notify_one();
            });
        });
        Ok(ear)
    }

    /// What was told is taken in.
    fn go_on(&self) {
        if self.paused.swap(false, Ordering::AcqRel) {
            // The thread ends after this.
            let _ = self.again.send(());
        }
    }
}

fn listen(kernel: &OwnedFd, end: &io::PipeReader, asked: &Receiver<()>, tell: &dyn Fn()) {
    loop {
        let mut wait = [PollFd::new(kernel, PollFlags::IN), PollFd::new(end, PollFlags::IN)];
        match poll(&mut wait, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let [kernel_wait, end_wait] = &wait;
        if !end_wait.revents().is_empty() {
            return;
        }
        if !kernel_wait.revents().is_empty() {
            tell();
            if asked.recv().is_err() {
                return;
            }
        }
    }
}

/// Watched directories.
#[derive(Debug)]
pub(super) struct Watch {
    ear: Option<Ear>,
    directories: BTreeMap<i32, PathBuf>,
    numbers: BTreeMap<PathBuf, i32>,
}

impl Watch {
    /// Nothing is watched yet.
    ///
    /// # Errors
    /// The kernel refuses to watch: this user has too many watchers already.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { ear: Some(Ear::new()?), ..Self::none() })
    }

    /// Nothing will ever be told.
    pub(super) fn none() -> Self {
        Self { ear: None, directories: BTreeMap::new(), numbers: BTreeMap::new() }
    }

    /// Watches a directory (again: it may be another one by the same name); whether changes in it
    /// will be told.
    ///
    /// # Errors
    /// It cannot be watched.
    pub(super) fn add(&mut self, directory: &Path) -> io::Result<bool> {
        let Some(ear) = &self.ear else { return Ok(false) };
        if is_remote(directory)? {
            return Ok(false);
        }
        let number = inotify::add_watch(&*ear.kernel, directory, INTEREST)?;
        if let Some(old) = self.numbers.insert(directory.to_path_buf(), number)
            && old != number
        {
            self.directories.remove(&old);
        }
        self.directories.insert(number, directory.to_path_buf());
        Ok(true)
    }

    /// Hands over what happened since the last call, without waiting.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Event<'_>)) {
        let Some(ear) = &self.ear else { return };
        let mut memory = [MaybeUninit::<u8>::uninit(); 16 << 10];
        let mut events = Reader::new(&*ear.kernel, &mut memory);
        // An end other than `WOULDBLOCK` has no meaning here: what is missed is found by looking.
        while let Ok(event) = events.next() {
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                take(Event::Overflow);
                continue;
            }
            let appeared = flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if flags.contains(ReadFlags::ISDIR) {
                if appeared {
                    take(Event::Directory);
                }
                continue;
            }
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            if let (Some(name), Some(directory)) = (name, self.directories.get(&event.wd())) {
                take(Event::Changed { directory, name, appeared });
            }
        }
        ear.go_on();
    }

    /// Waits until something happened.
    pub(super) async fn wait(&self) {
        match &self.ear {
            Some(ear) => ear.told.notified().await,
            None => std::future::pending().await,
        }
    }
}

fn is_remote(directory: &Path) -> io::Result<bool> {
    let kind = rustix::fs::statfs(directory)?.f_type;
    Ok(u32::try_from(kind & 0xffff_ffff).is_ok_and(|kind| REMOTE.contains(&kind)))
}

/// What to do when the kernel refuses to watch.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC) => "raise the sysctl fs.inotify.max_user_watches",
        Some(Errno::MFILE) => "raise the sysctl fs.inotify.max_user_instances",
        _ => "check the directory",
    }
}

/// Which lanes a name stands for: the file itself, or what a link leads to.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By directory and name, as bytes: comparing paths part by part would cost more.
    lanes: BTreeMap<OsString, BTreeMap<OsString, Vec<usize>>>,
}

impl Names {
    /// The path is of this lane.
    pub(super) fn add(&mut self, path: &Path, lane: usize) {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
        let names = self.lanes.entry(directory.as_os_str().to_os_string()).or_default();
        let lanes = names.entry(name.to_os_string()).or_default();
        if !lanes.contains(&lane) {
            lanes.push(lane);
        }
    }

    /// The lane is no more.
    pub(super) fn remove(&mut self, path: &Path, lane: usize) {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
        let Some(names) = self.lanes.get_mut(directory.as_os_str()) else { return };
        if let Some(lanes) = names.get_mut(name) {
            lanes.retain(|other| *other != lane);
            if lanes.is_empty() {
                names.remove(name);
            }
        }
    }

    /// The lanes of a name.
    pub(super) fn of(&self, directory: &Path, name: &OsStr) -> &[usize] {
        let lanes = self.lanes.get(directory.as_os_str()).and_then(|names| names.get(name));
        lanes.map_or(&[], Vec::as_slice)
    }
}
