//! Files that are something else entirely: the page a server shows instead of
//! an error, or the pointer that git keeps instead of a large file.

use crate::error::{Result, fail};

/// How many bytes of a file show what it is.
pub(super) const HEAD: usize = 512;

/// Whether a file that begins so is an HTML or XML page. What is one stays one, however it goes on.
pub(super) fn is_page(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    [&b"<!doctype"[..], b"<html", b"<head", b"<body", b"<?xml", b"<!--"]
        .iter()
        .any(|tag| head.starts_with(tag))
}

/// Refuses what cannot be the beginning of a model's file.
///
/// # Errors
/// `NOT_A_MODEL`, saying what the file is.
pub(super) fn check(path: &str, bytes: &[u8]) -> Result<()> {
    if is_page(bytes) {
        fail!(
            NotAModel,
            "{path} is an HTML or XML page, not a model's file: the address is likely wrong, and the server \
             answers with a page (perhaps a login page) instead of an error"
        );
    }
    if bytes.starts_with(b"version https://git-lfs") {
        fail!(
            NotAModel,
            "{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in the model's folder"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_known_by_their_head() {
        for page in
            ["<!DOCTYPE html><html>", " \n<html lang=zh>", "\u{feff}<!doctype html>", "<?xml version='1.0'?>"]
        {
            assert!(is_page(page.as_bytes()), "{page}");
        }
        for other in ["", "{\"a\": \"<html>\"}", "\x08\x08\x12\x07pytorch", "<unk>"] {
            assert!(!is_page(other.as_bytes()), "{other}");
        }
    }
}
