//! Small file systems that get full.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// So large one is: less than the store would set aside for its log, which it then goes without. Room
/// that is set aside is not free, and lets a full disk be written to for long. Unit: bytes.
const SIZE: u64 = 24 << 20;

/// A file system of its own under a directory. It is gone when this is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// A new one at a directory, where file systems may be mounted.
    pub fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"]).arg(at);
        let mounted = command.output().is_ok_and(|done| done.status.success());
        mounted.then(|| Self(at.to_owned()))
    }

    /// Leaves no room, that of files that went since the last time neither.
    pub fn fill(&self) {
        let path = self.0.join("filler");
        let mut file = fs::File::options().append(true).create(true).open(path).unwrap();
        let zeros = vec![0; 64 << 10];
        while file.write_all(&zeros).is_ok() {}
    }

    /// Makes room again.
    pub fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
