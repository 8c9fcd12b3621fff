//! The sizes of parts, and what a part is.

/// Bytes after which the next place to cut is searched. Most product texts are shorter.
pub(super) const MIN_PART_BYTES: usize = 2048;
/// The longest part that is tokenized at once.
pub(super) const MAX_PART_BYTES: usize = 32 << 10;
/// The longest text for a tokenizer whose texts cannot be divided.
pub(super) const MAX_WHOLE_BYTES: usize = 256 << 10;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokenizer) enum Part {
    /// The part ends at this byte, and its tokens are those of the text.
    Exact(usize),
    /// The part ends at this byte, inside a word: the last tokens of that word are not certain.
    InsideWord(usize),
    /// There is no place to cut.
    None,
}
