use super::*;
use crate::encoder::onnx::SecondReading;
use crate::encoder::onnx::external::{ExternalRange, ONNX_FILE_ITSELF};
use crate::encoder::onnx::pb::{DataType, OperatorSetIdProto, ValueInfoProto};
use bytes::Bytes;
use prost::Message;
use std::path::{Path, PathBuf};

/// The ONNX files of the exports.
fn exports() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.flat_map(|folder| [folder.clone(), folder.join("onnx")]);
    let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let files = files.map(|entry| entry.unwrap().path());
    let onnx = files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    onnx.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn read(bytes: &[u8], chunk: usize, max_weight_bytes: u64) -> Result<OnnxFile> {
    let mut reader = OnnxReader::keeping(max_weight_bytes);
    bytes.chunks(chunk).try_for_each(|part| reader.write(part))?;
    reader.finish()
}

/// Puts the elements that were left out back, as `raw_data`.
fn restored(file: &OnnxFile, bytes: &[u8]) -> GraphProto {
    let mut graph = file.model.graph.clone();
    let attributes = graph.node.iter_mut().flat_map(|n| &mut n.attribute).filter_map(|a| a.t.as_mut());
    for tensor in graph.initializer.iter_mut().chain(attributes) {
        if let Some(ExternalRange { path, range }) = ExternalRange::of(tensor).unwrap()
            && path == ONNX_FILE_ITSELF
        {
            tensor.raw_data = Bytes::copy_from_slice(&bytes[range.start as usize..range.end as usize]);
            tensor.external_data.clear();
            tensor.data_location = None;
        }
    }
    without_default_location(graph)
}

/// Makes the location "in this file", which some writers state and others do not, `None`.
fn without_default_location(mut graph: GraphProto) -> GraphProto {
    for tensor in &mut graph.initializer {
        tensor.data_location = tensor.data_location.filter(|location| *location != 0);
    }
    graph
}

fn tensor(name: &str, raw_data: Bytes) -> TensorProto {
    let dims = vec![raw_data.len() as i64 / 4];
    TensorProto {
        name: name.into(),
        dims,
        data_type: DataType::Float as i32,
        raw_data,
        ..TensorProto::default()
    }
}

