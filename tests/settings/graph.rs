//! The graph's own sentence vector as a source of the pooling.

use corom::config::{Pooling, PoolingChoice};
use corom::encoder::onnx::pb::{
    Dimension, DimensionValue, ModelProto, TensorShapeProto, TypeProto, type_proto,
};
use corom::error::ErrorCode;
use corom::model::LoadOptions;
use prost::Message;

use crate::support::sentence::{cases, encoder};
use crate::support::{export, files, golden, max_abs_difference};
use crate::{Files, check, decision, f32_options, load};

/// Removes an output of the graph.
fn without_output(files: &mut Files, name: &str) {
    let mut model = ModelProto::decode(&files["model.onnx"][..]).unwrap();
    let outputs = &mut model.graph.as_mut().unwrap().output;
    let before = outputs.len();
    outputs.retain(|output| output.name != name);
    assert_eq!(outputs.len() + 1, before, "{name}");
    files.insert("model.onnx".into(), model.encode_to_vec());
}

/// Declares the number of columns of the only output; 0: none is declared.
fn declare_width(files: &mut Files, width: i64) {
    let mut model = ModelProto::decode(&files["model.onnx"][..]).unwrap();
    let output = &mut model.graph.as_mut().unwrap().output[0];
    let dim = |value| Dimension { value };
    let columns = (width > 0).then_some(DimensionValue::DimValue(width));
    let shape = TensorShapeProto { dim: vec![dim(None), dim(columns)] };
    let tensor = type_proto::Tensor { elem_type: 1, shape: Some(shape) };
    output.r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) });
    files.insert("model.onnx".into(), model.encode_to_vec());
}

