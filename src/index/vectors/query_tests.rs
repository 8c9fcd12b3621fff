use super::super::codes::{Codes, CodesWriter};
use super::super::dot::dot;
use super::super::rotation::Rotation;
use super::super::rows::{Rows, write_row};
use super::{BLOCK_ITEMS, CodeQuery, VectorQuery, checked};
use crate::index::random::Random;
use crate::index::schema::{RowKind, SpaceMetric, VectorSpace};

/// Vectors around a long common mean, as encoders give them.
fn vectors(random: &mut Random, items: usize, dimension: usize) -> Vec<Vec<f32>> {
    let center: Vec<f32> = random.normals(dimension).iter().map(|x| 3.0 * x).collect();
    (0..items).map(|_| random.normals(dimension).iter().zip(&center).map(|(x, c)| x + c).collect()).collect()
}

#[test]
fn scores_equal_those_of_the_vectors() {
    let mut random = Random(5);
    for metric in [SpaceMetric::Dot, SpaceMetric::Cosine, SpaceMetric::L2] {
        for dimension in [5, 96, 200] {
            let space = VectorSpace {
                dimension,
                metric,
                lineage: None,
                text: None,
                rows: RowKind::Int8,
                oversampling: 8,
            };
            let raw = vectors(&mut random, 400, dimension);
            let items: Vec<Vec<f32>> = raw.iter().map(|vector| checked(vector, &space).unwrap()).collect();
            let mean: Vec<f32> = (0..dimension)
                .map(|i| items.iter().map(|v| v[i]).sum::<f32>() / items.len() as f32)
                .collect();
            let (mut section, mut codes) = (Vec::new(), CodesWriter::new(dimension));
            for vector in &items {
                write_row(&mut section, vector, &mean, RowKind::Int8);
                codes.add(vector, &mean, dot(vector, vector));
            }
            let codes = codes.finish();
            let rows = Rows::open(&section, items.len(), dimension, RowKind::Int8).unwrap();
            let codes = Codes::open(&codes, items.len(), dimension).unwrap();
            let query = checked(&raw[7], &space).unwrap();
            let prepared = VectorQuery::new(&query, &space, &mean).unwrap();
            let coded = CodeQuery::new(&prepared, &Rotation::new(dimension));
            let mut estimates = vec![0.0; items.len()];
            for (block, estimates) in estimates.chunks_mut(BLOCK_ITEMS).enumerate() {
                coded.estimate(&prepared, codes.block(block), estimates);
            }
            let exact: Vec<f32> = items
                .iter()
                .map(|item| match metric {
                    SpaceMetric::L2 => {
                        -item.iter().zip(&query).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
                    }
                    _ => dot(item, &query),
                })
                .collect();
            let product = |item: usize, score: f32| match metric {
                SpaceMetric::L2 => {
                    (dot(&query, &query) + dot(&items[item], &items[item]) - score * score) / 2.0
                }
                _ => score,
            };
            let error = |item: usize, score: f32| product(item, score) - product(item, exact[item]);
            // Rounding errors are uniform: their variance is a twelfth of the squared step.
            let (mut int8, mut expected_int8, mut one_bit, mut expected_one_bit) = (0.0, 0.0, 0.0, 0.0);
            let length = dot(&prepared.rest, &prepared.rest).sqrt();
            for item in (0..items.len()).filter(|&item| item != 7) {
                let row = rows.get(item);
                let residual: Vec<f32> = items[item].iter().zip(&mean).map(|(x, mean)| x - mean).collect();
                let residual = dot(&residual, &residual).sqrt();
                int8 += error(item, prepared.score(row)).powi(2);
                expected_int8 +=
                    ((row.scale * length).powi(2) + (prepared.step * residual).powi(2)) / 12.0 + 1e-9;
                // RaBitQ, theorem 3.2: an item's code has the cosine `a` with its residual.
                let factor = f32::from_le_bytes(codes.block(item / BLOCK_ITEMS).factors[item % BLOCK_ITEMS]);
                let a = residual / (factor * (dimension as f32).sqrt());
                let code = (1.0 - a * a) / (a * a) * (length * residual).powi(2) / (dimension as f32 - 1.0);
                let query = (factor * coded.step).powi(2) * coded.tables.len() as f32 / 12.0;
                one_bit += error(item, estimates[item]).powi(2);
                expected_one_bit += code + query;
            }
            assert!(int8 <= 1.4 * expected_int8, "{metric:?} {dimension}: int8 {int8} {expected_int8}");
            // The theorem is about many dimensions.
            if dimension > 64 {
                let ratio = one_bit / expected_one_bit;
                assert!(ratio <= 1.4, "{metric:?} {dimension}: 1 bit {one_bit} {expected_one_bit}");
            }
        }
    }
}

#[test]
fn wrong_vectors_are_rejected() {
    let space = VectorSpace {
        dimension: 3,
        metric: SpaceMetric::Cosine,
        lineage: None,
        text: None,
        rows: RowKind::Int8,
        oversampling: 0,
    };
    for vector in [&[1.0, 2.0][..], &[1.0, 2.0, f32::NAN], &[1.0, f32::INFINITY, 0.0], &[1e30, 0.0, 0.0]] {
        assert!(VectorQuery::new(vector, &space, &[0.0; 3]).is_err());
    }
    let zero = VectorQuery::new(&[0.0; 3], &space, &[0.5; 3]).unwrap();
    let mut section = Vec::new();
    write_row(&mut section, &[0.5; 3], &[0.5; 3], RowKind::Int8);
    assert_eq!(zero.score(Rows::open(&section, 1, 3, RowKind::Int8).unwrap().get(0)), 0.0);
}