/// A file with a node and these initializers.
fn file(initializer: Vec<TensorProto>) -> ModelProto {
    let node = NodeProto { op_type: "Add".into(), ..NodeProto::default() };
    let graph = GraphProto {
        node: vec![node],
        initializer,
        output: vec![ValueInfoProto::default()],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
    ModelProto { graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() }
}

#[test]
fn reader_reads_every_export_as_prost_does_in_chunks_of_any_size() {
    let exports = exports();
    assert!(exports.len() > 20);
    for (path, bytes) in exports {
        let graph = ModelProto::decode(&bytes[..]).unwrap().graph.unwrap();
        for chunk in [3, 1000, 4096, usize::MAX] {
            let file = read(&bytes, chunk, u64::MAX).unwrap();
            assert!(file.is_whole());
            assert!(file.model.graph == graph, "{} in chunks of {chunk}", path.display());
        }
    }
}

#[test]
fn reader_leaves_out_weights_and_says_where_they_are() {
    let mut left_out = 0;
    for (path, bytes) in exports() {
        let graph = without_default_location(ModelProto::decode(&bytes[..]).unwrap().graph.unwrap());
        let whole = read(&bytes, usize::MAX, 0).unwrap();
        assert!(restored(&whole, &bytes) == graph, "{}", path.display());
        left_out += usize::from(!whole.is_whole());
        for chunk in [7, 4096] {
            let chunked = read(&bytes, chunk, 0).unwrap();
            assert!(chunked.model.graph == whole.model.graph, "{}", path.display());
            assert_eq!(chunked.size_to_read_again(), whole.size_to_read_again());
        }
    }
    assert!(left_out > 10, "{left_out}");
}

#[test]
fn packed_floats_are_left_out_like_raw_data() {
    let values: Vec<f32> = (0..2048).map(|i| i as f32).collect();
    let mut in_fields = tensor("weight", Bytes::new());
    in_fields.dims = vec![2048];
    in_fields.float_data.clone_from(&values);
    let bytes = file(vec![in_fields]).encode_to_vec();
    let file = read(&bytes, 100, 0).unwrap();
    let tensor = &file.model.graph.initializer[0];
    assert!(tensor.float_data.is_empty());
    let range = ExternalRange::of(tensor).unwrap().unwrap().range;
    let stored: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(bytes[range.start as usize..range.end as usize] == stored);
}

#[test]
fn reader_keeps_weights_up_to_the_limit_and_all_that_the_graph_needs() {
    let weight = |i: u8| tensor(&format!("weight.{i}"), vec![i; 8192].into());
    let small = tensor("small", vec![1; 64].into());
    let integers =
        TensorProto { data_type: DataType::Int64 as i32, ..tensor("integers", vec![2; 32768].into()) };
    let bytes = file(vec![weight(1), weight(2), weight(3), small, integers]).encode_to_vec();
    let kept = |max| {
        let file = read(&bytes, 1000, max).unwrap();
        file.model.graph.initializer.iter().map(|t| !t.raw_data.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(kept(0), [false, false, false, true, true]);
    assert_eq!(kept(20_000), [true, true, false, true, true]);
    assert_eq!(kept(MAX_KEPT_WEIGHT_BYTES), [true; 5]);
}

#[test]
fn file_that_pretends_to_have_left_out_weights_is_rejected() {
    let mut pretender = tensor("weight", Bytes::new());
    pretender.data_location = Some(crate::encoder::onnx::external::SKIPPED_LOCATION);
    let error = read(&file(vec![pretender]).encode_to_vec(), 1000, 0).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidModel);
    assert!(error.message().contains("unknown data location"), "{error}");
}

#[test]
fn truncated_file_is_invalid_at_every_length() {
    let bytes =
        file(vec![tensor("a", vec![1; 8192].into()), tensor("b", vec![1; 32].into())]).encode_to_vec();
    assert!(read(&bytes, usize::MAX, 0).is_ok());
    for max_weight_bytes in [0, u64::MAX] {
        // The operator set is the last field; the graph ends before it.
        for cut in (0..bytes.len()).filter(|cut| *cut < 40 || cut % 97 == 0 || *cut > 8000) {
            let error = read(&bytes[..cut], 1000, max_weight_bytes).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidModel, "cut at {cut}");
        }
    }
}

#[test]
fn damaged_file_is_read_as_prost_reads_it_or_rejected() {
    let original =
        file(vec![tensor("a", vec![1; 4096].into()), tensor("b", vec![1; 32].into())]).encode_to_vec();
    let mut accepted = 0;
    for at in (0..original.len()).filter(|at| *at < 60 || *at > 4100) {
        for value in [0, 1, 8, 10, 0x12, 0x7f, 0x80, 0xff, original[at] ^ 1, original[at] ^ 4] {
            let mut bytes = original.clone();
            bytes[at] = value;
            let reader = read(&bytes, 5, u64::MAX);
            if let Ok(file) = reader {
                let graph = ModelProto::decode(&bytes[..]).unwrap().graph.unwrap();
                assert!(file.model.graph == graph, "byte {at}: {value}");
                accepted += 1;
            }
        }
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn field_longer_than_memory_is_rejected_without_reserving_it() {
    // Graph, then initializer, then raw_data, each of 2^62 bytes.
    let mut bytes = Vec::new();
    for key in [0x3a, 0x2a, 0x4a] {
        bytes.push(key);
        encode_varint(1 << 62, &mut bytes);
    }
    let error = read(&bytes, 1, u64::MAX).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidModel);
}

#[test]
fn second_reading_detects_another_file() {
    let bytes =
        file(vec![tensor("a", vec![1; 8192].into()), tensor("b", vec![1; 32].into())]).encode_to_vec();
    let first = read(&bytes, 1000, 0).unwrap().skipped.unwrap();
    let check = |bytes: &[u8], chunk: usize| {
        let mut second = SecondReading::default();
        bytes.chunks(chunk).for_each(|part| second.write(&first, part));
        second.finish(&first).map_err(|error| error.code())
    };
    for chunk in [1, 1000, usize::MAX] {
        assert_eq!(check(&bytes, chunk), Ok(()));
        assert_eq!(check(&bytes[..bytes.len() - 1], chunk), Err(ErrorCode::IntegrityMismatch));
        for at in [0, 10, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(check(&changed, chunk), Err(ErrorCode::IntegrityMismatch), "byte {at}");
        }
    }
    // Other weights of the same graph: all weights come from the second reading.
    let mut retrained = bytes.clone();
    retrained[4000] ^= 1;
    assert_eq!(check(&retrained, 1000), Ok(()));
}
