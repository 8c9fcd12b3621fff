//! The postings of a term: the items that have it, and how often in which field.
//!
//! ```text
//! postings := posting × items, by item number
//! posting  := step: varint      (item − item before it, the first: item + 1) × 2, plus 1 if the term stands once in field 0
//!             [mask: varint     a bit per field that has the term
//!              count: varint × bits of the mask]      only if the low bit of step is 0
//! ```

use super::format::bytes::{ByteReader, ByteWriter};
use crate::error::{Result, fail};

/// The largest number of text fields.
pub(crate) const MAX_FIELDS: usize = 16;
const WHAT: &str = "postings";

/// The number of times that a term stands in each field of an item.
pub(crate) type Counts = [u32; MAX_FIELDS];

/// Reads postings.
#[derive(Debug)]
pub(crate) struct Postings<'a> {
    reader: ByteReader<'a>,
    /// The item before the next one, plus 1.
    after: u32,
    /// The number of items in the catalog.
    items: u32,
}

impl<'a> Postings<'a> {
    pub(crate) fn new(bytes: &'a [u8], items: u32) -> Self {
        Self { reader: ByteReader::new(bytes, WHAT), after: 0, items }
    }

    /// Returns the next item, and fills `counts` of its fields.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the bytes are damaged.
    #[inline(always)]
    pub(crate) fn next(&mut self, counts: &mut Counts) -> Result<Option<u32>> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let step = self.reader.varint()?;
        let after = self.after.saturating_add(step >> 1);
        if after == self.after || after > self.items {
            fail!(InvalidCatalog, "{WHAT}: item {after} after {}, of {}", self.after, self.items);
        }
        self.after = after;
        *counts = [0; MAX_FIELDS];
        if step & 1 == 1 {
            counts[0] = 1;
        } else {
            let mask = self.reader.varint()?;
            if mask == 0 || mask >> MAX_FIELDS != 0 {
                fail!(InvalidCatalog, "{WHAT}: fields {mask:#x}");
            }
            for (field, count) in counts.iter_mut().enumerate() {
                if mask >> field & 1 == 1 {
                    *count = self.reader.varint()?;
                }
            }
        }
        Ok(Some(after - 1))
    }
}

/// Writes the postings of one term.
#[derive(Debug, Default)]
pub(crate) struct PostingsWriter {
    bytes: ByteWriter,
    after: u32,
    items: u32,
}

impl PostingsWriter {
    /// Adds an item. Items are added in rising order.
    ///
    /// # Panics
    /// If the item is not after the one before it.
    pub(crate) fn add(&mut self, item: u32, counts: &Counts) {
        assert!(item >= self.after, "items are added in rising order");
        let step = (item + 1 - self.after) << 1;
        if counts[0] == 1 && counts[1..].iter().all(|&count| count == 0) {
            self.bytes.varint(step | 1);
        } else {
            self.bytes.varint(step);
            let mask =
                counts.iter().enumerate().fold(0, |mask, (i, &count)| mask | u32::from(count > 0) << i);
            self.bytes.varint(mask);
            for &count in counts.iter().filter(|&&count| count > 0) {
                self.bytes.varint(count);
            }
        }
        self.after = item + 1;
        self.items += 1;
    }

    /// Returns the number of items and the bytes.
    pub(crate) fn finish(self) -> (u32, Vec<u8>) {
        (self.items, self.bytes.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[u32]) -> Counts {
        let mut counts = [0; MAX_FIELDS];
        counts[..list.len()].copy_from_slice(list);
        counts
    }

    #[test]
    fn postings_are_the_same_after_writing_and_reading() {
        let all =
            [(0, counts(&[1])), (1, counts(&[0, 2])), (200, counts(&[3, 0, 1])), (70_000, counts(&[1]))];
        let mut writer = PostingsWriter::default();
        for (item, counts) in &all {
            writer.add(*item, counts);
        }
        let (items, bytes) = writer.finish();
        assert_eq!(items, 4);
        let mut reader = Postings::new(&bytes, 70_001);
        let mut found = [0; MAX_FIELDS];
        for (item, counts) in all {
            assert_eq!(reader.next(&mut found).unwrap(), Some(item));
            assert_eq!(found, counts);
        }
        assert_eq!(reader.next(&mut found).unwrap(), None);
        let mut short = Postings::new(&bytes, 70_000);
        assert!((0..3).all(|_| short.next(&mut found).is_ok()));
        assert!(short.next(&mut found).is_err(), "an item outside the catalog");
    }
}
