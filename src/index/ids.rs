//! The ids of the items.
//!
//! ```text
//! section := end: u32 × items           the end of each id in bytes
//!            order: u32 × items         the items in the byte order of their ids
//!            ids                        UTF-8, one after the other
//! ```

use super::format::bytes::ByteWriter;
use crate::error::{Result, fail};

const WHAT: &str = "ids";

/// Ids that are read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'a> {
    ends: &'a [[u8; 4]],
    order: &'a [[u8; 4]],
    text: &'a [u8],
}

impl<'a> Ids<'a> {
    /// Opens the section of `items` items.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is too short.
    pub(crate) fn open(section: &'a [u8], items: usize) -> Result<Self> {
        let Some((numbers, text)) = section.split_at_checked(8 * items) else {
            fail!(InvalidCatalog, "{WHAT}: {} bytes for {items} items", section.len())
        };
        let (ends, order) = numbers.as_chunks().0.split_at(items);
        Ok(Self { ends, order, text })
    }

    /// Checks every id, and the order.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if an id is damaged or stands twice.
    pub(crate) fn check(&self) -> Result<()> {
        let mut before: Option<&str> = None;
        for at in 0..self.order.len() {
            let id = self.get(self.ordered(at)?)?;
            if before.is_some_and(|before| before >= id) {
                fail!(InvalidCatalog, "{WHAT}: {id:?} is out of order");
            }
            before = Some(id);
        }
        Ok(())
    }

    /// Returns the id of an item.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it is damaged.
    pub(crate) fn get(&self, item: usize) -> Result<&'a str> {
        let end = |item: usize| u32::from_le_bytes(self.ends[item]) as usize;
        let start = item.checked_sub(1).map_or(0, end);
        match self.text.get(start..end(item)).map(std::str::from_utf8) {
            Some(Ok(id)) => Ok(id),
            _ => fail!(InvalidCatalog, "{WHAT}: the id of item {item} is damaged"),
        }
    }

    /// Finds the item with an id.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if an id is damaged.
    pub(crate) fn find(&self, id: &str) -> Result<Option<usize>> {
        let (mut low, mut high) = (0, self.order.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let item = self.ordered(middle)?;
            match self.get(item)?.cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(Some(item)),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    fn ordered(&self, at: usize) -> Result<usize> {
        let item = u32::from_le_bytes(self.order[at]) as usize;
        if item >= self.ends.len() {
            fail!(InvalidCatalog, "{WHAT}: item {item} of {}", self.ends.len());
        }
        Ok(item)
    }

    /// Writes ids. Each id stands once.
    pub(crate) fn write(ids: &[&str]) -> Vec<u8> {
        let mut writer = ByteWriter::default();
        let mut end = 0;
        for id in ids {
            end += id.len() as u32;
            writer.u32(end);
        }
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_unstable_by_key(|&item| ids[item as usize]);
        order.into_iter().for_each(|item| writer.u32(item));
        ids.iter().for_each(|id| writer.bytes.extend(id.as_bytes()));
        writer.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found() {
        let ids = ["b", "", "商品1", "a", "商品"];
        let section = Ids::write(&ids);
        let opened = Ids::open(&section, ids.len()).unwrap();
        opened.check().unwrap();
        for (item, id) in ids.iter().enumerate() {
            assert_eq!((opened.get(item).unwrap(), opened.find(id).unwrap()), (*id, Some(item)));
        }
        assert_eq!(opened.find("c").unwrap(), None);
        for at in 0..section.len() {
            let mut damaged = section.clone();
            damaged[at] ^= 0x11;
            let opened = Ids::open(&damaged, ids.len()).unwrap();
            let _ = (opened.check(), opened.find("商品"));
            assert!(
                Ids::open(&section[..at], ids.len()).map_or(true, |opened| opened.check().is_err()),
                "{at}"
            );
        }
    }
}
