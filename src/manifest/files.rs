//! Reads the files of `resources.paths` and `resources.secrets_dir`.

use crate::config::ResourcePlaces;
use crate::name::ResourceName;
use crate::problem::Problem;
use crate::secret::Secret;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file that is read; what is longer is a problem, not a truth cut short.
const MAX_BYTES: u64 = 4 << 20;
/// Most files of a folder; more are a problem as well.
const MAX_FILES: usize = 10_000;

/// A file of documents. It may hold Secrets, so that its text is never printed.
#[derive(Clone)]
pub struct FileText {
    /// Its name, for messages.
    pub name: Arc<str>,
    /// Its text, or a line (0) and why there is none.
    pub text: Result<String, (usize, String)>,
}

impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileText").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One value of a Secret, in a file of its own.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// The file, for messages.
    pub name: Arc<str>,
    /// Which Secret.
    pub secret: ResourceName,
    /// The key.
    pub key: String,
    /// The value as it is in the file.
    pub value: Secret<String>,
}

/// What was read from disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// Files of documents, in the order of reading.
    pub files: Vec<FileText>,
    /// Files of Secrets, by namespace, name and key.
    pub secrets: Vec<SecretFile>,
    /// Places that could not be listed, and values that could not be read.
    pub problems: Vec<Problem>,
    /// Whether every place could be listed; otherwise nobody knows what is gone and what is not.
    pub complete: bool,
}

/// Reads everything. Messages name files relative to `folder`, where they are within it.
#[must_use]
pub fn load(places: &ResourcePlaces, folder: &Path) -> Disk {
    let mut disk = Disk::default();
    for path in documents(places, folder, &mut disk.problems) {
        let name = name(&path, folder);
        let text = read(&path).map_err(|why| (0, why));
        disk.files.push(FileText { name, text });
    }
    let secrets = secret_paths(places, folder, &mut disk.problems);
    disk.complete = disk.problems.is_empty();
    for (secret, key, path) in secrets {
        let name = name(&path, folder);
        match read(&path) {
            Ok(text) => {
                disk.secrets.push(SecretFile { name, secret, key, value: Secret::new(text) });
            }
            Err(why) => disk.problems.push(Problem::of_file(&name, 0, why)),
        }
    }
    disk
}

/// Every file that is read, and every folder that is listed: what a change shows in.
#[must_use]
pub fn watched(places: &ResourcePlaces) -> Vec<PathBuf> {
    let root = Path::new("");
    let mut unread = Vec::new();
    let mut paths = documents(places, root, &mut unread);
    let secrets = secret_paths(places, root, &mut unread);
    paths.extend(secrets.into_iter().map(|(_, _, path)| path));
    paths.extend(places.paths.iter().cloned());
    paths.extend(places.secrets_dir.clone());
    paths
}

fn name(path: &Path, folder: &Path) -> Arc<str> {
    path.strip_prefix(folder).unwrap_or(path).display().to_string().into()
}

/// The files of documents: those named, and each folder's own, sorted; no file twice.
fn documents(places: &ResourcePlaces, folder: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for place in &places.paths {
        if !place.exists() {
            let message = "expected a file or folder; there is none";
            problems.push(Problem::of_file(&name(place, folder), 0, message));
            continue;
        }
        if !place.is_dir() {
            found.push(place.clone());
            continue;
        }
        let fits = |path: &PathBuf| {
            let kind = path.extension().and_then(|kind| kind.to_str());
            matches!(kind, Some("yaml" | "yml" | "json")) && !path.is_dir()
        };
        found.extend(entries(place, folder, problems).into_iter().filter(fits));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

/// `<namespace>/<name>/<key>`
fn secret_paths(
    places: &ResourcePlaces,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Vec<(ResourceName, String, PathBuf)> {
    let mut found = Vec::new();
    let Some(place) = &places.secrets_dir else { return found };
    for namespace in entries(place, folder, problems) {
        if !namespace.is_dir() {
            continue;
        }
        for secret in entries(&namespace, folder, problems) {
            if !secret.is_dir() {
                continue;
            }
            let name = ResourceName::new(&last(&secret), &last(&namespace));
            for file in entries(&secret, folder, problems) {
                if !file.is_dir() {
                    found.push((name.clone(), last(&file), file));
                }
            }
        }
    }
    found
}

fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a folder holds, sorted, but for dot-files: Kubernetes keeps `..data` and older versions
/// beside the links that are meant.
fn entries(place: &Path, folder: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.take(MAX_FILES.saturating_add(1)).collect::<Result<Vec<_>, _>>()
    });
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("expected a folder that can be listed: {error}");
            problems.push(Problem::of_file(&name(place, folder), 0, message));
            return Vec::new();
        }
    };
    if entries.len() > MAX_FILES {
        let message = format!("expected at most {MAX_FILES} files: put more of them into each");
        problems.push(Problem::of_file(&name(place, folder), 0, message));
        return Vec::new();
    }
    entries.retain(|path| !last(path).starts_with('.'));
    entries.sort();
    entries
}

/// The text of a file; follows links.
fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("expected a file that can be read: {error}");
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // A pipe or a device would never end, or hold up the reload.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err("expected a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).map_or(true, |len| len > MAX_BYTES) {
        return Err(format!("expected at most {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_found| "expected UTF-8".to_owned())
}
