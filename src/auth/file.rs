//! Files that several processes read and write: never half written, never by two at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::settings::beside;

/// Writes a file that must not be there yet and that only its owner can read.
///
/// # Errors
/// It is there, or cannot be written.
pub(super) fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Replaces a file as a whole. It keeps its permissions; a new one only its owner can read.
///
/// # Errors
/// It cannot be written; then the old one is as before.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // Behind a symbolic link the file itself is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = beside(&path, "new");
    let mut options = OpenOptions::new();
    let mut file = private(options.write(true).create(true).truncate(true)).open(&new)?;
    if let Ok(old) = fs::metadata(&path) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, &path)
}

/// Does something while nobody else does so with the same file.
///
/// # Errors
/// The lock cannot be had, or what the work says.
pub(super) fn locked<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let lock = beside(path, "lock");
    let fail = |error: io::Error| format!("{}: {error}", lock.display());
    let mut options = OpenOptions::new();
    let options = private(options.write(true).create(true).truncate(false));
    let file: File = options.open(&lock).map_err(fail)?;
    file.lock().map_err(fail)?;
    let done = work();
    // Closing the file gives the lock back too.
    let _given_back = file.unlock();
    done
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_behind_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        write_new(&file, b"one").unwrap();
        assert!(write_new(&file, b"two").is_err());
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"three").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"three");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
