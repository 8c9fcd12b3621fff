//! The start of a student: a smaller BERT with the tokenizer and the settings of its teacher.
//!
//! | the student's | begins with |
//! |---|---|
//! | layers of the teacher's hidden size | the teacher's, spread evenly, the last one among them |
//! | embeddings of the teacher's hidden size | the teacher's |
//! | smaller embeddings | the teacher's in the directions in which its word embeddings are longest |
//! | last layer, if the hidden size is the vector's | the identity |
//! | everything else | random numbers |

use candle_core::{Device, Tensor};

use super::failure::computation_failed;
use super::random_start::Shape;
use super::subspace::principal_directions;
use crate::config::BertConfig;
use crate::convert::StartingPoint;
use crate::error::{Result, fail};

const WORDS: &str = "embeddings.word_embeddings.weight";
/// The tables whose rows are added up to the embedding of a token.
const TABLES: [&str; 3] =
    [WORDS, "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"];
const PROJECTION: &str = super::model::PROJECTION;

/// Makes the start of a student of `shape` whose vectors have `dimension` elements, as those of `teacher`.
///
/// # Errors
/// `INVALID_ARGUMENT` if the student is larger than its teacher, `INTERNAL` if candle fails.
pub fn student_start(
    teacher: StartingPoint,
    shape: Shape,
    dimension: usize,
    seed: u64,
) -> Result<StartingPoint> {
    let BertConfig { num_hidden_layers: layers, hidden_size: hidden, .. } = teacher.config;
    if shape.layers > layers || shape.hidden > hidden {
        fail!(
            InvalidArgument,
            "--student {}x{}: the teacher is {layers}x{hidden}; a student has no more layers and no wider ones",
            shape.layers,
            shape.hidden
        );
    }
    let mut start = teacher;
    if shape.hidden == hidden {
        start.tensors = start
            .tensors
            .into_iter()
            .filter_map(|(name, numbers)| Some((place_in_student(&name, layers, shape.layers)?, numbers)))
            .collect();
        if hidden == dimension && !start.has_head {
            start.tensors.insert(format!("{PROJECTION}.weight"), (vec![hidden, hidden], identity(hidden)));
        }
        start.config.num_hidden_layers = shape.layers;
    } else {
        let config = start.config;
        start.config = BertConfig {
            max_position_embeddings: config.max_position_embeddings,
            type_vocab_size: config.type_vocab_size,
            pad_token_id: config.pad_token_id,
            ..shape.config(config.vocab_size)
        };
        let mut tensors = std::mem::take(&mut start.tensors);
        let mut table = |name: &str| -> Result<Tensor> {
            let Some((shape, numbers)) = tensors.remove(name) else {
                fail!(Internal, "the teacher has no `{name}`");
            };
            Tensor::from_vec(numbers, shape, &Device::Cpu).map_err(computation_failed)
        };
        let tables = [table(TABLES[0])?, table(TABLES[1])?, table(TABLES[2])?];
        let directions = principal_directions(&tables[0], shape.hidden, seed).map_err(computation_failed)?;
        for (name, table) in TABLES.into_iter().zip(tables) {
            let numbers = || table.matmul(&directions)?.flatten_all()?.to_vec1::<f32>();
            let rows = table.dims()[0];
            start
                .tensors
                .insert(name.into(), (vec![rows, shape.hidden], numbers().map_err(computation_failed)?));
        }
    }
    start.has_head = false;
    Ok(start)
}

/// Returns the name that a tensor of the teacher has in the student, or `None` if its layer is left out.
fn place_in_student(name: &str, teacher_layers: usize, student_layers: usize) -> Option<String> {
    const LAYER: &str = "encoder.layer.";
    let Some((layer, rest)) = name.strip_prefix(LAYER).and_then(|rest| rest.split_once('.')) else {
        return Some(name.to_owned());
    };
    let layer: usize = layer.parse().ok()?;
    let of = |student: usize| (student + 1) * teacher_layers / student_layers - 1;
    let student = (0..student_layers).find(|&student| of(student) == layer)?;
    Some(format!("{LAYER}{student}.{rest}"))
}

fn identity(size: usize) -> Vec<f32> {
    (0..size * size).map(|at| if at / size == at % size { 1.0 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_of_a_teacher_are_spread_and_the_last_one_is_kept() {
        let places = |teacher, student| {
            (0..teacher)
                .filter_map(|layer| {
                    place_in_student(&format!("encoder.layer.{layer}.output"), teacher, student)
                })
                .collect::<Vec<_>>()
        };
        let names = |numbers: &[usize]| {
            numbers.iter().map(|n| format!("encoder.layer.{n}.output")).collect::<Vec<_>>()
        };
        assert_eq!(places(12, 4), names(&[0, 1, 2, 3]));
        assert_eq!(places(3, 3), names(&[0, 1, 2]));
        assert_eq!(
            place_in_student("encoder.layer.11.output", 12, 1).as_deref(),
            Some("encoder.layer.0.output")
        );
        assert_eq!(
            place_in_student("encoder.layer.2.output", 12, 4).as_deref(),
            Some("encoder.layer.0.output")
        );
        assert_eq!(place_in_student("encoder.layer.0.output", 12, 4), None);
        assert_eq!(place_in_student("embeddings.x", 12, 4).as_deref(), Some("embeddings.x"));
    }
}
