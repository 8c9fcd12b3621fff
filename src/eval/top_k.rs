//! The best k of many scores, in memory for k.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A document with its score. The greater of two hits is the worse one: the lower score, then the later row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The document's row.
    pub row: u32,
    /// The score: larger is better.
    pub score: f32,
}

impl Eq for Hit {}

impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `k` hits. The result does not depend on the order in which they come.
#[derive(Debug, Clone)]
pub(super) struct TopK {
    k: usize,
    heap: BinaryHeap<Hit>,
}

impl TopK {
    pub(super) fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    pub(super) fn push(&mut self, hit: Hit) {
        if self.heap.len() < self.k {
            self.heap.push(hit);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && hit < *worst
        {
            *worst = hit;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        other.heap.into_iter().for_each(|hit| self.push(hit));
    }

    /// Returns the hits, best first.
    pub(super) fn into_sorted(self) -> Vec<Hit> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn top_k_is_the_head_of_the_sorted_list(scores in prop::collection::vec(-4i8..4, 0..200), k in 0usize..40, split in 0usize..200) {
            let hits: Vec<Hit> =
                scores.iter().enumerate().map(|(row, &score)| Hit { row: row as u32, score: f32::from(score) }).collect();
            let (a, b) = hits.split_at(split.min(hits.len()));
            let [mut first, mut second] = [TopK::new(k), TopK::new(k)];
            a.iter().rev().for_each(|&hit| first.push(hit));
            b.iter().for_each(|&hit| second.push(hit));
            second.merge(first);
            let mut sorted = hits.clone();
            sorted.sort();
            sorted.truncate(k);
            prop_assert_eq!(second.into_sorted(), sorted);
        }
    }
}
