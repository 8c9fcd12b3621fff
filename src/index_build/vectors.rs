//! Writes the sections of vectors.

use crate::error::Result;
use crate::index::sections::{
    Bits, CodeQuery, Codes, CodesWriter, Rotation, Rows, VectorQuery, checked, dot, top_k, write_row,
};
use crate::index::{RowKind, VectorSpace};

/// The share of the ten nearest items that the coded scan has to find.
const RECALL: f32 = 0.995;
const NEAREST: usize = 10;
const MAX_QUERIES: usize = 100;
const MIN_OVERSAMPLING: usize = 4;
const MAX_OVERSAMPLING: u32 = 256;

/// The sections of vectors. `mean` is empty in a delta.
#[derive(Default)]
pub(crate) struct Vectors {
    pub(crate) mean: Vec<u8>,
    pub(crate) rows: Vec<u8>,
    pub(crate) codes: Vec<u8>,
    pub(crate) oversampling: u32,
}

/// Writes vectors, which [`checked`] returned. `mean`: that of the catalog that a delta continues. A catalog gets no codes
/// if they would need more than [`MAX_OVERSAMPLING`].
pub(crate) fn write(
    vectors: &[Vec<f32>],
    space: &VectorSpace,
    mean: Option<&[f32]>,
    with_codes: bool,
) -> Result<Vectors> {
    let own = mean_of(vectors, space.dimension);
    let center = mean.unwrap_or(&own);
    let mut written = Vectors::default();
    let mut codes = CodesWriter::new(space.dimension);
    for vector in vectors {
        write_row(&mut written.rows, vector, center, space.rows);
        if with_codes {
            codes.add(vector, center, dot(vector, vector));
        }
    }
    if with_codes {
        written.codes = codes.finish();
        written.oversampling = match space.rows {
            RowKind::None => 1, // There is nothing to score the candidates by.
            _ => oversampling(vectors, space, center, &written)?,
        };
        // Few dimensions, or vectors that lie very close: codes do not tell the items apart.
        if mean.is_none() && written.oversampling > MAX_OVERSAMPLING {
            (written.codes, written.oversampling) = (Vec::new(), 0);
        }
    }
    if mean.is_none() {
        written.mean = own.iter().flat_map(|x| x.to_le_bytes()).collect();
    }
    Ok(written)
}

fn mean_of(vectors: &[Vec<f32>], dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dimension];
    for vector in vectors {
        sums.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sums.into_iter().map(|sum| (sum / vectors.len().max(1) as f64) as f32).collect()
}

/// Returns the number of candidates per result with which the coded scan finds the nearest items. The queries are items,
/// spread over the catalog.
fn oversampling(vectors: &[Vec<f32>], space: &VectorSpace, mean: &[f32], written: &Vectors) -> Result<u32> {
    let items = vectors.len();
    let rows = Rows::open(&written.rows, items, space.dimension, space.rows)?;
    let codes = Codes::open(&written.codes, items, space.dimension)?;
    let rotation = Rotation::new(space.dimension);
    let mut ranks = Vec::new();
    for vector in vectors.iter().step_by(items.div_ceil(MAX_QUERIES).max(1)) {
        let vector = checked(vector, space)?;
        let query = VectorQuery::new(&vector, space, mean)?;
        let coded = CodeQuery::new(&query, &rotation);
        let exact: Vec<f32> = (0..items).map(|item| query.score(rows.get(item))).collect();
        let estimates: Vec<f32> = (0..items).map(|item| coded.estimate(&query, &codes, item)).collect();
        for item in top_k(0..items, NEAREST, |&a, &b| exact[b].total_cmp(&exact[a]).then(a.cmp(&b))) {
            ranks.push(estimates.iter().filter(|&&other| other > estimates[item]).count() + 1);
        }
    }
    ranks.sort_unstable();
    let at = ((ranks.len() as f32 * RECALL) as usize).min(ranks.len().saturating_sub(1));
    let rank = ranks.get(at).copied().unwrap_or(1);
    Ok(rank.div_ceil(NEAREST).max(MIN_OVERSAMPLING).min(MAX_OVERSAMPLING as usize + 1) as u32)
}

/// Copies the rows and codes of the items of `live` from catalogs' sections, in order.
pub(crate) fn copy<'a>(
    parts: impl Iterator<Item = (Option<Rows<'a>>, Option<Codes<'a>>, std::ops::Range<usize>)>,
    live: &Bits,
    dimension: usize,
) -> Vectors {
    let mut written = Vectors::default();
    let mut codes_writer = CodesWriter::new(dimension);
    for (rows, codes, range) in parts {
        let first = range.start;
        for item in live.iter_range(range) {
            if let Some(rows) = &rows {
                written.rows.extend(rows.bytes(item - first));
            }
            if let Some(codes) = &codes {
                codes_writer.copy(codes, item - first);
            }
        }
    }
    written.codes = codes_writer.finish();
    written
}
