//! Every export reaches the same fused graph.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::BertConfig;
use crate::encoder::onnx::{Expected, Graph, Model, signature, translate};
use crate::encoder::ports::Ports;

fn onnx_of(folder: &Path) -> std::path::PathBuf {
    [folder.to_path_buf(), folder.join("onnx")]
        .iter()
        .filter_map(|f| std::fs::read_dir(f).ok())
        .flatten()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "onnx"))
        .unwrap()
}

fn outline(folder: &Path) -> Result<(Translated, BertConfig), String> {
    let config = BertConfig::from_json(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let model = Model::parse(&std::fs::read(onnx_of(folder)).unwrap()).unwrap();
    let (inputs, outputs) = signature(&model.graph);
    let mut ports = Ports::find(&inputs, &outputs, &config, &[config.num_hidden_layers]).unwrap();
    let graph = Graph::outline(model, &BTreeMap::new(), &ports.outputs).map_err(|e| e.to_string())?;
    ports.resolve(&graph, &config).unwrap();
    let expected = Expected {
        vocab_size: config.vocab_size,
        type_vocab_size: config.type_vocab_size,
        hidden_size: config.hidden_size,
        max_positions: config.max_position_embeddings,
    };
    let translated =
        translate(&graph, &ports.outputs, &ports.feeds, ports.extent, expected).map_err(|e| e.to_string())?;
    Ok((translated, config))
}

#[test]
fn every_export_fuses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    let mut folders: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    let only = std::env::var("COROM_ONLY").ok();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|o| !name.contains(o.as_str())) {
            continue;
        }
        let (translated, config) = match outline(&folder) {
            Ok(x) => x,
            Err(e) => {
                println!("{name:24} ERR {e}");
                continue;
            }
        };
        match fuse(&translated, config.hidden_size, false) {
            Some(f) => println!("{name:24} ok {}", f.steps.len()),
            None => {
                println!("{name:24} NOT");
                if only.is_some() {
                    let reader = read::Reader::read(&translated).unwrap();
                    for id in translated.model.eval_order().unwrap() {
                        let node = translated.model.node(id);
                        let m = reader.meaning(tract_onnx::prelude::OutletId::new(id, 0));
                        let text = format!("{m:?}");
                        println!(
                            "{:4} {:28} {:?} {:?}\n        {}",
                            id,
                            node.op.name(),
                            node.inputs,
                            node.outputs[0].fact,
                            text.chars().take(300).collect::<String>()
                        );
                        if matches!(m, symbol::Meaning::Unknown) {
                            println!("{:?}", node.op);
                            break;
                        }
                    }
                }
            }
        }
    }
}
