//! A set of items: one bit per item.

use super::random::Random;
use std::ops::Range;

/// A set of the items `0..len`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    pub(crate) fn all(len: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        bits.clear_tail();
        bits
    }

    pub(crate) fn insert(&mut self, item: usize) {
        self.words[item / 64] |= 1 << (item % 64);
    }

    pub(crate) fn remove(&mut self, item: usize) {
        self.words[item / 64] &= !(1 << (item % 64));
    }

    /// Changes the number of items. New items are not in the set.
    pub(crate) fn resize(&mut self, len: usize) {
        self.words.resize(len.div_ceil(64), 0);
        self.len = len;
        self.clear_tail();
    }

    /// Returns the number of items that could be in the set.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn contains(&self, item: usize) -> bool {
        self.words[item / 64] >> (item % 64) & 1 == 1
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a &= b;
        }
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a |= b;
        }
    }

    pub(crate) fn invert(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        self.clear_tail();
    }

    /// Returns the items of the set, in rising order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.iter_range(0..self.len)
    }

    /// Returns the items of the set within a range, in rising order.
    pub(crate) fn iter_range(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        self.words_in(range).flat_map(|(first, word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(first + bit)
            })
        })
    }

    /// Returns about one item of the set in `step` places, a power of two, drawn at random: kinds of products may repeat
    /// every so many places. The draw is the same each time, also when items have been added or removed.
    pub(crate) fn sample(&self, step: usize) -> Vec<usize> {
        let (mut items, mut first, mut random) = (Vec::new(), 0, Random(0));
        while first < self.len {
            let item = first + (random.next() as usize & (step - 1));
            if item < self.len && self.contains(item) {
                items.push(item);
            }
            first += step;
        }
        items
    }

    /// Returns true if the set has an item within a range.
    pub(crate) fn has_any(&self, range: Range<usize>) -> bool {
        self.words_in(range).any(|(_, word)| word != 0)
    }

    /// Adds the items of another set within a range.
    pub(crate) fn unite_range(&mut self, other: &Self, range: Range<usize>) {
        other.words_in(range).for_each(|(first, word)| self.words[first / 64] |= word);
    }

    /// Adds those of 64 items from a multiple of 64 on that have a bit in `word`.
    pub(crate) fn insert_word(&mut self, first: usize, word: u64) {
        self.words[first / 64] |= word;
    }

    /// Returns the items within a range, 64 at a time: the first of them, a multiple of 64, and a bit per item of the set.
    pub(crate) fn words_in(&self, range: Range<usize>) -> impl Iterator<Item = (usize, u64)> + '_ {
        (range.start / 64..range.end.div_ceil(64)).map(move |at| {
            let first = at * 64;
            let mut word = self.words[at];
            if first < range.start {
                word &= u64::MAX << (range.start - first);
            }
            if first + 64 > range.end {
                word &= u64::MAX >> (first + 64 - range.end);
            }
            (first, word)
        })
    }

    fn clear_tail(&mut self) {
        if let (Some(last), 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << (self.len % 64)) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;
    use crate::index::random::Random;

    #[test]
    fn sets_have_their_items() {
        for len in [0, 1, 63, 64, 65, 130] {
            let all = Bits::all(len);
            assert_eq!(all.iter().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            let mut odd = Bits::none(len);
            (0..len).filter(|i| i % 2 == 1).for_each(|i| odd.insert(i));
            let mut even = odd.clone();
            even.invert();
            assert_eq!(odd.count() + even.count(), len);
            assert!(even.iter().all(|i| i % 2 == 0 && !odd.contains(i)));
            even.unite(&odd);
            assert_eq!(even, all);
            even.intersect(&odd);
            assert_eq!(even, odd);
        }
    }
    #[test]
    fn a_sample_has_each_kind_of_items_that_repeats() {
        let all = Bits::all(20_000);
        let sample = all.sample(16);
        assert_eq!(sample.len(), 20_000 / 16);
        for period in [2, 3, 5, 16, 32] {
            let of = |kind| sample.iter().filter(|&item| item % period == kind).count();
            let expected = sample.len() / period;
            assert!((0..period).all(|kind| of(kind).abs_diff(expected) < expected / 2 + 5), "{period}");
        }
    }
    #[test]
    fn a_sample_stays_when_items_come_and_go() {
        let mut set = Bits::all(1000);
        let before = set.sample(8);
        set.remove(before[3]);
        set.remove(before[4] + 1);
        let mut after = before.clone();
        after.retain(|&item| set.contains(item));
        assert_eq!(set.sample(8), after);
        let longer = Bits::all(1200).sample(8);
        assert_eq!(longer[..before.len()], before);
        assert_eq!(Bits::all(70).sample(1), (0..70).collect::<Vec<_>>());
        assert!(Bits::none(1000).sample(8).is_empty());
    }
    #[test]
    fn ranges_are_those_of_the_list() {
        let mut random = Random(4);
        for len in [1, 63, 64, 65, 200] {
            let mut set = Bits::none(len);
            (0..len).filter(|_| random.below(3) > 0).for_each(|item| set.insert(item));
            for start in (0..len).step_by(7) {
                for end in [start, (start + 5).min(len), len] {
                    let items: Vec<usize> = set.iter().filter(|item| (start..end).contains(item)).collect();
                    assert_eq!(set.iter_range(start..end).collect::<Vec<_>>(), items, "{len} {start} {end}");
                    assert_eq!(set.has_any(start..end), !items.is_empty());
                    let mut other = Bits::none(len);
                    other.unite_range(&set, start..end);
                    assert_eq!(other.iter().collect::<Vec<_>>(), items);
                }
            }
        }
    }
}
