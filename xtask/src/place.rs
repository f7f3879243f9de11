//! Paths: the repository, its target directory, the binaries in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The repository.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Cargo's target directory, which also has all output of the chores.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The program as built by `profile`, `debug` or `release`.
pub(crate) fn tagtide(profile: &str) -> PathBuf {
    target().join(profile).join("tagtide")
}

/// The Python of the tests' virtual environment.
pub(crate) fn python() -> PathBuf {
    target().join("venv/bin/python")
}

/// Where cargo-deny is installed, if it is not on `PATH`.
pub(crate) fn cargo_deny_dir() -> PathBuf {
    target().join("cargo-deny")
}

/// The program of this name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// An empty directory of this name in the target directory.
pub(crate) fn fresh_dir(name: &str) -> anyhow::Result<PathBuf> {
    let dir = target().join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
    Ok(dir)
}
