//! Writes the section of texts.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};

use super::item::Item;
use crate::index::sections::{BLOCK_ITEMS, ByteWriter, MAX_DICTIONARY_BYTES};

const LEVEL: i32 = 9;
/// Negative: no header of zlib.
const WINDOW_BITS: i32 = -15;
/// The dictionary is at most one in so many bytes of the texts.
const MIN_TEXTS_PER_DICTIONARY: usize = 16;

/// Writes the texts and the stored JSON of items.
pub(crate) fn write(items: &[Item]) -> Vec<u8> {
    if items.is_empty() {
        return Vec::new();
    }
    let dictionary = dictionary(items);
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, WINDOW_BITS, 0));
    let (mut ends, mut sizes, mut blocks) = (ByteWriter::default(), ByteWriter::default(), Vec::new());
    for block in items.chunks(BLOCK_ITEMS) {
        let mut raw = ByteWriter::default();
        block.iter().for_each(|item| write_item(&mut raw, item));
        compressor.reset();
        // The dictionary's own bytes are dropped: later texts only look back to it. `Sync` ends at a whole byte.
        if !dictionary.is_empty() {
            compress_to_output(&mut compressor, &dictionary, TDEFLFlush::Sync, |_| true);
        }
        compress_to_output(&mut compressor, &raw.bytes, TDEFLFlush::Finish, |bytes| {
            blocks.extend_from_slice(bytes);
            true
        });
        ends.u32(blocks.len() as u32);
        sizes.u32(raw.bytes.len() as u32);
    }
    let mut section = ByteWriter { bytes: [ends.bytes, sizes.bytes].concat() };
    section.u32(dictionary.len() as u32);
    section.bytes.extend(dictionary);
    section.bytes.extend(blocks);
    section.bytes
}

fn write_item(raw: &mut ByteWriter, item: &Item) {
    item.texts.iter().chain([&item.stored]).for_each(|text| raw.string(text));
}

/// Returns the texts of items that are spread over the catalog.
fn dictionary(items: &[Item]) -> Vec<u8> {
    let bytes = |item: &Item| item.texts.iter().map(String::len).sum::<usize>() + item.stored.len();
    let all: usize = items.iter().map(bytes).sum();
    let size = (all / MIN_TEXTS_PER_DICTIONARY).min(MAX_DICTIONARY_BYTES);
    let step = all.div_ceil(size.max(1)).min(items.len());
    let mut dictionary = ByteWriter::default();
    for item in items.iter().step_by(step.max(1)) {
        if dictionary.bytes.len() + bytes(item) <= size {
            write_item(&mut dictionary, item);
        }
    }
    dictionary.bytes.truncate(size);
    dictionary.bytes
}
