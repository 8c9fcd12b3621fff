//! Training files that are damaged or do not belong together.

use corom::eval::{Run, Texts};
use corom::train::{Pairs, Shape, TrainOptions, curve};

fn texts(lines: &str) -> Texts {
    Texts::read(lines.as_bytes(), "texts.tsv").unwrap()
}

fn pairs(qrels: &str) -> corom::error::Result<Pairs> {
    let (corpus, queries) = (texts("d1\ta\nd2\tb\nd3\tc\n"), texts("q1\tx\nq2\ty\n"));
    Pairs::read(corpus, queries, qrels.as_bytes(), "qrels.tsv")
}

#[test]
fn bad_lines_are_reported_with_their_numbers() {
    for (qrels, message) in [
        ("q1 0 d1 1\nq1 0 d1", "line 2: 3 columns"),
        ("q1 0 d1 x\n", "line 1: the grade `x`"),
        (
            "q1 0 d1 1\nq9 0 d1 1\nq1 0 d9 1\n",
            "2 lines name texts that the other files do not have: line 2 (there is no \
          query q9), line 3 (there is no document d9)",
        ),
        ("q1 0 d1 1\nq1 0 d1 1\n", "line 2: the pair is judged twice"),
        ("q1 0 d1 0\n", "no query has a relevant document"),
        ("q1 0 d1 1\nq1 0 d2 1\nq1 0 d3 1\n", "every document is relevant to query q1"),
        ("", "no query has a relevant document"),
    ] {
        let error = pairs(qrels).err().expect(qrels).to_string();
        assert!(error.contains(message), "{qrels:?}: {error}");
    }
}

#[test]
fn mined_negatives_have_to_be_of_the_corpus() {
    let mut all = pairs("q1 0 d1 1\nq2 0 d2 1\n").unwrap();
    let run = |lines: &str| Run::read(lines.as_bytes(), "mined").unwrap();
    assert_eq!(all.set_negatives(&run("q1 d1 2\nq1 d3 1\n"), "mined").unwrap(), 1);
    for (lines, message) in
        [("q1 d9 1\n", "document d9 of query q1 is not in the corpus"), ("q9 d1 1\n", "no results for any")]
    {
        let error = all.set_negatives(&run(lines), "mined").unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn options_out_of_range_are_named() {
    let default = TrainOptions::default;
    for (options, name) in [
        (TrainOptions { epochs: 0, ..default() }, "--epochs 0"),
        (TrainOptions { batch: 0, ..default() }, "--batch 0"),
        (TrainOptions { max_tokens: 0, ..default() }, "--max-tokens 0"),
        (TrainOptions { learning_rate: f64::NAN, ..default() }, "--learning-rate NaN"),
        (TrainOptions { learning_rate: 0.0, ..default() }, "--learning-rate 0"),
        (TrainOptions { dropout: 1.0, ..default() }, "--dropout 1"),
        (TrainOptions { warm_up: -0.1, ..default() }, "--warm-up -0.1"),
        (TrainOptions { weight_decay: -1.0, ..default() }, "--weight-decay -1"),
    ] {
        let error = options.check().unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn shapes_are_layers_and_a_multiple_of_64() {
    assert_eq!("4x256".parse::<Shape>().unwrap(), Shape { layers: 4, hidden: 256 });
    assert_eq!(Shape { layers: 4, hidden: 256 }.config(100).num_attention_heads, 4);
    for shape in ["", "4", "x", "0x64", "4x0", "4x100", "65x64", "4x8256", "4x-64", "4 x 64"] {
        assert!(shape.parse::<Shape>().is_err(), "{shape}");
    }
}

#[test]
fn curve_is_drawn_for_any_number_of_points() {
    for count in [0, 1, 2, 5000] {
        let points: Vec<(f64, f64)> = (0..count).map(|i| (f64::from(i), f64::from(i).sqrt())).collect();
        let svg = curve("Loss", "step", &points);
        let line = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(line.split_whitespace().count(), (count as usize).min(358), "{count}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{count}");
    }
}
