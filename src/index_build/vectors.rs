//! Writes the sections of vectors. The vectors are read more than once, one at a time, so that a catalog can be larger than
//! memory.
//!
//! ```text
//! 1. the mean                       2. with codes: the codes, and the nearest items of some queries        3. the rows
//! ```

use super::item::Item;
use crate::error::{Result, fail};
use crate::index::sections::{
    Bits, CODE_BLOCK_ITEMS, CodeQuery, Codes, CodesWriter, Rotation, Row, Rows, VectorQuery, checked, dot,
    row_hash, write_row,
};
use crate::index::{RowKind, VectorSpace};

/// The share of the ten nearest items that the coded scan has to find.
const RECALL: f32 = 0.995;
const NEAREST: usize = 10;
/// Queries by which the oversampling is measured.
pub(crate) const MAX_QUERIES: usize = 100;
const MIN_OVERSAMPLING: usize = 4;
const MAX_OVERSAMPLING: u32 = 256;

/// The vectors of items, in their order.
pub trait VectorSource {
    /// Passes the number of each item and its vector to `visit`. It is called several times.
    ///
    /// # Errors
    /// The errors of `visit`, and those of reading.
    fn each(&mut self, visit: &mut dyn FnMut(usize, &[f32]) -> Result<()>) -> Result<()>;
}

/// The vectors that items bring.
pub(crate) struct OwnVectors<'a>(pub(crate) &'a [Item]);

impl VectorSource for OwnVectors<'_> {
    fn each(&mut self, visit: &mut dyn FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        for (number, item) in self.0.iter().enumerate() {
            match &item.vector {
                Some(vector) => visit(number, vector)?,
                None => fail!(InvalidArgument, "item {:?}: the vector is missing", item.id),
            }
        }
        Ok(())
    }
}

/// Vectors as the metric takes them, with the items that they belong to.
pub(crate) struct CheckedVectors<'a> {
    pub(crate) source: &'a mut dyn VectorSource,
    pub(crate) space: &'a VectorSpace,
    pub(crate) items: &'a [Item],
}

impl CheckedVectors<'_> {
    fn each(&mut self, visit: &mut dyn FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let (space, items) = (self.space, self.items);
        let mut count = 0;
        self.source.each(&mut |number, vector| {
            let Some(item) = items.get(number).filter(|_| number == count) else {
                fail!(InvalidArgument, "vectors: one of item {number} after {count}, of {}", items.len())
            };
            count += 1;
            match checked(vector, space) {
                Ok(vector) => visit(number, &vector),
                Err(error) => fail!(InvalidArgument, "item {:?}: {error}", item.id),
            }
        })?;
        match count == items.len() {
            true => Ok(()),
            false => fail!(InvalidArgument, "vectors: {count} for {} items", items.len()),
        }
    }
}

/// The results of writing vectors, beside their rows.
#[derive(Default)]
pub(crate) struct Vectors {
    pub(crate) mean: Vec<f32>,
    pub(crate) codes: Vec<u8>,
    /// The hashes of the rows, if there are codes.
    pub(crate) row_hashes: Vec<u8>,
    pub(crate) oversampling: u32,
}

/// Reads the vectors of a catalog. `queries`: vectors like those of queries; without them some of the items' own are
/// taken. The catalog gets no codes if they would need more than [`MAX_OVERSAMPLING`].
pub(crate) fn measure(
    vectors: &mut CheckedVectors,
    with_codes: bool,
    queries: &[Vec<f32>],
) -> Result<Vectors> {
    let (space, items) = (vectors.space, vectors.items.len());
    let mut sums = vec![0.0_f64; space.dimension];
    let mut own = Vec::new();
    let step = items.div_ceil(MAX_QUERIES).max(1);
    vectors.each(&mut |number, vector| {
        sums.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f64::from(x));
        if with_codes && queries.is_empty() && number.is_multiple_of(step) {
            own.push(vector.to_vec());
        }
        Ok(())
    })?;
    let mean: Vec<f32> = sums.into_iter().map(|sum| (sum / items.max(1) as f64) as f32).collect();
    let mut measured = Vectors { mean, ..Vectors::default() };
    if items == 0 && space.rows == RowKind::None {
        measured.oversampling = 1; // Later items have codes, and nothing else.
    }
    if !with_codes || items == 0 {
        return Ok(measured);
    }
    let mut sample = Vec::new();
    for query in if queries.is_empty() { &own } else { queries } {
        sample.push(Sample::new(query, space, &measured.mean)?);
    }
    let (mut codes, mut row) = (CodesWriter::new(space.dimension), Vec::new());
    vectors.each(&mut |number, vector| {
        codes.add(vector, &measured.mean, dot(vector, vector));
        if space.rows != RowKind::None {
            row.clear();
            write_row(&mut row, vector, &measured.mean, space.rows);
            measured.row_hashes.extend(row_hash(&row));
            sample.iter_mut().for_each(|query| query.add(number, Row::read(&row, space.rows)));
        }
        Ok(())
    })?;
    measured.codes = codes.finish();
    measured.oversampling = match space.rows {
        RowKind::None => 1, // There is nothing to score the candidates by.
        _ => oversampling(&sample, &Codes::open(&measured.codes, items, space.dimension)?, items),
    };
    // Few dimensions, or vectors that lie very close: codes do not tell the items apart.
    if measured.oversampling > MAX_OVERSAMPLING {
        (measured.codes, measured.row_hashes, measured.oversampling) = (Vec::new(), Vec::new(), 0);
    }
    Ok(measured)
}

