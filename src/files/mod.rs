//! Files: reading within limits, writing whole or not at all.

pub mod likelihood;
pub mod plan;
pub mod recording;
pub mod ron;
pub mod scenario;
pub mod search;
pub mod sweep;
pub mod unfinished_sweep;
pub mod witness;

use crate::exit::Failure;
use colosim_models::diagnostic::Diagnostic;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// The text of a file that the user named, of at most `bytes_max`.
///
/// # Errors
/// If it cannot be read, is too long or is no UTF-8: bad input.
pub fn read_text(path: &Path, bytes_max: usize) -> Result<String, Failure> {
    let name = path.display().to_string();
    let refuse = |message: String| Failure::usage(format!("cannot read {name}: {message}"), None);
    let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    let mut bytes = Vec::new();
    // One byte more tells a file that is too long.
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(|error| refuse(error.to_string()))?;
    if bytes.len() > bytes_max {
        return Err(refuse(format!("it is too long for this kind of file (at most {bytes_max} bytes)")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        Failure::Input(vec![Diagnostic::at(&name, &valid, valid.len()..valid.len(), "this is no UTF-8 text")])
    })
}

/// The value of a JSON file's text; `explain` says what serde's message means for this kind of file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn from_json<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    explain: impl FnOnce(&serde_json::Error) -> String,
) -> Result<T, Diagnostic> {
    serde_json::from_str(text).map_err(|error| {
        let line = error.line().max(1);
        Diagnostic {
            file: path.display().to_string(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(error.column().max(1)).unwrap_or(u32::MAX),
            length: 1,
            source_line: text.lines().nth(line - 1).unwrap_or_default().to_owned(),
            message: explain(&error),
            suggestion: None,
        }
    })
}

/// Write a file beside its place and move it there, so that nobody ever sees half of it.
///
/// # Errors
/// If it cannot be written; a file that was there before is then still there.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut builder = tempfile::Builder::new();
        readable_by_all(&mut builder);
        let mut file: NamedTempFile = builder.tempfile_in(dir)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(|_| ()).map_err(|error| Failure::writing(path, &error))
}

/// Temporary files are their owner's only; these are ordinary files, and the umask decides.
#[cfg(unix)]
fn readable_by_all(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

/// Elsewhere a new file has the permissions of its directory.
#[cfg(not(unix))]
fn readable_by_all(_: &mut tempfile::Builder<'_, '_>) {}

/// Make a directory for output, and those above it.
///
/// # Errors
/// If that is not possible.
pub fn create_dir(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| Failure::Unfinished(format!("cannot create {}: {error}", dir.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_whole(&path, b"before").unwrap();
        write_whole(&path, b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert!(read_text(&path, 4).is_err());
    }
}
