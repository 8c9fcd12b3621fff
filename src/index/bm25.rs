//! BM25F: BM25 over weighted fields (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, section 3.6).
//!
//! ```text
//! tf     = Σ over fields f: weight_f · count_f / (1 − b + b · length_f / average_f)
//! idf    = ln(1 + (N − n + 0.5) / (n + 0.5))      N items, n of them have the term
//! score  = idf · tf · (k1 + 1) / (tf + k1)
//! ```

use super::postings::Counts;

/// The parameters of BM25.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bm25 {
    pub(crate) k1: f32,
    pub(crate) b: f32,
}

impl Default for Bm25 {
    fn default() -> Self {
        Self { k1: 1.2, b: 0.75 }
    }
}

impl Bm25 {
    /// Returns the weight of a term that `having` of `items` items have.
    pub(crate) fn idf(having: usize, items: usize) -> f32 {
        let (n, all) = (having as f32, items as f32);
        ln(1.0 + (all - n + 0.5) / (n + 0.5))
    }

    /// Returns the share of a term's weight that an item gets for the term frequency `tf`.
    pub(crate) fn saturate(self, tf: f32) -> f32 {
        tf * (self.k1 + 1.0) / (tf + self.k1)
    }
}

/// Returns the natural logarithm of a normal positive number. The standard library's differs between machines in the last
/// bit, and hits have to have one order everywhere.
///
/// ```text
/// ln(m · 2ᵉ) = e · ln 2 + 2 · (t + t³/3 + t⁵/5 + …), t = (m − 1) / (m + 1), m from 1 up to 2
/// ```
fn ln(x: f32) -> f32 {
    const TERMS: u32 = 15;
    let bits = f64::from(x).to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..TERMS).rev().fold(0.0, |sum, n| sum * t * t + 1.0 / f64::from(2 * n + 1));
    (f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * t * series) as f32
}

/// The weights and lengths of the text fields.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    /// The weight of each field.
    pub(crate) weights: Vec<f32>,
    /// The average length of each field, in terms.
    pub(crate) averages: &'a [f32],
    /// `[items, fields]`: each item's length of each field in terms, at most 255.
    pub(crate) lengths: &'a [u8],
}

impl Fields<'_> {
    /// Returns the weighted term frequency of an item.
    #[inline(always)]
    pub(crate) fn frequency(&self, bm25: Bm25, item: u32, counts: &Counts) -> f32 {
        let lengths = &self.lengths[item as usize * self.weights.len()..][..self.weights.len()];
        let mut tf = 0.0;
        for (field, &length) in lengths.iter().enumerate() {
            if counts[field] > 0 {
                let relative = f32::from(length) / self.averages[field].max(1.0);
                tf += self.weights[field] * counts[field] as f32 / (1.0 - bm25.b + bm25.b * relative);
            }
        }
        tf
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::postings::MAX_FIELDS;

    #[test]
    fn logarithms_are_those_of_the_standard_library() {
        for i in 0..20_000 {
            let x = 1.0 + (i * i) as f32 / 300.0;
            assert!((ln(x) - x.ln()).abs() <= f32::EPSILON * x.ln().max(1.0), "{x}");
        }
        assert_eq!([ln(1.0), ln(2.0)], [0.0, std::f32::consts::LN_2]);
    }

    #[test]
    fn one_field_is_plain_bm25() {
        // Computed by hand: N 10, n 3, count 2, length 4, average 5.
        let mut counts = [0; MAX_FIELDS];
        counts[0] = 2;
        let fields = Fields { weights: vec![1.0], averages: &[5.0], lengths: &[4] };
        let bm25 = Bm25::default();
        let score = Bm25::idf(3, 10) * bm25.saturate(fields.frequency(bm25, 0, &counts));
        let expected = (1.0_f64 + 7.5 / 3.5).ln() * (2.0 * 2.2) / (2.0 + 1.2 * (0.25 + 0.75 * 0.8));
        assert!((f64::from(score) - expected).abs() < 1e-6, "{score} {expected}");
    }
}
