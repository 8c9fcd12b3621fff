//! Damaged ONNX files: a typed error or a result, never a panic (which ends a WebAssembly instance), an abort, a stack
//! overflow, a hang or a giant allocation. A damaged graph that is still fused computes what tract computes from it.
//!
//! `COROM_FUZZ=2000` makes that many changes to every fixture instead of a few changes to some; `COROM_SEED=7` makes
//! other changes. `fuzz/` has a coverage-guided variant.

mod encoder_support;
#[path = "support/isolate.rs"]
mod isolate;

use std::cell::RefCell;
use std::collections::BTreeMap;

use corom::batch::Batch;
use corom::config::BertConfig;
use corom::encoder::onnx::pb::ModelProto;
use corom::encoder::onnx::{ONNX_FILE_ITSELF, OnnxFile, OnnxReader, external_files};
use corom::encoder::{BackendChoice, EncoderLoader, EncoderOptions, EncoderOutput, Precision};
use corom::error::ErrorCode;
use encoder_support::mutate::{Random, mutate};
use encoder_support::{Fixture, folders};
use isolate::{Cases, for_each_group};
use prost::Message;

/// Exports of every family with many nodes and few weights.
const FILES: [&str; 12] = [
    "external-legacy",
    "external-dynamo",
    "external-shards",
    "classic-op11",
    "dynamo-op20-sdpa",
    "fused",
    "fused-mha",
    "fused-int8",
    "int8-qint8-channel",
    "session-int8",
    "nbits4-gather",
    "qdq-static",
];

fn files() -> Vec<String> {
    if std::env::var_os("COROM_FUZZ").is_some() {
        folders("exports").into_iter().map(|f| f.name).collect()
    } else {
        FILES.map(str::to_owned).to_vec()
    }
}

/// An export that is damaged again and again.
struct Subject<'a> {
    fixture: Fixture,
    bytes: Vec<u8>,
    external: BTreeMap<String, Vec<u8>>,
    config: BertConfig,
    cases: &'a Cases,
    /// Damaged graphs that the fused encoder computes wrongly.
    wrong: RefCell<Vec<String>>,
}

impl<'a> Subject<'a> {
    fn new(name: &str, cases: &'a Cases) -> Self {
        let fixture = Fixture::export(name);
        let (bytes, external) = (fixture.bytes(), fixture.external().unwrap());
        let config = fixture.config().unwrap();
        Self { fixture, bytes, external, config, cases, wrong: RefCell::default() }
    }

    /// Loads and runs a damaged file: as it is, fused in f32, and fused with integers, for which it is read twice.
    /// Notes if the fused graph computes something else than tract does.
    fn check(&self, bytes: &[u8], label: &str) -> Result<(), ErrorCode> {
        self.cases.begin(label);
        let unfused = self.run(bytes, Precision::F32, true)?;
        let fused = self.run(bytes, Precision::F32, false)?;
        self.run(bytes, Precision::Auto, false)?;
        // The fused graph leaves out onnxruntime's quantization of activations.
        let quantizes_activations =
            ["int8", "qdq", "qoperator"].iter().any(|part| self.fixture.name.contains(part));
        if !quantizes_activations && let Some(difference) = disagreement(&unfused, &fused) {
            self.wrong.borrow_mut().push(format!("{label}: the fused graph is off by {difference}"));
        }
        Ok(())
    }

    fn run(&self, bytes: &[u8], precision: Precision, unfused: bool) -> Result<EncoderOutput, ErrorCode> {
        external_files(bytes).map_err(|e| e.code())?;
        let layers = vec![self.config.num_hidden_layers];
        let backend = if unfused { BackendChoice::Unfused } else { BackendChoice::Auto };
        let options = EncoderOptions { layers, precision, backend, ..EncoderOptions::default() };
        let file = self.read(bytes, precision == Precision::Auto).map_err(|e| e.code())?;
        let twice = !file.is_whole();
        let mut loader = EncoderLoader::from_file(file, &self.config, options).map_err(|e| e.code())?;
        if twice {
            loader.begin_unverified(ONNX_FILE_ITSELF);
            loader.write(ONNX_FILE_ITSELF, 0, bytes).map_err(|e| e.code())?;
            loader.end(ONNX_FILE_ITSELF).map_err(|e| e.code())?;
        }
        for (path, bytes) in &self.external {
            loader.begin(path);
            loader.write(path, 0, bytes).map_err(|e| e.code())?;
            loader.end(path).map_err(|e| e.code())?;
        }
        let mut encoder = loader.finish().map_err(|e| e.code())?;
        let ids: Vec<u32> = (0..9).collect();
        let batch = Batch::new([(&ids[..], &[0u32; 9][..]), (&ids[..4], &[0u32; 4][..])]);
        encoder.forward(&batch).map_err(|e| e.code())?;
        // One text is compared: in a batch, a layer that lost its mask sees padding in tract alone.
        encoder.forward(&Batch::new([(&ids[..], &[0u32; 9][..])])).map_err(|e| e.code())
    }

    /// Reads a file, as a whole or in chunks without its large weights.
    fn read(&self, bytes: &[u8], without_weights: bool) -> corom::error::Result<OnnxFile> {
        if !without_weights {
            return OnnxFile::parse(bytes);
        }
        let mut reader = OnnxReader::keeping(0);
        bytes.chunks(997).try_for_each(|chunk| reader.write(chunk))?;
        reader.finish()
    }

