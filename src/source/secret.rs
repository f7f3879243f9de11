//! Tokens of sources: read once, sent in a header, shown nowhere.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;

use crate::job::TokenFrom;

/// A token. Neither `{:?}` nor an error shows it.
#[derive(Clone)]
pub(super) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    /// Reads it from where the job says; why not, without it.
    pub(super) fn read(from: &TokenFrom) -> Result<Self, String> {
        let (found, place) = match from {
            TokenFrom::Env(name) => (std::env::var(name).ok(), format!("`{name}`")),
            TokenFrom::File(path) => {
                let path = credential(path);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    format!(
                        "cannot read the token's file `{}`: {error}\nhelp: name a file that this \
                         user can read, or a credential of systemd",
                        path.display()
                    )
                })?;
                (Some(text), format!("`{}`", path.display()))
            }
        };
        let token = found.unwrap_or_default().trim().to_owned();
        if token.is_empty() {
            return Err(format!(
                "there is no token in {place}\nhelp: put it there, and leave out the key where \
                 no token is wanted"
            ));
        }
        let secret = Self(token);
        if HeaderValue::from_str(&secret.0).is_err() {
            return Err(format!("what is in {place} cannot be sent as a token"));
        }
        Ok(secret)
    }

    /// `Bearer ...`, marked so that it is printed nowhere.
    pub(super) fn bearer(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .expect("it was tried when it was read");
        value.set_sensitive(true);
        value
    }

    /// A text of the other end, which may repeat what it was sent.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

/// A bare name is looked for among the credentials of systemd, where it is not here.
fn credential(path: &Path) -> PathBuf {
    let is_bare = path.components().count() == 1 && !path.exists();
    match std::env::var_os("CREDENTIALS_DIRECTORY").filter(|_| is_bare) {
        Some(dir) => Path::new(&dir).join(path),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_its_file_and_never_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        std::fs::write(&path, "  canary\n").expect("a file");
        let secret = Secret::read(&TokenFrom::File(path.clone())).expect("it is there");
        assert_eq!(format!("{secret:?} {:?}", secret.bearer()), "*** Sensitive");
        assert_eq!(secret.hide("token canary is bad"), "token *** is bad");
        std::fs::write(&path, "canary\nmore").expect("a file");
        let error = Secret::read(&TokenFrom::File(path.clone())).expect_err("two lines");
        assert!(!error.contains("canary"), "{error}");
        std::fs::write(&path, "\n").expect("a file");
        let error = Secret::read(&TokenFrom::File(path)).expect_err("it is empty");
        assert!(error.contains("help: "), "{error}");
        assert!(Secret::read(&TokenFrom::Env("TAGTIDE_NO_SUCH_NAME".into())).is_err());
    }
}
