//! Corrupt files: a typed error, or vectors of some kind, but never a panic (which
//! would end a wasm instance), a hang or a giant allocation.
//!
//! `COROM_FUZZ=2000` makes that many changes to every fixture instead of a few to
//! some; `COROM_SEED=7` makes others.

mod encoder_support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use corom::batch::Batch;
use corom::encoder::EncoderOutput;
use corom::encoder::onnx::external_files;
use corom::encoder::{BackendChoice, EncoderLoader, EncoderOptions, Precision};
use corom::error::ErrorCode;
use encoder_support::{Fixture, folders};

/// Files in which there is much structure and little weight, of every family.
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

struct Subject {
    fixture: Fixture,
    bytes: Vec<u8>,
    external: BTreeMap<String, Vec<u8>>,
    config: corom::config::BertConfig,
    /// What went wrong so far.
    faults: std::cell::RefCell<Vec<String>>,
}

impl Subject {
    fn new(name: &str) -> Self {
        let fixture = Fixture::export(name);
        let (bytes, external) = (fixture.bytes(), fixture.external().unwrap());
        let config = fixture.config().unwrap();
        Self { fixture, bytes, external, config, faults: Default::default() }
    }

    /// Loads and, if that goes, runs, with the graph as it is and as the package loads it. What
    /// matters is that it comes back, and that a graph that still fuses computes what it says.
    fn try_bytes(&self, bytes: &[u8], what: &str) -> Result<(), ErrorCode> {
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let plain = self.run(bytes, Some(Precision::F32), true)?;
            let fused = self.run(bytes, Some(Precision::F32), false)?;
            self.run(bytes, None, false)?;
            Ok(disagree(&plain, &fused))
        }));
        let outcome = outcome.map(|outcome| {
            outcome.map(|far| {
                // onnxruntime's own quantisation of activations is not part of the fused graph.
                let quantises = ["int8", "qdq"].iter().any(|part| self.fixture.name.contains(part));
                if !quantises && let Some(far) = far {
                    let text = format!("{}, {what}: the fused graph is {far} off", self.fixture.name);
                    self.faults.borrow_mut().push(text);
                }
            })
        });
        let took = start.elapsed();
        let fault = |text: String| {
            self.faults.borrow_mut().push(format!("{}, {what}: {text}", self.fixture.name));
        };
        if took > Duration::from_secs(10) {
            fault(format!("took {took:?}"));
        }
        outcome.unwrap_or_else(|_| {
            fault("panicked".to_owned());
            Err(ErrorCode::Internal)
        })
    }
}

impl Subject {
    fn run(
        &self,
        bytes: &[u8],
        precision: Option<Precision>,
        unfused: bool,
    ) -> Result<EncoderOutput, ErrorCode> {
        external_files(bytes).map_err(|e| e.code())?;
        let layers = vec![self.config.num_hidden_layers];
        let precision = precision.unwrap_or_default();
        let backend = if unfused { BackendChoice::Unfused } else { BackendChoice::Auto };
        let options = EncoderOptions { layers, precision, backend, ..EncoderOptions::default() };
        let mut loader = EncoderLoader::new(bytes.to_vec(), &self.config, options).map_err(|e| e.code())?;
        for (path, bytes) in &self.external {
            loader.begin(path);
            loader.write(path, 0, bytes).map_err(|e| e.code())?;
            loader.end(path).map_err(|e| e.code())?;
        }
        let mut encoder = loader.finish().map_err(|e| e.code())?;
        let ids: Vec<u32> = (0..9).collect();
        let batch = Batch::new([(&ids[..], &[0u32; 9][..]), (&ids[..4], &[0u32; 4][..])]);
        encoder.forward(&batch).map_err(|e| e.code())?;
        // Alone: where a change leaves a layer without its mask, only plain tract sees the padding.
        encoder.forward(&Batch::new([(&ids[..], &[0u32; 9][..])])).map_err(|e| e.code())
    }
}

/// By how much two results differ, where they are numbers of a sane size.
fn disagree(a: &EncoderOutput, b: &EncoderOutput) -> Option<f32> {
    let rows = |output: &EncoderOutput| match output {
        EncoderOutput::Hidden(layers) => layers.concat(),
        EncoderOutput::Pooled(rows) => rows.clone(),
    };
    let (a, b) = (rows(a), rows(b));
    let largest = a.iter().fold(0f32, |m, x| if x.is_finite() { m.max(x.abs()) } else { f32::NAN });
    if largest.is_nan() || largest >= 1e4 {
        return None;
    }
    let far = a
        .iter()
        .zip(&b)
        .fold(0f32, |m, (x, y)| if (x - y).is_nan() { f32::NAN } else { m.max((x - y).abs()) });
    (a.len() != b.len() || far.is_nan() || far > 0.02 * largest.max(1.0)).then_some(far)
}

