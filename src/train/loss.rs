//! The losses, over the rows that the model returns for the texts of a step.
//!
//! | symbol | meaning |
//! |---|---|
//! | B, n | queries of a step; negatives per query |
//! | q, d | vectors of the queries, `[B, H]`, and of the passages, `[B(1+n), H]` |

use candle_core::{D, Device, Result, Tensor};

/// Returns the softmax cross-entropy over `q · dᵀ`, `[B, B(1+n)]`, without a temperature. The passages are those of the
/// first query, then those of the second and so on, each with the positive first: the label of row i is column i(1+n).
///
/// # Errors
/// The errors of candle, for other shapes.
pub fn retrieval_loss(queries: &Tensor, passages: &Tensor) -> Result<Tensor> {
    let scores = queries.matmul(&passages.t()?)?;
    let (rows, columns) = scores.dims2()?;
    let per_query = columns / rows;
    cross_entropy(&scores, (0..rows).map(|row| (row * per_query) as u32).collect())
}

/// Returns the cross-entropy of logits `[B, 1+n]`, each row with the positive first.
///
/// # Errors
/// The errors of candle, for other shapes.
pub fn ranking_loss(logits: &Tensor) -> Result<Tensor> {
    cross_entropy(logits, vec![0; logits.dim(0)?])
}

/// Returns the mean over the rows of `log Σ exp(scores) - scores[label]`.
fn cross_entropy(scores: &Tensor, labels: Vec<u32>) -> Result<Tensor> {
    let most = scores.max_keepdim(D::Minus1)?.detach();
    let shifted = scores.broadcast_sub(&most)?;
    let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let count = labels.len();
    let chosen = shifted.gather(&Tensor::from_vec(labels, (count, 1), &Device::Cpu)?, D::Minus1)?;
    (log_sum - chosen)?.mean_all()
}

/// Returns `mean(1 - cos(s, t)) + mean((s - t)²) / mean(t²)` for the student's rows s and the teacher's rows t,
/// `[B, dimension]`. The division makes the second part independent of the scale of the teacher's vectors.
///
/// # Errors
/// The errors of candle, for other shapes.
pub fn distillation_loss(student: &Tensor, teacher: &Tensor) -> Result<Tensor> {
    let dot = (student * teacher)?.sum_keepdim(D::Minus1)?;
    let norm = |x: &Tensor| (x.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt();
    let cosine = (dot / (norm(student)? * norm(teacher)?)?)?;
    let direction = cosine.affine(-1.0, 1.0)?.mean_all()?;
    let scale = teacher.sqr()?.mean_all()?.to_scalar::<f32>()?.max(f32::MIN_POSITIVE);
    let distance = ((student - teacher)?.sqr()?.mean_all()? / f64::from(scale))?;
    direction + distance
}
