//! Transposes a matrix of weights: PyTorch stores a Linear as `[out, in]`, a MatMul takes `[in, out]`.

/// Transposes a row-major `[rows, columns]` matrix to `[columns, rows]`.
pub(crate) fn transpose<T: Copy>(matrix: &[T], columns: usize) -> Vec<T> {
    // Tiles of this size keep the source and the destination in the cache.
    const TILE: usize = 32;
    let columns = columns.max(1);
    let rows = matrix.len() / columns;
    let Some(&any) = matrix.first() else { return Vec::new() };
    let mut out = vec![any; rows * columns];
    for top in (0..rows).step_by(TILE) {
        for left in (0..columns).step_by(TILE) {
            for row in top..rows.min(top + TILE) {
                for column in left..columns.min(left + TILE) {
                    out[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn transpose_twice_returns_the_matrix(rows in 1usize..70, columns in 1usize..70) {
            let matrix: Vec<usize> = (0..rows * columns).collect();
            let once = transpose(&matrix, columns);
            prop_assert_eq!(once[rows.min(2) - 1], (rows.min(2) - 1) * columns);
            prop_assert_eq!(transpose(&once, rows), matrix);
        }
    }
}
