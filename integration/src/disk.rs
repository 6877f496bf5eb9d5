//! Small file systems that get full.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// So large one is. Unit: bytes.
const SIZE: u64 = 64 << 20;
/// What is written while it is filled ends before this. Unit: bytes.
const NEAR: u64 = 64 << 10;

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

    /// Leaves no room, neither free nor set aside for files that are written.
    pub fn fill(&self) {
        let folders = [self.0.clone(), self.0.join("data")];
        for entry in folders.iter().flat_map(fs::read_dir).flatten().flatten() {
            // A writer may go on a little meanwhile.
            let from = entry.metadata().unwrap().len() + NEAR;
            let mut command = Command::new("fallocate");
            command.args(["--punch-hole", "--offset", &from.to_string()]);
            let _ = command.args(["--length", &SIZE.to_string()]).arg(entry.path()).output();
        }
        let file = fs::File::create(self.0.join("filler")).unwrap();
        let zeros = vec![0; 64 << 10];
        for at in (0..SIZE).step_by(zeros.len()) {
            if file.write_all_at(&zeros, at).is_err() {
                return;
            }
        }
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
