//! Orders the first results of a search again, by the scores of a reranker.

use super::top_k::Hit;

/// Returns the hits in the order of `scores`, which belong to the first hits, best first. Hits with equal scores keep their
/// order. Hits without a score follow in their own order; their scores are below those of the others.
///
/// ```
/// use corom::eval::{Hit, reorder};
///
/// let found = [(7, 0.9), (3, 0.8), (5, 0.1)].map(|(row, score)| Hit { row, score });
/// let order: Vec<u32> = reorder(&found, &[-2.5, 1.5]).iter().map(|hit| hit.row).collect();
/// assert_eq!(order, [3, 7, 5]);
/// ```
pub fn reorder(hits: &[Hit], scores: &[f32]) -> Vec<Hit> {
    let (first, rest) = hits.split_at(scores.len().min(hits.len()));
    let mut reordered: Vec<Hit> =
        first.iter().zip(scores).map(|(hit, &score)| Hit { score, ..*hit }).collect();
    reordered.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut score = reordered.last().map_or(0.0, |hit| hit.score);
    for hit in rest {
        // Large scores are further apart than 1.
        score = (score - 1.0).min(score.next_down());
        reordered.push(Hit { score, ..*hit });
    }
    reordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(rows: &[u32]) -> Vec<Hit> {
        rows.iter().map(|&row| Hit { row, score: 0.5 }).collect()
    }

    #[test]
    fn hits_without_a_score_keep_their_order_below_the_others() {
        let order = reorder(&hits(&[4, 9, 2, 7, 1]), &[-3.0, 8.0, -3.0]);
        assert_eq!(order.iter().map(|hit| hit.row).collect::<Vec<_>>(), [9, 4, 2, 7, 1]);
        assert_eq!(order.iter().map(|hit| hit.score).collect::<Vec<_>>(), [8.0, -3.0, -3.0, -4.0, -5.0]);
        assert_eq!(reorder(&hits(&[3]), &[1.0, 2.0]).len(), 1);
        assert_eq!(reorder(&hits(&[3, 5]), &[])[1].row, 5);
        assert!(reorder(&[], &[]).is_empty());
    }

    #[test]
    fn long_lists_keep_every_hit() {
        let rows: Vec<u32> = (0..100_000).collect();
        let order = reorder(&hits(&rows), &[1.0]);
        assert_eq!(order.len(), rows.len());
        assert!(order.is_sorted_by(|a, b| a.score > b.score));
        let large = reorder(&hits(&rows[..100]), &[2e9, -4e9]);
        assert!(large.is_sorted_by(|a, b| a.score > b.score));
    }
}
