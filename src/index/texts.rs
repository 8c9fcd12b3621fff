//! The texts of the items, and the JSON that is stored with them: compressed in blocks of 16 items.
//!
//! ```text
//! section := end: u32 × blocks, size: u32 × blocks, length: u32, dictionary: length bytes, block × blocks
//!                                  ends and sizes in bytes, of compressed and raw blocks; the first end is that of block 0
//! block   := deflate(item × 16)    the last block: the rest. Matches may begin in the dictionary, which lies before
//! item    := text: string × fields, stored: string
//! ```
//! A search inflates a block per hit, so blocks are small; the dictionary makes up for what they lose.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::format::bytes::ByteReader;
use crate::error::{Result, fail};

const WHAT: &str = "texts";
/// Items per block.
pub(crate) const BLOCK_ITEMS: usize = 16;
/// The largest dictionary. Deflate looks back 32 KiB.
pub(crate) const MAX_DICTIONARY_BYTES: usize = 1 << 14;
/// Deflate compresses to no less than 1/1032.
const MAX_RATIO: usize = 1032;

/// The texts of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ItemTexts {
    /// One text per field.
    pub(crate) fields: Vec<String>,
    /// The stored fields beside them: JSON, or nothing.
    pub(crate) stored: String,
}

/// Texts that are inflated from their place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    ends: &'a [[u8; 4]],
    sizes: &'a [[u8; 4]],
    dictionary: &'a [u8],
    blocks: &'a [u8],
    fields: usize,
}

impl<'a> Texts<'a> {
    /// Opens the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is too short.
    pub(crate) fn open(section: &'a [u8], items: usize, fields: usize) -> Result<Self> {
        let count = items.div_ceil(BLOCK_ITEMS);
        let mut reader = ByteReader::new(section, WHAT);
        let (ends, sizes) = reader.bytes(8 * count)?.as_chunks().0.split_at(count);
        let length = if count > 0 { reader.u32()? as usize } else { 0 };
        if length > MAX_DICTIONARY_BYTES {
            fail!(InvalidCatalog, "{WHAT}: a dictionary of {length} bytes");
        }
        let dictionary = reader.bytes(length)?;
        Ok(Self { ends, sizes, dictionary, blocks: reader.rest(), fields })
    }

    /// Inflates a block. Returns its bytes after the dictionary.
    fn block(&self, block: usize) -> Result<Vec<u8>> {
        let end = |block: usize| u32::from_le_bytes(self.ends[block]) as usize;
        let start = block.checked_sub(1).map_or(0, end);
        let size = u32::from_le_bytes(self.sizes[block]) as usize;
        let Some(packed) = self.blocks.get(start..end(block)) else {
            fail!(InvalidCatalog, "{WHAT}: block {block} ends outside the section")
        };
        let before = self.dictionary.len();
        let mut bytes = Vec::new();
        if size <= packed.len().saturating_mul(MAX_RATIO) {
            bytes.extend_from_slice(self.dictionary);
            bytes.resize(before + size, 0);
            let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
            let inflated = decompress(&mut DecompressorOxide::new(), packed, &mut bytes, before, flags);
            if (inflated.0, inflated.2) == (TINFLStatus::Done, size) {
                return Ok(bytes);
            }
        }
        fail!(InvalidCatalog, "{WHAT}: block {block} is damaged")
    }

    /// Returns the texts of one item.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if its block is damaged.
    pub(crate) fn get(&self, item: usize) -> Result<ItemTexts> {
        let block = self.block(item / BLOCK_ITEMS)?;
        let mut reader = ByteReader::new(&block[self.dictionary.len()..], WHAT);
        for _ in 0..item % BLOCK_ITEMS * (self.fields + 1) {
            reader.string()?;
        }
        let mut texts = ItemTexts::default();
        for _ in 0..self.fields {
            texts.fields.push(reader.string()?.to_string());
        }
        texts.stored = reader.string()?.to_string();
        Ok(texts)
    }
}
