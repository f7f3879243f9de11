//! Secrets of sources: read from the place that a job names, and never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;

use super::options::SecretFrom;
use super::{Reason, SourceError};

/// Longest secret; a longer file is no secret.
const SECRET_MAX_BYTES: u64 = 64 << 10;

/// A token or a key. It is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// Fetches it.
    ///
    /// # Errors
    /// Where it was looked for, and what to do.
    pub fn read(from: &SecretFrom) -> Result<Self, SourceError> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let (found, place) = match from {
            SecretFrom::Env(name) => {
                let found = std::env::var(name).map_err(|error| match error {
                    std::env::VarError::NotPresent => Reason::from("it is not set"),
                    error => Reason::because(error.to_string(), error),
                });
                (found, format!("the variable `{name}`"))
            }
            SecretFrom::File(path) => {
                let path = credential(path, directory.as_deref());
                (read_file(&path), format!("the file `{}`", path.display()))
            }
        };
        let help = match from {
            SecretFrom::Env(name) => format!("set it, as in `{name}=... tagtide run job.toml`"),
            SecretFrom::File(_) => "write the secret there, readable by this user only".to_owned(),
        };
        let none = |why: Reason| {
            let why = why.reworded(|why| format!("no secret in {place}: {why}\nhelp: {help}"));
            SourceError::fatal(why)
        };
        let found = found.map_err(none)?;
        let secret = found.trim();
        if secret.is_empty() {
            return Err(none("it is empty".into()));
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(none("a secret is one line of letters, digits and signs".into()));
        }
        Ok(Self(secret.to_owned()))
    }

    /// The secret itself, for the one request that needs it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `Bearer ...`, marked so that no client prints it.
    pub(super) fn bearer(&self) -> HeaderValue {
        sensitive(&format!("Bearer {}", self.0))
    }

    /// `text` without the secret, which a server may have sent back to us.
    pub(super) fn cut_from(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A header value that no client prints.
pub(super) fn sensitive(value: &str) -> HeaderValue {
    let mut header = HeaderValue::from_str(value).expect("only printable ASCII is made a header");
    header.set_sensitive(true);
    header
}

/// A bare name is looked for among systemd's credentials first.
fn credential(path: &Path, directory: Option<&Path>) -> PathBuf {
    let held = directory.map(|directory| directory.join(path));
    held.filter(|held| held.is_file()).unwrap_or_else(|| path.to_owned())
}

fn read_file(path: &Path) -> Result<String, Reason> {
    let failed = |error: std::io::Error| Reason::because(error.to_string(), error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > SECRET_MAX_BYTES {
        return Err(format!("{size} bytes are too many for a secret").into());
    }
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_secret_that_nothing_shows() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        let from = SecretFrom::File(path.clone());
        assert!(Secret::read(&from).expect_err("not there yet").to_string().contains("help: "));
        std::fs::write(&path, "canary \n").expect("a file");
        let secret = Secret::read(&from).expect("a secret");
        assert_eq!(secret.expose(), "canary");
        assert!(!format!("{secret:?} {:?}", secret.bearer()).contains("canary"));
        assert_eq!(secret.cut_from("bad token canary!"), "bad token ***!");
        for bad in ["", " \n", "two\nlines", "naïve"] {
            std::fs::write(&path, bad).expect("a file");
            assert!(Secret::read(&from).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_of_systemd_come_first() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("token"), "a").expect("a file");
        let bare = Path::new("token");
        assert_eq!(credential(bare, Some(dir.path())), dir.path().join("token"));
        assert_eq!(credential(Path::new("other"), Some(dir.path())), Path::new("other"));
        assert_eq!(credential(bare, None), bare);
    }
}