/// Passes the row of each item to `write`.
pub(crate) fn write_rows(
    vectors: &mut CheckedVectors,
    mean: &[f32],
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (kind, mut row) = (vectors.space.rows, Vec::new());
    vectors.each(&mut |_, vector| {
        row.clear();
        write_row(&mut row, vector, mean, kind);
        write(&row)
    })
}

/// Returns the codes of vectors of which the mean is known.
pub(crate) fn codes(vectors: &mut CheckedVectors, mean: &[f32]) -> Result<Vec<u8>> {
    let mut codes = CodesWriter::new(vectors.space.dimension);
    vectors.each(&mut |_, vector| {
        codes.add(vector, mean, dot(vector, vector));
        Ok(())
    })?;
    Ok(codes.finish())
}

/// A query, and the items that are nearest to it so far.
struct Sample {
    query: VectorQuery,
    coded: CodeQuery,
    /// Scores and items, best first.
    nearest: Vec<(f32, usize)>,
}

impl Sample {
    fn new(vector: &[f32], space: &VectorSpace, mean: &[f32]) -> Result<Self> {
        let query = VectorQuery::new(vector, space, mean)?;
        let coded = CodeQuery::new(&query, &Rotation::new(space.dimension));
        Ok(Self { query, coded, nearest: Vec::new() })
    }

    fn add(&mut self, number: usize, row: Row) {
        let score = self.query.score(row);
        if self.nearest.len() == NEAREST {
            if self.nearest.last().is_some_and(|worst| score <= worst.0) {
                return;
            }
            self.nearest.pop();
        }
        let at = self.nearest.partition_point(|other| other.0 >= score);
        self.nearest.insert(at, (score, number));
    }
}

/// Returns the number of candidates per result with which the coded scan finds the nearest items.
fn oversampling(sample: &[Sample], codes: &Codes, items: usize) -> u32 {
    let mut ranks = Vec::new();
    let mut estimates = vec![0.0; items];
    for Sample { query, coded, nearest } in sample {
        for (block, estimates) in estimates.chunks_mut(CODE_BLOCK_ITEMS).enumerate() {
            coded.estimate(query, codes.block(block), estimates);
        }
        for (_, item) in nearest {
            ranks.push(estimates.iter().filter(|&&other| other > estimates[*item]).count() + 1);
        }
    }
    ranks.sort_unstable();
    let at = ((ranks.len() as f32 * RECALL) as usize).min(ranks.len().saturating_sub(1));
    let rank = ranks.get(at).copied().unwrap_or(1);
    rank.div_ceil(NEAREST).max(MIN_OVERSAMPLING).min(MAX_OVERSAMPLING as usize + 1) as u32
}

/// Copies the rows and codes of the items of `live` from catalogs' sections, in order. Returns the rows and the codes.
pub(crate) fn copy<'a>(
    parts: impl Iterator<Item = (Option<Rows<'a>>, Option<Codes<'a>>, std::ops::Range<usize>)>,
    live: &Bits,
    dimension: usize,
) -> (Vec<u8>, Vec<u8>) {
    let mut copied = Vec::new();
    let mut codes_writer = CodesWriter::new(dimension);
    for (rows, codes, range) in parts {
        let first = range.start;
        for item in live.iter_range(range) {
            if let Some(rows) = &rows {
                copied.extend(rows.bytes(item - first));
            }
            if let Some(codes) = &codes {
                codes_writer.copy(codes, item - first);
            }
        }
    }
    (copied, codes_writer.finish())
}
