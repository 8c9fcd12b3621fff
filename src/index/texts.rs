//! The texts of the items, and the JSON that is stored with them: compressed in blocks of 64 items.
//!
//! ```text
//! section := end: u32 × blocks, size: u32 × blocks, block × blocks     ends and sizes in bytes, of compressed and raw blocks
//! block   := deflate(item × 64)                                          the last block: the rest
//! item    := text: string × fields, stored: string
//! ```

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::format::bytes::ByteReader;
use crate::error::{Result, fail};

const WHAT: &str = "texts";
/// Items per block.
pub(crate) const BLOCK_ITEMS: usize = 64;
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
    blocks: &'a [u8],
    fields: usize,
    items: usize,
}

impl<'a> Texts<'a> {
    /// Opens the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is too short.
    pub(crate) fn open(section: &'a [u8], items: usize, fields: usize) -> Result<Self> {
        let count = items.div_ceil(BLOCK_ITEMS);
        let Some((numbers, blocks)) = section.split_at_checked(8 * count) else {
            fail!(InvalidCatalog, "{WHAT}: {} bytes for {items} items", section.len())
        };
        let (ends, sizes) = numbers.as_chunks().0.split_at(count);
        Ok(Self { ends, sizes, blocks, fields, items })
    }

    /// Inflates the block of an item, and returns the texts of all its items.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the block is damaged.
    pub(crate) fn block(&self, block: usize) -> Result<Vec<ItemTexts>> {
        let end = |block: usize| u32::from_le_bytes(self.ends[block]) as usize;
        let start = block.checked_sub(1).map_or(0, end);
        let size = u32::from_le_bytes(self.sizes[block]) as usize;
        let Some(packed) = self.blocks.get(start..end(block)) else {
            fail!(InvalidCatalog, "{WHAT}: block {block} ends outside the section")
        };
        let limit = size.min(packed.len().saturating_mul(MAX_RATIO));
        let raw = match decompress_to_vec_with_limit(packed, limit) {
            Ok(raw) if raw.len() == size => raw,
            _ => fail!(InvalidCatalog, "{WHAT}: block {block} is damaged"),
        };
        let mut reader = ByteReader::new(&raw, WHAT);
        let mut items = Vec::new();
        for _ in 0..(self.items - block * BLOCK_ITEMS).min(BLOCK_ITEMS) {
            let mut item = ItemTexts::default();
            for _ in 0..self.fields {
                item.fields.push(reader.string()?.to_string());
            }
            item.stored = reader.string()?.to_string();
            items.push(item);
        }
        Ok(items)
    }

    /// Returns the texts of one item.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if its block is damaged.
    pub(crate) fn get(&self, item: usize) -> Result<ItemTexts> {
        Ok(self.block(item / BLOCK_ITEMS)?.swap_remove(item % BLOCK_ITEMS))
    }
}
