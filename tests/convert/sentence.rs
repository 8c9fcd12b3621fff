//! Checkpoints with sentence-transformers' files: the converted folder gives the vectors of
//! sentence-transformers.

use corom::config::PoolingChoice;
use corom::convert::{ConvertOptions, Dtype, convert};
use corom::encoder::Precision;
use corom::error::ErrorCode;
use corom::model::{HeadModule, LoadOptions, Manifest};
use corom::prompts::PromptChoice;
use corom::similarity::score;

use crate::command::{self, Scratch, corom};
use crate::support::memory::{Files, load};
use crate::support::sentence::{Case, cases, checkpoint, encoder, prompt_cases};
use crate::support::{cosine, max_abs_difference};

fn source(case: &Case) -> Files {
    let mut files = checkpoint();
    files.extend(case.files());
    files
}

#[test]
fn converted_folders_keep_prompts_and_metric() {
    let all = prompt_cases();
    for (name, case) in &all.cases {
        let mut from = checkpoint();
        from.extend(case.files());
        let mut folder = Files::new();
        let options = ConvertOptions { dtype: Dtype::F32, ..ConvertOptions::default() };
        assert_eq!(convert(&from, &options, &mut folder).unwrap().manifest.format_version, 2, "{name}");
        let mut embedder =
            load(&folder, LoadOptions { precision: Precision::F32, ..LoadOptions::default() }).unwrap();
        for (choice, texts, expected) in [
            (PromptChoice::Default, &all.documents[..], &case.default),
            (PromptChoice::Query, std::slice::from_ref(&all.query), &case.query),
            (PromptChoice::Document, &all.documents[..], &case.document),
        ] {
            let mut job = embedder.start_with_prompt(texts.to_vec(), &choice).unwrap();
            while !embedder.step(&mut job).unwrap() {}
            let off = max_abs_difference(&embedder.finish(job).unwrap(), &expected.concat());
            assert!(off <= 2e-5, "{name}: {choice:?} is off by {off}");
        }
        let scores = score(&case.query[0], &case.document[0], embedder.metric()).unwrap();
        assert!((scores[0].abs() - case.similarity[0].abs()).abs() <= 1e-4, "{name}");
    }
}

#[test]
fn converted_folders_give_the_vectors_of_sentence_transformers() {
    let all = cases();
    for (name, case) in &all.cases {
        for dtype in [Dtype::F32, Dtype::Int8] {
            let mut folder = Files::new();
            let options = ConvertOptions { dtype, ..ConvertOptions::default() };
            let conversion = convert(&source(case), &options, &mut folder).unwrap();
            let manifest = &conversion.manifest;
            assert_eq!(manifest.dimension(), case.dimension, "{name}");
            assert_eq!(manifest.max_length, case.max_length, "{name}");
            // Earlier releases load the folder, or reject it by its version: they would ignore the modules and
            // compare by the inner product.
            let is_old = name == "normalize";
            assert_eq!(manifest.format_version, if is_old { 1 } else { 2 }, "{name}");
            for weights in manifest.head.iter().filter_map(HeadModule::weights) {
                manifest.file(weights).unwrap().verify(&folder[weights]).unwrap();
            }
            let precision = if dtype == Dtype::F32 { Precision::F32 } else { Precision::Auto };
            let mut embedder = load(&folder, LoadOptions { precision, ..LoadOptions::default() }).unwrap();
            assert_eq!(embedder.dimension(), case.dimension, "{name}");
            for (text, expected) in all.texts.iter().zip(&case.vectors) {
                let vector = embedder.embed(&[text]).unwrap();
                let off = max_abs_difference(&vector, expected);
                match dtype {
                    Dtype::F32 => assert!(off <= 2e-5, "{name}: {text:?} is off by {off}"),
                    _ => assert!(cosine(&vector, expected) > 0.99, "{name}: {text:?}"),
                }
            }
        }
    }
}

