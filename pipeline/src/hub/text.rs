//! Texts of rules and configurations from disk.

use std::fs;
use std::io::Read;
use std::path::Path;

use operators::yaml::RuleError;

/// Rule files above this size are not read. Unit: bytes.
const MAX_FILE: u64 = 16 << 20;

/// Reads a file of rules: bounded, and UTF-8.
///
/// # Errors
/// With the file's name, and what to do.
pub fn read_text(path: &Path, shown: &str) -> Result<String, RuleError> {
    let file = fs::File::open(path).map_err(|error| refused(shown, &error))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| refused(shown, &error))?;
    if bytes.len() as u64 > MAX_FILE {
        let message = format!("more than {MAX_FILE} bytes: too large for a rule file");
        return Err(RuleError::of_file(shown, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        RuleError::of_file(shown, format!("not UTF-8 at byte {at}"))
    })
}

/// A file or directory that cannot be read, and what to do.
pub fn refused(shown: &str, error: &std::io::Error) -> RuleError {
    let (message, help) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no such file or directory", "check the path"),
        std::io::ErrorKind::PermissionDenied => {
            ("this may not be read", "let its owner allow it, or run as another user")
        }
        _ => return RuleError::of_file(shown, error.to_string()),
    };
    RuleError::of_file(shown, message).with_help(help)
}
