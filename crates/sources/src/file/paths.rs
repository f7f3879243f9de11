//! Names and patterns -> files, in order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{Reason, SourceError};

/// Resolves `paths` in the order given, each pattern's matches sorted by name; a file that two of
/// them name is read once. An existing name is never a pattern.
pub(super) fn resolve(paths: &[String]) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |path: PathBuf| {
        if seen.insert(path.clone()) {
            files.push(path);
        }
    };
    for path in paths {
        if Path::new(path).exists() || !path.contains(['*', '?', '[']) {
            add(PathBuf::from(path));
            continue;
        }
        let found = glob::glob(path).map_err(|error| {
            let text = format!(
                "cannot read the pattern `{path}`: {} at character {}\nhelp: write `[[]` for a \
                 literal bracket",
                error.msg, error.pos
            );
            SourceError::fatal(Reason::because(text, error))
        })?;
        let before = found.filter_map(Result::ok).filter(|path| !path.is_dir());
        let mut found: Vec<PathBuf> = before.collect();
        if found.is_empty() {
            return Err(SourceError::fatal(format!(
                "cannot read `{path}`: no file matches\nhelp: check the folder; a pattern is \
                 matched when the source is opened"
            )));
        }
        found.sort();
        found.into_iter().for_each(&mut add);
    }
    if files.is_empty() {
        return Err(SourceError::fatal("cannot read files: none is named"));
    }
    Ok(files)
}