#[test]
fn command_writes_the_head_its_self_test_and_shows_both() {
    let scratch = Scratch::new("sentence");
    let (from, out) = (scratch.join("from"), scratch.join("out"));
    for (path, bytes) in source(&cases().cases["layer-norm-dropout"]) {
        let path = from.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    command::convert(&from, &out, &["--dtype", "int8"]).expect_ok();
    let manifest = Manifest::from_json(&std::fs::read(out.join("corom.json")).unwrap()).unwrap();
    assert!(manifest.self_test.unwrap().vectors.iter().all(|vector| vector.len() == 8));
    let shown = corom(&["inspect", out.to_str().unwrap()]).expect_ok().stdout;
    for word in ["dimension     8", "layer norm 16", "dense 16 to 8, Tanh", "head_1.safetensors"] {
        assert!(shown.contains(word), "`{word}` is not in: {shown}");
    }
}

#[test]
fn damaged_head_of_a_converted_folder_is_rejected() {
    let case = &cases().cases["dense-tanh"];
    let mut folder = Files::new();
    convert(&source(case), &ConvertOptions::default(), &mut folder).unwrap();
    let code = |files: &Files| load(files, LoadOptions::default()).err().unwrap().code();
    let mut damaged = folder.clone();
    *damaged.get_mut("head_0.safetensors").unwrap().last_mut().unwrap() ^= 1;
    assert_eq!(code(&damaged), ErrorCode::IntegrityMismatch);
    damaged.remove("head_0.safetensors");
    assert_eq!(code(&damaged), ErrorCode::MissingFile);
    let edit = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut files = folder.clone();
        let mut manifest = serde_json::from_slice(&files["corom.json"]).unwrap();
        change(&mut manifest);
        files.insert("corom.json".into(), manifest.to_string().into());
        files
    };
    assert_eq!(code(&edit(&|m| m["format_version"] = 1.into())), ErrorCode::InvalidConfig);
    assert_eq!(code(&edit(&|m| m["head"][0]["weights"] = "other".into())), ErrorCode::InvalidConfig);
    assert_eq!(code(&edit(&|m| m["head"][0]["out_features"] = 9.into())), ErrorCode::InvalidConfig);
    assert_eq!(code(&edit(&|m| m["head"][0]["type"] = "cnn".into())), ErrorCode::InvalidConfig);
    assert_eq!(code(&edit(&|m| m["dimension"] = 9.into())), ErrorCode::InvalidConfig);
}

#[test]
fn checkpoint_that_does_not_say_how_to_pool_is_rejected() {
    let mut folder = Files::new();
    let error = convert(&checkpoint(), &ConvertOptions::default(), &mut folder).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PoolingUnknown);
    assert!(error.message().contains("--pooling") && folder.is_empty(), "{error}");
    let pooling = Some(PoolingChoice::parse(&["max", "cls"]).unwrap());
    let options = ConvertOptions { pooling, ..ConvertOptions::default() };
    let manifest = convert(&checkpoint(), &options, &mut folder).unwrap().manifest;
    assert_eq!((manifest.dimension(), manifest.format_version), (32, 2));
    let graph = ConvertOptions { pooling: Some(PoolingChoice::Graph), ..ConvertOptions::default() };
    let error = convert(&checkpoint(), &graph, &mut Files::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedPooling);
}

#[test]
fn encoder_in_the_folder_of_its_module_is_converted() {
    let all = cases();
    let case = &all.cases["dense-tanh"];
    let mut files: Files =
        checkpoint().into_iter().map(|(path, bytes)| (format!("0_Transformer/{path}"), bytes)).collect();
    files.extend(case.files());
    let mut modules: serde_json::Value = serde_json::from_slice(&files["modules.json"]).unwrap();
    modules[0]["path"] = "0_Transformer".into();
    files.insert("modules.json".into(), modules.to_string().into());
    files.remove("sentence_bert_config.json");
    files.insert("0_Transformer/sentence_bert_config.json".into(), br#"{"max_seq_length": 40}"#.to_vec());
    let mut folder = Files::new();
    let conversion = convert(&files, &ConvertOptions::default(), &mut folder).unwrap();
    assert_eq!(conversion.manifest.max_length, 40);
    let options = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let vector = load(&folder, options).unwrap().embed(&all.texts[..1]).unwrap();
    assert!(max_abs_difference(&vector, &case.vectors[0]) <= 2e-5);
}

#[test]
fn export_in_the_folder_of_its_module_is_converted() {
    let all = cases();
    let case = &all.cases["dense-tanh"];
    let mut files: Files = encoder()
        .into_iter()
        .map(|(path, bytes)| {
            let folder = if path.ends_with(".onnx") { "0_Transformer/onnx" } else { "0_Transformer" };
            (format!("{folder}/{path}"), bytes)
        })
        .collect();
    files.extend(case.files());
    files.remove("sentence_bert_config.json");
    let mut modules: serde_json::Value = serde_json::from_slice(&files["modules.json"]).unwrap();
    modules[0]["path"] = "0_Transformer".into();
    files.insert("modules.json".into(), modules.to_string().into());
    let mut folder = Files::new();
    let options = ConvertOptions { dtype: Dtype::F32, ..ConvertOptions::default() };
    convert(&files, &options, &mut folder).unwrap();
    // The folder itself means the same to the loader.
    for source in [&files, &folder] {
        let options = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
        let vector = load(source, options).unwrap().embed(&all.texts[..1]).unwrap();
        assert!(max_abs_difference(&vector, &case.vectors[0]) <= 2e-5);
    }
    let scratch = Scratch::new("nested-export");
    let (from, out) = (scratch.join("from"), scratch.join("out"));
    for (path, bytes) in &files {
        let path = from.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let run = command::convert(&from, &out, &["--dtype", "f32"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
}
