//! Compares clusters and projections with scikit-learn's, which `tests/python/make_analysis.py` wrote.

use serde_json::Value;

use super::{ClusterOptions, VectorList, cluster, project2d};
use crate::index::random::Random;

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../tests/fixtures/analysis/golden.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

#[test]
fn clusters_are_as_good_as_the_best_of_scikit_learn() {
    for case in cases() {
        let (vectors, k) = (numbers(&case["vectors"]), case["k"].as_u64().unwrap() as usize);
        let list = VectorList::new(&vectors, case["dimension"].as_u64().unwrap() as usize).unwrap();
        let best = case["cohesion"].as_f64().unwrap();
        let runs: Vec<_> = (0..8).map(|seed| cluster(&list, ClusterOptions { k, seed }).unwrap()).collect();
        let cohesions: Vec<f64> = runs.iter().map(|run| run.cohesion).collect();
        // One run may end in a local optimum; the best of eight may not be worse than the best of fifty.
        assert!(
            cohesions.iter().all(|cohesion| *cohesion > 0.93 * best),
            "{}: {cohesions:?} {best}",
            case["name"]
        );
        let ours = cohesions.iter().copied().fold(0.0, f64::max);
        assert!(ours > best - 2e-3, "{}: {ours} {best}", case["name"]);
        if case["name"] == "separate" {
            let labels: Vec<u64> =
                case["labels"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect();
            for run in &runs {
                for (i, j) in (0..labels.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
                    assert_eq!(labels[i] == labels[j], run.labels[i] == run.labels[j], "{i} {j}");
                }
            }
        }
        assert_eq!(runs[3], cluster(&list, ClusterOptions { k, seed: 3 }).unwrap(), "the same seed");
    }
}

#[test]
fn projections_are_those_of_scikit_learn() {
    for case in cases() {
        let vectors = numbers(&case["vectors"]);
        let list = VectorList::new(&vectors, case["dimension"].as_u64().unwrap() as usize).unwrap();
        let projection = project2d(&list).unwrap();
        let expected = numbers(&case["places"]);
        let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (axis, share) in numbers(&case["explained"]).into_iter().enumerate() {
            assert!((projection.explained[axis] as f32 - share).abs() < 1e-4, "{}", case["name"]);
            let error = projection.places[axis..]
                .iter()
                .zip(&expected[axis..])
                .step_by(2)
                .fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(error < 1e-3 * largest, "{} axis {axis}: {error}", case["name"]);
        }
    }
}

#[test]
fn odd_sets_of_vectors_have_clusters_and_projections() {
    let mut random = Random(1);
    let same = [0.5_f32, -0.5, 1.0].repeat(6);
    let zeros = [0.0_f32; 12];
    let spread = random.normals(30);
    for (values, dimension) in
        [(&same[..], 3), (&zeros[..], 3), (&spread[..], 5), (&spread[..1], 1), (&spread[..7], 7)]
    {
        let list = VectorList::new(values, dimension).unwrap();
        let count = values.len() / dimension;
        for k in 1..=count {
            let clusters = cluster(&list, ClusterOptions { k, seed: 9 }).unwrap();
            assert_eq!((clusters.labels.len(), clusters.centers.len()), (count, k * dimension));
            assert!(clusters.labels.iter().all(|&label| (label as usize) < k));
            assert!(clusters.centers.iter().all(|x| x.is_finite()));
            // Every cluster has a vector, if the vectors have so many directions.
            if dimension == 5 {
                assert!((0..k as u32).all(|label| clusters.labels.contains(&label)), "{k}");
            }
        }
        for k in [0, count + 1] {
            assert!(cluster(&list, ClusterOptions { k, seed: 0 }).is_err());
        }
        let projection = project2d(&list).unwrap();
        assert_eq!(projection.places.len(), 2 * count);
        assert!(projection.places.iter().all(|x| x.is_finite()));
    }
    let empty = VectorList::new(&[], 4).unwrap();
    assert!(cluster(&empty, ClusterOptions { k: 1, seed: 0 }).is_err());
    assert!(project2d(&empty).unwrap().places.is_empty());
    assert!(VectorList::new(&[1.0; 5], 2).is_err() && VectorList::new(&[f32::NAN, 1.0], 2).is_err());
    assert!(VectorList::new(&[], 0).is_err());
}

#[test]
fn components_of_equal_variance_are_both_found() {
    // A square: both eigenvalues are equal.
    let square = [1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0];
    let projection = project2d(&VectorList::new(&square, 3).unwrap()).unwrap();
    assert!(
        projection.explained.iter().all(|share| (share - 0.5).abs() < 1e-9),
        "{:?}",
        projection.explained
    );
}
