//! Parts of a file that both forms of it have: the kinds, the sections and the hashes.

use std::ops::Range;

pub(super) const MAGIC: &[u8; 8] = b"COROMCAT";
pub(super) const VERSION: u32 = 1;
pub(super) const HASH_BYTES: usize = 32;

/// A SHA-256.
pub(crate) type Hash = [u8; HASH_BYTES];

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A catalog of its own.
    Catalog = 0,
    /// Changes to the file before it.
    Delta = 1,
}

/// The contents of a section. The order of the variants is the order in the file: what is needed first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SectionKind {
    Schema = 1,
    Removals = 2,
    Patches = 3,
    Characters = 4,
    Dictionary = 5,
    Lengths = 6,
    Postings = 7,
    Columns = 8,
    Ids = 9,
    Phrases = 10,
    Readings = 11,
    Synonyms = 12,
    Texts = 13,
    Mean = 14,
    RowHashes = 15,
    Codes = 16,
    Rows = 17,
}

impl SectionKind {
    pub(super) const ALL: [Self; 17] = [
        Self::Schema,
        Self::Removals,
        Self::Patches,
        Self::Characters,
        Self::Dictionary,
        Self::Lengths,
        Self::Postings,
        Self::Columns,
        Self::Ids,
        Self::Phrases,
        Self::Readings,
        Self::Synonyms,
        Self::Texts,
        Self::Mean,
        Self::RowHashes,
        Self::Codes,
        Self::Rows,
    ];

    /// Returns the name for messages and for `corom index info`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Removals => "removals",
            Self::Patches => "patches",
            Self::Characters => "characters",
            Self::Dictionary => "term dictionary",
            Self::Lengths => "field lengths",
            Self::Postings => "postings",
            Self::Columns => "columns",
            Self::Ids => "ids",
            Self::Phrases => "phrases",
            Self::Readings => "readings",
            Self::Synonyms => "synonyms",
            Self::Texts => "texts",
            Self::Mean => "mean",
            Self::RowHashes => "row hashes",
            Self::Codes => "codes",
            Self::Rows => "rows",
        }
    }
}

/// A section's place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: SectionKind,
    pub(crate) bytes: Range<usize>,
    pub(crate) hash: Hash,
}

/// Returns 32 bytes as a hash.
pub(super) fn hash_of(bytes: &[u8]) -> Hash {
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(bytes);
    hash
}
