//! Rows that arrived by themselves, of a file whose rows are not all there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of rows that are kept for later searches: those of about ten searches of a million items. A page may have little
/// memory, and where rows come from they are kept too.
const KEPT_BYTES: usize = 16 << 20;

/// Rows by the number of their item in the file, each with the search that read it last.
#[derive(Debug, Default)]
pub(crate) struct SingleRows {
    rows: BTreeMap<usize, SingleRow>,
    /// The number of searches so far. It may wrap around.
    searches: AtomicU32,
}

#[derive(Debug)]
struct SingleRow {
    bytes: Vec<u8>,
    last_search: AtomicU32,
}

impl SingleRows {
    /// Notes that another search begins.
    pub(crate) fn begin_search(&self) {
        self.searches.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the bytes of a row, if it is here.
    pub(crate) fn get(&self, item: usize) -> Option<&[u8]> {
        let row = self.rows.get(&item)?;
        row.last_search.store(self.searches.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(&row.bytes)
    }

    pub(crate) fn insert(&mut self, item: usize, bytes: &[u8]) {
        let last_search = AtomicU32::new(*self.searches.get_mut());
        self.rows.insert(item, SingleRow { bytes: bytes.to_vec(), last_search });
    }

    /// Returns the bytes of all rows.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.values().map(|row| row.bytes.len()).sum()
    }

    /// Drops the rows that the last search has not read, if all rows and `more` bytes would be too many. The next page of a
    /// search reads those of the pages before it.
    pub(crate) fn make_room(&mut self, more: usize) {
        if self.bytes().saturating_add(more) > KEPT_BYTES {
            let last = *self.searches.get_mut();
            // `retain` would be another kilobyte of WebAssembly.
            for (item, mut row) in std::mem::take(&mut self.rows) {
                if *row.last_search.get_mut() == last {
                    self.rows.insert(item, row);
                }
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }
}
