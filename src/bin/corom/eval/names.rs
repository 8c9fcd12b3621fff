//! The names of systems in the report, and the names of their runs' files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use corom::error::Result;

use crate::fail;

/// A folder or file with its name in the report.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    pub(super) name: String,
}

impl Named {
    /// Names paths by their last part, or in whole where two have the same. `option` is named in errors.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a path is given twice.
    pub(super) fn all(option: &str, paths: &[PathBuf]) -> Result<Vec<Self>> {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let last = |path: &Path| {
            let path = whole(path);
            path.file_name()
                .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        };
        for (at, path) in paths.iter().enumerate() {
            if paths[..at].iter().any(|other| whole(other) == whole(path)) {
                fail!(InvalidArgument, "{option} {}: given twice", path.display());
            }
        }
        let name = |path: &PathBuf| {
            let is_unique = paths.iter().filter(|other| last(other) == last(path)).count() == 1;
            if is_unique { last(path) } else { path.display().to_string() }
        };
        Ok(paths.iter().map(|path| Self { path: path.clone(), name: name(path) }).collect())
    }
}

/// Checks that no two systems have the same name, or the same file of a run.
///
/// # Errors
/// `INVALID_ARGUMENT` with the name.
pub(super) fn check_unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = HashMap::new();
    for name in names {
        if let Some(other) = seen.insert(tag(name), name) {
            fail!(
                InvalidArgument,
                "two systems would have the name `{name}` (the other is `{other}`); rename a file or folder"
            );
        }
    }
    Ok(())
}

/// Returns a system's name in TREC's format and for a file: characters that one of them rejects become `-`.
pub(super) fn tag(name: &str) -> String {
    let is_kept = |c: char| c.is_alphanumeric() || "._+-".contains(c);
    name.chars().map(|c| if is_kept(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        Named::all("--model", &paths).unwrap().into_iter().map(|named| named.name).collect()
    }

    #[test]
    fn equal_last_parts_are_named_in_whole() {
        assert_eq!(names(&["a/corom", "b/base"]), ["corom", "base"]);
        assert_eq!(names(&["a/corom", "b/corom", "b/base"]), ["a/corom", "b/corom", "base"]);
        let twice = [PathBuf::from("a/corom"), PathBuf::from("a/corom")];
        assert!(Named::all("--run", &twice).unwrap_err().message().contains("--run a/corom: given twice"));
    }

    #[test]
    fn systems_with_the_same_file_are_rejected() {
        check_unique(["bm25", "corom exact"]).unwrap();
        assert!(check_unique(["bm25", "corom exact", "bm25"]).is_err());
        assert!(check_unique(["corom exact", "corom-exact"]).is_err());
    }
}