impl Drop for Subject {
    fn drop(&mut self) {
        let faults = self.faults.take();
        if !std::thread::panicking() {
            assert!(faults.is_empty(), "{}", faults.join("\n"));
        }
    }
}

/// xorshift: the same changes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn rounds(default: usize) -> usize {
    std::env::var("COROM_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn seed(name: &str) -> Random {
    let start =
        std::env::var("COROM_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15u64);
    Random(name.bytes().fold(start, |s, b| s.rotate_left(7) ^ u64::from(b)) | 1)
}

#[test]
fn truncated_files_are_refused() {
    for name in files() {
        let subject = Subject::new(&name);
        let length = subject.bytes.len();
        for i in 0..40 {
            let cut = if i < 10 { i } else { length * i / 40 };
            let code = subject.try_bytes(&subject.bytes[..cut], &format!("cut at {cut}")).unwrap_err();
            assert!(
                matches!(code, ErrorCode::InvalidModel | ErrorCode::NotAModel),
                "{name} cut at {cut}: {code}"
            );
        }
        for cut in length - 10..length {
            let _ = subject.try_bytes(&subject.bytes[..cut], &format!("cut at {cut}"));
        }
    }
}

#[test]
fn changed_bytes_do_not_panic() {
    for name in files() {
        let subject = Subject::new(&name);
        let mut random = seed(&name);
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
            let _ = subject.try_bytes(&bytes, &format!("round {round}, byte {at}: {old} → {}", bytes[at]));
            bytes[at] = old;
        }
    }
}

/// Changes that keep the file a sound protobuf message: they get further.
#[test]
fn changed_graphs_do_not_panic() {
    use corom::encoder::onnx::pb::ModelProto;
    use prost::Message;
    for name in files() {
        let subject = Subject::new(&name);
        let mut random = seed(&name);
        let original = ModelProto::decode(&subject.bytes[..]).unwrap();
        for round in 0..rounds(15) {
            let mut model = original.clone();
            let graph = model.graph.as_mut().unwrap();
            let mut what = change(graph, &mut random);
            for _ in 0..random.below(3) {
                what += &format!("; {}", change(graph, &mut random));
            }
            let _ = subject.try_bytes(&model.encode_to_vec(), &format!("round {round}: {what}"));
        }
    }
}

/// Numbers that have broken things before.
const NUMBERS: [i64; 16] =
    [0, 1, -1, 2, -2, 3, 4, 5, 7, 8, 63, 1 << 20, 1 << 31, 1 << 40, i64::MAX, i64::MIN];

fn change(graph: &mut corom::encoder::onnx::pb::GraphProto, random: &mut Random) -> String {
    let at = random.below(graph.node.len());
    let other = random.below(graph.node.len());
    let kind = random.below(11);
    let number = NUMBERS[random.below(NUMBERS.len())];
    let elsewhere = graph.node[other].clone();
    let node = &mut graph.node[at];
    let label = format!("node {at} ({}), kind {kind}, number {number}", node.op_type);
    match kind {
        // Read something else, which was made before.
        0 | 1 if !node.input.is_empty() => {
            let slot = random.below(node.input.len());
            let donor = if other < at { elsewhere.output.first() } else { elsewhere.input.first() };
            if let Some(name) = donor {
                node.input[slot].clone_from(name);
            }
        }
        2 => node.op_type = elsewhere.op_type,
        3 => drop(node.input.pop()),
        4 => node.input.extend(elsewhere.input.first().cloned()),
        5 => {
            for a in &mut node.attribute {
                a.i = number;
                for i in &mut a.ints {
                    *i = number;
                }
            }
        }
        6 => drop(node.attribute.pop()),
        7 => {
            for t in node.attribute.iter_mut().filter_map(|a| a.t.as_mut()) {
                if t.data_type == 7 {
                    t.raw_data =
                        std::iter::repeat_n(number.to_le_bytes(), t.raw_data.len() / 8).flatten().collect();
                }
            }
        }
        8 if !graph.initializer.is_empty() => {
            let which = random.below(graph.initializer.len());
            let tensor = &mut graph.initializer[which];
            match random.below(4) {
                0 => tensor.dims.reverse(),
                1 => tensor.dims.push(1),
                2 => tensor.dims = vec![tensor.dims.iter().product()],
                _ if tensor.data_type == 7 => {
                    let count = tensor.raw_data.len() / 8;
                    tensor.raw_data = std::iter::repeat_n(number.to_le_bytes(), count).flatten().collect();
                }
                _ => tensor.data_type = [1, 2, 3, 6, 7, 9, 10, 11][random.below(8)],
            }
            return format!("initializer {which} ({}), number {number}", tensor.name);
        }
        9 => drop(graph.node.remove(at)),
        _ => {
            let donor = elsewhere.attribute;
            graph.node[at].attribute = donor;
        }
    }
    label
}
