//! Why a folder of measurements cannot be compared with.

use colosim_models::diagnostic::Diagnostic;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bad input: one message that names the file.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not laid out as expected.
    #[error("{}:{}:{}: {source}", path.display(), source.line(), source.column())]
    Layout {
        /// The file.
        path: PathBuf,
        /// What was found instead, and where.
        source: serde_json::Error,
    },
    /// Nothing to fit to.
    #[error("nothing was recorded over {transport}")]
    NothingRecorded {
        /// What is missing.
        transport: String,
    },
    /// A recorded configuration that cannot be simulated.
    #[error("{}: {configuration}: {message}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// Which of its configurations.
        configuration: String,
        /// What is wrong with it.
        message: String,
    },
    /// A scenario or a profile that was made is refused.
    #[error(transparent)]
    Refused(#[from] Diagnostic),
}

/// The recordings in `name` inside `folder`; none if there is no such file.
///
/// # Errors
/// The file is there and cannot be read, or is laid out otherwise.
pub(crate) fn read_recordings<T: serde::de::DeserializeOwned>(
    folder: &Path,
    name: &str,
) -> Result<Option<Vec<T>>, Error> {
    let path = folder.join(name);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path, source }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| Error::Layout { path, source })
}
