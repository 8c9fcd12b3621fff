//! Few submissions are under way at a time, so a batch that is dropped leaves little work behind.

use std::path::Path;
use std::task::Poll;

use super::stages::load;
use crate::batch::Batch;
use crate::encoder::gpu::{GpuDevice, GpuOptions};
use crate::encoder::{Encoder, EncoderOptions, EncoderOutput, Precision};

/// Returns texts of one length.
fn batch(texts: usize, length: usize) -> Batch {
    let ids: Vec<u32> = (0..length).map(|i| 5 + 7 * i as u32 % 90).collect();
    let types = vec![0; length];
    Batch::new((0..texts).map(|_| (&ids[..], &types[..])))
}

/// Polls until a batch is there. Returns its numbers.
fn finish(encoder: &mut dyn Encoder) -> Vec<f32> {
    loop {
        if let Poll::Ready(output) = encoder.poll().unwrap() {
            let EncoderOutput::Hidden(layers) = output else { panic!("no hidden states") };
            return layers.concat();
        }
        std::thread::yield_now();
    }
}

#[test]
fn two_submissions_are_under_way_and_dropped_batches_are_not_submitted() {
    if super::device().is_none() {
        return;
    }
    let options = GpuOptions { allow_software: true, ..GpuOptions::default() };
    let gpu = GpuDevice::open(options).unwrap().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports/legacy-op17");
    let options = EncoderOptions { gpu: Some(gpu.clone()), precision: Precision::F32, ..Default::default() };
    let mut encoder = load(&folder, options);
    encoder.begin(&batch(1, 4)).unwrap();
    let short = finish(&mut *encoder);
    let long = batch(100, 15);
    let submitted = |gpu: &GpuDevice| gpu.counts().0;

    let before = submitted(&gpu);
    encoder.begin(&long).unwrap();
    encoder.begin_next(&long).unwrap();
    assert_eq!(submitted(&gpu) - before, 2);
    encoder.begin(&batch(1, 4)).unwrap();
    assert_eq!(finish(&mut *encoder), short);
    assert_eq!(submitted(&gpu) - before, 3);

    encoder.begin(&long).unwrap();
    let alone = finish(&mut *encoder);
    assert!(submitted(&gpu) - before > 6, "{} submissions", submitted(&gpu) - before);
    assert_eq!(alone.len() % 100, 0);
    // Batches that follow each other keep their order, and their texts theirs.
    encoder.begin(&long).unwrap();
    encoder.begin_next(&batch(3, 15)).unwrap();
    let (first, second) = (finish(&mut *encoder), finish(&mut *encoder));
    let close =
        |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close(&first, &alone) && close(&second, &alone[..alone.len() / 100 * 3]));
}

/// A slow device gets its work in pieces, each when one before has ended.
#[test]
fn two_pieces_are_under_way_and_those_of_a_dropped_batch_are_not_sent() {
    let Some(gpu) = super::device() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports/legacy-op17");
    let encoder = |gpu: &GpuDevice| {
        let gpu = Some(gpu.clone());
        load(&folder, EncoderOptions { gpu, precision: Precision::F32, ..Default::default() })
    };
    let (short, long) = (batch(1, 4), batch(16, 15));
    let mut quick = encoder(&gpu);
    let expected = [&long, &short].map(|batch| {
        quick.begin(batch).unwrap();
        finish(&mut *quick)
    });
    let slow = gpu.with_pace(1e-6, gpu.is_software());
    let sent = || slow.faults().pieces().0;
    let mut encoder = encoder(&slow);
    for _ in 0..4 {
        encoder.begin(&short).unwrap();
        finish(&mut *encoder);
    }
    let (before, submitted) = (sent(), slow.counts().0);
    encoder.begin(&long).unwrap();
    encoder.begin_next(&short).unwrap();
    // One text more would overwrite what the pieces that wait read.
    assert_eq!((sent() - before, slow.counts().0 - submitted), (2, 1));
    let close =
        |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    for expected in &expected {
        assert!(close(&finish(&mut *encoder), expected));
    }
    assert!(sent() - before >= 20, "{} pieces", sent() - before);
    let before = sent();
    encoder.begin(&long).unwrap();
    encoder.begin(&short).unwrap();
    assert!(close(&finish(&mut *encoder), &expected[1]));
    assert!(sent() - before <= 4, "{} pieces", sent() - before);
}
