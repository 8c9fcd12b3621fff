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

    /// Returns one item of each `step` items of the set, a power of two, drawn at random: kinds of products may repeat every
    /// so many items. Sets of the same size have the same draws, so compacting a catalog does not change them.
    pub(crate) fn sample(&self, step: usize) -> Vec<usize> {
        let (mut items, mut random) = (Vec::new(), Random(0));
        let mut draw = || random.next() as usize & (step - 1);
        let (mut begin, mut next) = (0, draw()); // the numbers of the next `step` items and of the one that is drawn
        let mut number = 0;
        for (first, mut word) in self.words_in(0..self.len) {
            let end = number + word.count_ones() as usize;
            while next < end {
                while number < next {
                    word &= word - 1;
                    number += 1;
                }
                items.push(first + word.trailing_zeros() as usize);
                begin += step;
                next = begin + draw();
            }
            number = end;
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
    fn a_sample_has_the_same_numbers_whatever_was_removed() {
        let mut random = Random(3);
        for (len, step) in [(0, 1), (1, 1), (70, 1), (1000, 8), (3000, 64), (3000, 4)] {
            let mut set = Bits::all(len);
            (0..len).filter(|_| random.below(3) == 0).for_each(|item| set.remove(item));
            let items: Vec<usize> = set.iter().collect();
            let drawn: Vec<usize> = Bits::all(items.len()).sample(step).iter().map(|&n| items[n]).collect();
            assert_eq!(set.sample(step), drawn, "{len} {step}");
            assert!(drawn.len().abs_diff(items.len() / step) <= 1);
            // More items have more draws.
            assert_eq!(
                Bits::all(len + 500).sample(step)[..len / step],
                Bits::all(len).sample(step)[..len / step]
            );
        }
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
