//! What holds for paths on every system.

use std::path::Path;

/// Returns the folder that contains `path`.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent();
    folder
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
