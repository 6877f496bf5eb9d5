//! Other clocks for processes.

use std::path::PathBuf;
use std::process::Command;

/// What Debian's `faketime` loads into a process, where that is installed.
pub fn faketime() -> Option<PathBuf> {
    let library =
        format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
    Some(PathBuf::from(library)).filter(|library| library.exists())
}

/// Sets the clock of a command by so much (`-1d`), where that can be done.
pub fn set(command: &mut Command, offset: &str) -> bool {
    let Some(library) = faketime() else { return false };
    command.env("LD_PRELOAD", library).env("FAKETIME", offset);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    true
}
