//! Recognizes files that are no model file at all: a web page that a server sent instead of an error, or
//! the pointer that Git LFS stores instead of a large file.

use crate::error::{Result, fail};

/// The number of bytes at the start of a file that [`check`] needs.
pub(crate) const HEAD_BYTES: usize = 512;

/// Returns the first bytes of a file without byte order mark and leading white space.
pub(crate) fn text_head(bytes: &[u8]) -> &[u8] {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// Returns true if a file that begins with `bytes` is an HTML or XML page.
pub(crate) fn is_page(bytes: &[u8]) -> bool {
    let head = text_head(bytes).to_ascii_lowercase();
    [&b"<!doctype"[..], b"<html", b"<head", b"<body", b"<?xml", b"<!--"]
        .iter()
        .any(|tag| head.starts_with(tag))
}

/// Returns true if a file that begins with `bytes` is a Git LFS pointer.
pub(crate) fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs")
}

/// Rejects a file that begins with `bytes` if it is no model file.
///
/// # Errors
/// `NOT_A_MODEL` for an HTML or XML page and for a Git LFS pointer.
pub(crate) fn check(path: &str, bytes: &[u8]) -> Result<()> {
    if is_page(bytes) {
        fail!(
            NotAModel,
            "{path} is an HTML or XML page, not a model file. A server probably sent the page (a login page, \
             for example) instead of an error: check the address and download the file again"
        );
    }
    if is_lfs_pointer(bytes) {
        fail!(
            NotAModel,
            "{path} is a Git LFS pointer, not the file itself: run `git lfs pull` in the folder"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_page_recognizes_pages_by_their_first_bytes() {
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