#[test]
fn sentence_vector_of_a_whole_model_is_used_and_its_modules_run_once() {
    let all = cases();
    let case = &all.cases["dense-tanh"];
    let graph = LoadOptions { pooling: Some(PoolingChoice::Graph), ..f32_options() };
    let mut alone = encoder();
    without_output(&mut alone, "token_embeddings");
    for (name, base) in [("both", encoder()), ("alone", alone)] {
        // No file says how to pool.
        let mut embedder = load(&base, f32_options(), false).unwrap();
        assert_eq!(decision(&embedder, "pooling"), r#""graph" (model.onnx)"#, "{name}");
        assert_eq!(embedder.dimension(), case.dimension, "{name}");
        check(name, &mut embedder, &all.texts, &case.vectors);

        // The files of the whole model describe the same vector.
        let mut folder = base.clone();
        folder.extend(case.files());
        for options in [f32_options(), graph.clone(), LoadOptions { unfused: true, ..f32_options() }] {
            let mut embedder = load(&folder, options, true).unwrap();
            check(name, &mut embedder, &all.texts, &case.vectors);
        }

        // Over HTTP the weights of a module may be missing: the graph has them.
        let path = folder.keys().find(|path| path.ends_with("Dense/model.safetensors")).unwrap().clone();
        folder.remove(&path);
        let mut embedder = load(&folder, f32_options(), false).unwrap();
        assert_eq!(decision(&embedder, "pooling"), r#""graph" (model.onnx)"#, "{name}");
        assert_eq!(decision(&embedder, "head"), "[] (model.onnx)", "{name}");
        check(name, &mut embedder, &all.texts, &case.vectors);

        // The caller's pooling reads hidden states, also if they are inside the graph only.
        let mean = LoadOptions { pooling: Some(Pooling::Mean.into()), ignore_head: true, ..f32_options() };
        let mut embedder = load(&base, mean, false).unwrap();
        check(name, &mut embedder, &all.texts, &all.cases["pool-mean"].vectors);
    }
}

#[test]
fn sentence_vector_beside_hidden_states_is_used_if_nothing_asks_for_a_pooling() {
    let mut files = files(&export("both-outputs"));
    files.remove("configuration.json");
    let golden = golden(&export("both-outputs"));
    let options = LoadOptions { max_length: Some(golden.max_length), ..f32_options() };
    let mut embedder = load(&files, options.clone(), false).unwrap();
    assert_eq!(embedder.pooling(), &PoolingChoice::Graph);
    check("both-outputs", &mut embedder, &golden.texts, &golden.vectors["sentence_embedding"]);

    // A file that asks for a pooling goes first.
    files.insert("1_Pooling/config.json".into(), br#"{"pooling_mode": "mean"}"#.to_vec());
    let mut embedder = load(&files, options, false).unwrap();
    check("both-outputs", &mut embedder, &golden.texts, &golden.vectors["mean"]);
    assert_eq!(decision(&embedder, "pooling"), r#""mean" (1_Pooling/config.json)"#);
}

#[test]
fn output_of_the_pooler_is_no_sentence_vector() {
    let mut files = files(&export("pooler-output"));
    files.remove("configuration.json");
    let error = load(&files, f32_options(), false).err().unwrap();
    assert_eq!(error.code(), ErrorCode::PoolingUnknown);
    let graph = LoadOptions { pooling: Some(PoolingChoice::Graph), ..f32_options() };
    let error = load(&files, graph, false).err().unwrap();
    assert_eq!(error.code(), ErrorCode::UnsupportedPooling);
    assert!(error.message().contains("pooler_output"), "{error}");
}

#[test]
fn sentence_vector_of_another_size_than_the_modules_is_rejected() {
    // Its 32 numbers are neither the 16 that the modules take nor the 8 that they return.
    let mut folder = cases().cases["dense-tanh"].files();
    folder.extend(files(&export("sentence-mean")));
    folder.remove("configuration.json");
    let graph = LoadOptions { pooling: Some(PoolingChoice::Graph), ..f32_options() };
    let error = load(&folder, graph, false).err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidConfig, "{error}");
    assert!(error.message().contains("32") && error.message().contains("16"), "{error}");
}

#[test]
fn graph_of_a_mean_is_used_before_the_modules_of_the_folder() {
    let all = cases();
    let mut model = ModelProto::decode(&encoder()["model.onnx"][..]).unwrap();
    // Name the pooled value before the Dense layer as the sentence vector.
    let graph = model.graph.as_mut().unwrap();
    let gemm = graph.node.iter().position(|node| node.op_type == "Gemm").unwrap();
    let pooled = graph.node[gemm].input[0].clone();
    graph.node.truncate(gemm);
    graph.output.retain(|output| output.name == "sentence_embedding");
    // The declared type is that of 8 numbers; the value has 16.
    graph.output[0].r#type = None;
    for node in &mut graph.node {
        for name in &mut node.output {
            if *name == pooled {
                *name = "sentence_embedding".into();
            }
        }
    }
    graph.output[0].name = "sentence_embedding".into();
    let mut files = encoder();
    files.insert("model.onnx".into(), model.encode_to_vec());
    let mut embedder = load(&files, f32_options(), false).unwrap();
    let vectors = embedder.embed(&all.texts).unwrap();
    let expected = all.cases["pool-mean"].vectors.concat();
    assert!(max_abs_difference(&vectors, &expected) <= 2e-5);

    // With modules.json the hidden states inside are pooled, so that the Dense layer runs once.
    files.extend(all.cases["dense-tanh"].files());
    let mut embedder = load(&files, f32_options(), false).unwrap();
    check("inside", &mut embedder, &all.texts, &all.cases["dense-tanh"].vectors);
    // If the graph's vector is asked for, its size shows that the Dense layer has to follow.
    let graph = LoadOptions { pooling: Some(PoolingChoice::Graph), ..f32_options() };
    declare_width(&mut files, 16);
    let mut embedder = load(&files, graph.clone(), false).unwrap();
    check("mean only", &mut embedder, &all.texts, &all.cases["dense-tanh"].vectors);
    // A size that only the graph's computation shows is found too late to run the Dense layer.
    declare_width(&mut files, 0);
    match load(&files, graph, false) {
        Ok(mut embedder) => {
            check("mean only", &mut embedder, &all.texts, &all.cases["dense-tanh"].vectors);
        }
        Err(error) => assert_eq!(error.code(), ErrorCode::UnsupportedModel, "{error}"),
    }
}
