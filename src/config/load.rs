//! Reads the settings file from disk.

use super::read::{Base, Parsed, parse};
use crate::clock::Clock;
use crate::problem::Problem;
use crate::time::UnixTime;
use std::path::{Path, PathBuf};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("settings file {} cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file does not hold: all problems, in the order of the file.
    #[error("settings do not hold: {} problems", .0.len())]
    Problems(Vec<Problem>),
}

/// Loads the settings; relative paths in them start at the file's own folder.
///
/// # Errors
///
/// [`LoadError`]: unreadable, or with errors. Warnings alone come with the settings.
pub fn load(path: &Path) -> Result<Parsed, LoadError> {
    load_at(path, Clock::system().now())
}

/// The same as of `now`.
///
/// # Errors
///
/// [`LoadError`], as [`load`].
pub fn load_at(path: &Path, now: UnixTime) -> Result<Parsed, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    let folder = absolute.parent().unwrap_or_else(|| Path::new("/")).to_owned();
    let file = path.display().to_string();
    // Set by the kubelet in every container (Kubernetes: "Discovering services").
    let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    parse(&text, &Base { file: file.into(), folder, in_pod, now }).map_err(LoadError::Problems)
}
