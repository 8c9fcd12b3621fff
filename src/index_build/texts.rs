//! Writes the section of texts.

use miniz_oxide::deflate::compress_to_vec;

use super::item::Item;
use crate::index::sections::{BLOCK_ITEMS, ByteWriter};

const LEVEL: u8 = 9;

/// Writes the texts and the stored JSON of items.
pub(crate) fn write(items: &[Item]) -> Vec<u8> {
    let (mut ends, mut sizes, mut blocks) = (ByteWriter::default(), ByteWriter::default(), Vec::new());
    for block in items.chunks(BLOCK_ITEMS) {
        let mut raw = ByteWriter::default();
        for item in block {
            item.texts.iter().chain([&item.stored]).for_each(|text| raw.string(text));
        }
        blocks.extend(compress_to_vec(&raw.bytes, LEVEL));
        ends.u32(blocks.len() as u32);
        sizes.u32(raw.bytes.len() as u32);
    }
    [ends.bytes, sizes.bytes, blocks].concat()
}
