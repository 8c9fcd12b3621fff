//! Reads source files, and Rust code without comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a file.
///
/// # Panics
/// If the file cannot be read.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns every hand-written file under `folders` with one of `extensions`: its path from the root, and
/// its text.
pub fn sources(folders: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let relative = path.strip_prefix(root()).map(Path::to_path_buf).unwrap_or_default();
            let relative = relative.to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                if relative != "pkg/wasm" && !relative.ends_with("node_modules") {
                    open.push(path);
                }
            } else if extensions.iter().any(|wanted| path.extension().is_some_and(|own| own == *wanted)) {
                let text = read(&path);
                found.push((relative, text));
            }
        }
    }
    found.sort();
    found
}

/// Returns the numbered lines of Rust in `text`, without comments and the contents of literals.
pub fn code_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped_length(rest);
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    let lines: Vec<String> = code.lines().map(str::to_owned).collect();
    lines.into_iter().enumerate().map(|(index, line)| (index + 1, line))
}

/// Returns the length of the comment or literal that `rest` begins with, 0 if it begins with code.
fn skipped_length(rest: &str) -> usize {
    let until =
        |start: usize, end: &str| rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    if let Some(after) = rest.strip_prefix('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after[hashes..].starts_with('"') {
            return until(2 + hashes, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    if rest.starts_with('"') {
        return closing_quote(rest, '"').unwrap_or(rest.len());
    }
    // A quote may begin a lifetime: then no other follows after one (possibly escaped) character.
    if let Some(after) = rest.strip_prefix('\'') {
        let literal = after.starts_with('\\') || after.chars().nth(1) == Some('\'');
        return if literal { closing_quote(rest, '\'').unwrap_or(rest.len()) } else { 0 };
    }
    0
}

/// Returns the position after the closing quote of the literal that `rest` begins with.
fn closing_quote(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    rest.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}
