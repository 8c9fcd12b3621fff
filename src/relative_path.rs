//! Paths of files inside a model folder.

/// Returns true if a path stays inside the folder: it is relative, its parts are separated by `/`,
/// no part is empty, `.` or `..`, and it has no backslash, scheme, query, fragment or escape.
pub(crate) fn is_relative_path(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', ':', '?', '#', '%', '\0'])
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::is_relative_path;

    #[test]
    fn paths_that_leave_the_folder_are_rejected() {
        for path in ["model.onnx", "onnx/model.onnx", "a..b", ".hidden"] {
            assert!(is_relative_path(path), "{path}");
        }
        for path in ["", "/a", "a//b", "../a", "a/./b", "a\\b", "c:d", "a?b", "a#b", "a%2e", "a\0"] {
            assert!(!is_relative_path(path), "{path}");
        }
    }
}
