//! The bits of a text's vector do not depend on the other texts of its batch, their lengths, their order, or the
//! padding that the caller added: a property of the fused graph in each number type, with exact and relaxed kernels.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod encoder_support;

use std::cell::RefCell;

use corom::config::Pooling;
use corom::encoder::Encoder;
use corom::encoder::cpu::kernels::linear::Kernel;
use corom::encoder::{EncoderOptions, KernelChoice, Precision};
use encoder_support::{Fixture, Text, embed, fixtures};
use proptest::prelude::*;

const VOCABULARY: u32 = 326;
const POSITIONS: usize = 64;

struct Model {
    name: String,
    pooling: Pooling,
    encoder: RefCell<Box<dyn Encoder>>,
}

/// Folder, requested precision, and the number type of the products that results.
const MODELS: [(&str, Precision, &str); 4] = [
    ("bits/int8", Precision::Auto, "int8"),
    ("bits/int4", Precision::Auto, "int4"),
    ("bits/int8", Precision::F32, "f32"),
    ("exports/legacy-op17", Precision::Auto, "int8"),
];

fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for (folder, precision, computed) in MODELS {
        let fixture = Fixture { name: folder.into(), path: fixtures().join(folder) };
        for kernel in [Kernel::Exact, Kernel::RelaxedI16] {
            for (pooling, first_rows) in [(Pooling::Cls, true), (Pooling::Cls, false), (Pooling::Mean, false)]
            {
                let kernel_choice = KernelChoice::Fixed(kernel);
                let options = EncoderOptions {
                    precision,
                    kernel: kernel_choice,
                    first_rows,
                    ..EncoderOptions::default()
                };
                let encoder = fixture.load_fused(pooling, options).unwrap();
                let info = encoder.info();
                assert_eq!(
                    (info.fused, info.precision, info.kernel),
                    (true, computed, kernel.name()),
                    "{folder}"
                );
                let name = format!("{folder} {precision:?} {kernel:?} {pooling:?} {first_rows}");
                models.push(Model { name, pooling, encoder: RefCell::new(encoder) });
            }
        }
    }
    models
}

impl Model {
    fn bits(&self, texts: &[Text], padding: usize) -> Vec<Vec<u32>> {
        let rows = embed(&mut **self.encoder.borrow_mut(), texts, self.pooling, padding).unwrap();
        rows.iter().map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
    }
}

fn text() -> impl Strategy<Value = Text> {
    let tokens = prop::collection::vec((0..VOCABULARY, 0u32..2), 1..=POSITIONS - 3);
    tokens.prop_map(|tokens| {
        let (ids, types) = tokens.into_iter().unzip();
        Text { ids, types }
    })
}

#[test]
fn the_bits_of_a_text_do_not_depend_on_its_batch() {
    let models = models();
    let strategy = (prop::collection::vec(text(), 1..16), 0usize..=3, any::<prop::sample::Index>());
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig::with_cases(16));
    let checked = runner.run(&strategy, |(texts, padding, at)| {
        for model in &models {
            let together = model.bits(&texts, padding);
            prop_assert!(together.iter().flatten().all(|bits| f32::from_bits(*bits).is_finite()));
            for (i, text) in texts.iter().enumerate() {
                let alone = model.bits(std::slice::from_ref(text), 0);
                prop_assert_eq!(&alone[0], &together[i], "{}: text {} of {}", model.name, i, texts.len());
            }
            // Other orders, a part of the texts, and one text twice.
            let at = at.index(texts.len());
            let reordered: Vec<Text> = texts[at..].iter().chain(&texts[..=at]).rev().cloned().collect();
            let expected: Vec<_> = together[at..].iter().chain(&together[..=at]).rev().cloned().collect();
            prop_assert_eq!(model.bits(&reordered, 0), expected, "{}: reordered at {}", model.name, at);
        }
        Ok(())
    });
    checked.unwrap();
}
