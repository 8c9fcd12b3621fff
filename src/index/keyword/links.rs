//! The links between the pairs of a row of characters; see `chain`.

/// The links of a pair in the items that have it. A character is a bit of 64, so two of them may be taken for one.
pub(crate) struct Links<'a> {
    /// The second characters of the pair before, by item. None: this is the first pair.
    before: Option<&'a [u64]>,
    /// The second characters of the pair, by item.
    after: &'a mut [u64],
    first: u64,
    second: u64,
}

impl<'a> Links<'a> {
    /// Prepares the links of a pair: `before` and `after` have a number per item.
    pub(crate) fn new(before: Option<&'a [u64]>, after: &'a mut [u64], first: char, second: char) -> Self {
        Self { before, after, first: bit(first), second: bit(second) }
    }

    /// Returns true if the pair is linked in an item, and notes its second character.
    pub(crate) fn join(&mut self, item: usize) -> bool {
        let is_linked = self.before.is_none_or(|before| before[item] & self.first != 0);
        if is_linked {
            self.after[item] |= self.second;
        }
        is_linked
    }
}

fn bit(c: char) -> u64 {
    1 << (u32::from(c).wrapping_mul(0x9E37_79B1) >> 26)
}