    fn finish(self) {
        let wrong = self.wrong.into_inner();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Returns the largest difference of two results if it is too large. Results with values of 10,000 or more, or that
/// are no numbers, are not compared.
fn disagreement(a: &EncoderOutput, b: &EncoderOutput) -> Option<f32> {
    let rows = |output: &EncoderOutput| match output {
        EncoderOutput::Hidden(layers) => layers.concat(),
        EncoderOutput::Pooled(rows) | EncoderOutput::Scores(rows) => rows.clone(),
    };
    let (a, b) = (rows(a), rows(b));
    let largest = a.iter().fold(0f32, |m, x| if x.is_finite() { m.max(x.abs()) } else { f32::NAN });
    if largest.is_nan() || largest >= 1e4 {
        return None;
    }
    let difference = a
        .iter()
        .zip(&b)
        .fold(0f32, |m, (x, y)| if (x - y).is_nan() { f32::NAN } else { m.max((x - y).abs()) });
    let differs = a.len() != b.len() || difference.is_nan() || difference > 0.02 * largest.max(1.0);
    differs.then_some(difference)
}

fn rounds(default: usize) -> usize {
    std::env::var("COROM_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Starts a sequence of changes that depends on the fixture's name.
fn random(name: &str) -> Random {
    let start =
        std::env::var("COROM_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15u64);
    Random::new(name.bytes().fold(start, |s, b| s.rotate_left(7) ^ u64::from(b)))
}

#[test]
fn encoder_rejects_truncated_files() {
    for_each_group("encoder_rejects_truncated_files", &files(), |name, cases| {
        let subject = Subject::new(name, cases);
        let length = subject.bytes.len();
        for i in 0..40 {
            let cut = if i < 10 { i } else { length * i / 40 };
            let code = subject.check(&subject.bytes[..cut], &format!("cut at {cut}")).unwrap_err();
            assert!(matches!(code, ErrorCode::InvalidModel | ErrorCode::NotAModel), "cut at {cut}: {code}");
        }
        for cut in length - 10..length {
            let _ = subject.check(&subject.bytes[..cut], &format!("cut at {cut}"));
        }
        subject.finish();
    });
}

#[test]
fn encoder_survives_changed_bytes() {
    for_each_group("encoder_survives_changed_bytes", &files(), |name, cases| {
        let subject = Subject::new(name, cases);
        let mut random = random(name);
        let mut bytes = subject.bytes.clone();
        for round in 0..rounds(15) {
            let at = random.below(bytes.len());
            let old = bytes[at];
            bytes[at] = match random.below(4) {
                0 => old ^ (1 << random.below(8)),
                1 => old.wrapping_add(1),
                2 => old.wrapping_sub(1),
                _ => random.below(256) as u8,
            };
            let _ = subject.check(&bytes, &format!("round {round}, byte {at}: {old} → {}", bytes[at]));
            bytes[at] = old;
        }
        subject.finish();
    });
}

#[test]
fn encoder_survives_changed_graphs() {
    for_each_group("encoder_survives_changed_graphs", &files(), |name, cases| {
        let subject = Subject::new(name, cases);
        let mut random = random(name);
        let original = ModelProto::decode(&subject.bytes[..]).unwrap();
        for round in 0..rounds(15) {
            let mut model = original.clone();
            let graph = model.graph.as_mut().unwrap();
            let mut label = mutate(graph, &mut random);
            for _ in 0..random.below(3) {
                label += &format!("; {}", mutate(graph, &mut random));
            }
            let _ = subject.check(&model.encode_to_vec(), &format!("round {round}: {label}"));
        }
        subject.finish();
    });
}

/// The harness itself: each way to end a process is reported with its case.
#[test]
fn isolated_cases_report_aborts_overflows_and_allocations() {
    fn overflow(depth: u64) -> u64 {
        let frame = std::hint::black_box([depth; 64]);
        if frame[0] == u64::MAX { 0 } else { overflow(depth + 1) + frame[63] }
    }
    const TEST: &str = "isolated_cases_report_aborts_overflows_and_allocations";
    let groups = ["abort", "overflow", "allocation", "panic", "nothing"].map(str::to_owned);
    let report = std::panic::catch_unwind(|| {
        for_each_group(TEST, &groups, |group, cases| {
            cases.begin("harmless");
            cases.begin(format!("the {group}"));
            match group {
                "abort" => std::process::abort(),
                "overflow" => assert_ne!(overflow(0), 1),
                "allocation" => drop(std::hint::black_box(vec![1u8; 4 << 30])),
                "panic" => panic!("as expected"),
                _ => {}
            }
        });
    });
    // In a child process the outcome of the group is the outcome of the test.
    let report = match report {
        Err(report) if isolate::is_child() => std::panic::resume_unwind(report),
        Err(report) => *report.downcast::<String>().unwrap(),
        Ok(()) => return assert!(isolate::is_child()),
    };
    assert!(report.starts_with("4 of 5 groups fail"), "{report}");
    for group in &groups[..4] {
        assert!(report.contains(&format!("{group}: the {group}: ")), "{report}");
    }
}
