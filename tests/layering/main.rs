//! Checks the layers of the code: which module may name what, no circles between files, no file that is
//! too long. `ARCHITECTURE.md` lists these rules.
//!
//! The test uses only the standard library, so that `./build.sh lint` compiles it alone.

mod circles;
mod scanner;

use std::path::Path;

use scanner::{code_lines, read, root, sources};

const MAX_FILE_LINES: usize = 400;

/// Words of the code that files in `scope` may not contain, except in `allowed` (paths from the root).
struct Rule {
    names: &'static [&'static str],
    scope: &'static str,
    allowed: &'static [&'static str],
    why: &'static str,
}

const PLAN: &str = "plans and references are shared by all back ends: they know neither tract nor wgpu";

/// A name that ends in `*` matches every word with that beginning. A name with `::` is part of a path.
const RULES: &[Rule] = &[
    Rule {
        names: &["unsafe"],
        scope: "src/",
        allowed: &["src/encoder/cpu/kernels/", "src/index/kernels/"],
        why: "only the CPU kernels contain unsafe code",
    },
    Rule {
        names: &["JsValue", "wasm_bindgen", "js_sys", "web_sys"],
        scope: "src/",
        allowed: &["src/wasm/", "src/encoder/gpu/"],
        why: "only src/wasm talks to JavaScript",
    },
    Rule { names: &["JsValue"], scope: "src/encoder/", allowed: &[], why: "no core file names JsValue" },
    Rule {
        names: &["tract_data"],
        scope: "src/",
        allowed: &["src/encoder/graph/"],
        why: "tensors and lengths of tract-data come in through the typed graph",
    },
    Rule {
        names: &["tract_core", "tract_linalg"],
        scope: "src/",
        allowed: &["src/encoder/unfused/", "src/encoder/tract_onnx_reader/"],
        why: "tract's operators and kernels are not in the first binary of a page",
    },
    Rule {
        names: &["tract_onnx"],
        scope: "src/",
        allowed: &["src/encoder/tract_onnx_reader/"],
        why: "tract-onnx stays in one module of the native command: it panics on damaged files",
    },
    Rule {
        names: &["encoder::graph", "TypedModel"],
        scope: "src/encoder/export.rs",
        allowed: &[],
        why: "an export is read through its plan",
    },
    Rule { names: &["tract_*", "wgpu"], scope: "src/encoder/plan/", allowed: &[], why: PLAN },
    Rule { names: &["tract_*", "wgpu"], scope: "src/encoder/reference", allowed: &[], why: PLAN },
    Rule { names: &["tract_*", "wgpu"], scope: "src/encoder/quantize/", allowed: &[], why: PLAN },
    Rule { names: &["tract_*", "wgpu"], scope: "src/encoder/spec.rs", allowed: &[], why: PLAN },
    Rule {
        names: &["tract_*", "TypedModel"],
        scope: "src/encoder/cpu/",
        allowed: &[],
        why: "the CPU back end runs plans, without a graph",
    },
    Rule {
        names: &["tract_*", "plan"],
        scope: "src/encoder/cpu/kernels/",
        allowed: &[],
        why: "kernels compute on slices; they know neither tract nor plans",
    },
    Rule {
        names: &["Autotuner"],
        scope: "src/",
        allowed: &["src/encoder/cpu/"],
        why: "the choice of a kernel is a matter of the CPU back end",
    },
    Rule {
        names: &["tract_*", "TypedModel"],
        scope: "src/encoder/gpu/",
        allowed: &[],
        why: "the GPU back end runs plans, without a graph",
    },
    Rule {
        names: &["bytemuck"],
        scope: "src/",
        allowed: &["src/encoder/gpu/"],
        why: "only a GPU reads numbers as bytes; files are read number by number",
    },
    Rule {
        names: &["wgpu"],
        scope: "src/",
        allowed: &["src/encoder/gpu/"],
        why: "only the GPU back end uses wgpu",
    },
    Rule {
        names: &["crate::encoder", "crate::embedder", "crate::model"],
        scope: "src/tokenizer/",
        allowed: &[],
        why: "the tokenizer does not depend on the encoder",
    },
    Rule {
        names: &["crate::"],
        scope: "src/batch.rs",
        allowed: &[],
        why: "a batch is numbers: it depends on no other module",
    },
    Rule {
        names: &["crate::encoder", "crate::tokenizer", "crate::embedder", "crate::model"],
        scope: "src/pipeline.rs",
        allowed: &[],
        why: "the pipeline's scores depend on vectors only",
    },
    Rule {
        names: &["crate::tokenizer", "crate::embedder", "crate::model"],
        scope: "src/encoder/",
        allowed: &[],
        why: "the encoder depends on neither the tokenizer nor the model folder",
    },
    Rule {
        names: &["crate::model"],
        scope: "src/embedder.rs",
        allowed: &[],
        why: "the model folder builds embedders, not the reverse",
    },
    Rule {
        names: &["crate::model", "crate::encoder"],
        scope: "src/reranker.rs",
        allowed: &[],
        why: "a reranker runs an embedder of logits",
    },
    Rule {
        names: &["crate::model", "crate::encoder", "crate::tokenizer", "crate::embedder"],
        scope: "src/pair_score.rs",
        allowed: &[],
        why: "a score depends on logits only",
    },
    Rule {
        names: &["candle_core"],
        scope: "src/",
        allowed: &["src/train/"],
        why: "only training needs gradients: the feature `train` is slow to compile",
    },
    Rule {
        names: &["clap"],
        scope: "src/train/",
        allowed: &[],
        why: "training is a library: the command has the arguments",
    },
    Rule {
        names: &["std::fs", "std::path", "clap"],
        scope: "src/convert/",
        allowed: &[],
        why: "the converter reads and writes through its two traits",
    },
    Rule {
        names: &["parquet", "arrow_ipc", "arrow_select"],
        scope: "src/",
        allowed: &[
            "src/bin/corom/embed/columnar/",
            "src/bin/corom/embed/input/columns/",
            "src/bin/corom/embed/output/columns/",
        ],
        why: "only corom embed reads and writes columns: the feature `columnar` is slow to compile",
    },
    Rule {
        names: &["encoder", "crate::tokenizer", "crate::embedder", "crate::model", "index_build", "pinyin"],
        scope: "src/index/",
        allowed: &[],
        why: "search is a binary of its own: it depends on neither the encoder nor the builder of catalogs",
    },
    Rule {
        names: &["crate::error", "Catalog", "Schema", "Bits"],
        scope: "src/index/kernels/",
        allowed: &[],
        why: "kernels compute on slices",
    },
    Rule {
        names: &["encoder", "crate::tokenizer", "crate::embedder", "crate::model", "std::fs"],
        scope: "src/index_build/",
        allowed: &[],
        why: "the builder takes items and returns bytes",
    },
    Rule {
        names: &["crate::tokenizer", "crate::embedder", "crate::model", "std::fs"],
        scope: "src/eval/",
        allowed: &[],
        why: "evaluation depends on vectors and texts only",
    },
    Rule {
        names: &["encoder"],
        scope: "src/rank.rs",
        allowed: &[],
        why: "ranking does not depend on the encoder",
    },
    Rule {
        names: &["encoder"],
        scope: "src/similarity.rs",
        allowed: &[],
        why: "similarity does not depend on the encoder",
    },
    Rule {
        names: &["encoder"],
        scope: "src/pooling/",
        allowed: &[],
        why: "pooling does not depend on the encoder",
    },
    Rule {
        names: &["crate::encoder", "crate::tokenizer", "crate::embedder", "crate::model"],
        scope: "src/head/",
        allowed: &[],
        why: "the head computes vectors from vectors",
    },
    Rule {
        names: &["crate::encoder", "crate::tokenizer", "crate::embedder", "crate::model", "crate::convert"],
        scope: "src/checkpoint_file/",
        allowed: &[],
        why: "the loader and the converter both read checkpoints",
    },
    Rule {
        names: &["crate::model", "crate::tokenizer"],
        scope: "src/recipe.rs",
        allowed: &[],
        why: "the recipe takes the output of an encoder only",
    },
];

#[test]
fn modules_name_only_what_their_layer_may() {
    let mut broken = Vec::new();
    for (path, text) in sources(&["src"], &["rs"]) {
        for rule in RULES {
            let may = rule.allowed.iter().any(|allowed| path.starts_with(allowed));
            if may || !path.starts_with(rule.scope) {
                continue;
            }
            for (line, code) in code_lines(&text) {
                if let Some(name) = rule.names.iter().find(|name| is_named(name, &code)) {
                    broken.push(format!("{path}:{line}: `{name}`: {}", rule.why));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn files_have_at_most_400_lines() {
    let mut long = Vec::new();
    let folders = ["src", "pkg", "www", "scripts", "tests", "benches", "examples"];
    let mut files = sources(&folders, &["rs", "js", "mjs", "ts", "py", "wgsl", "css", "html", "sh"]);
    files.retain(|(path, _)| !path.starts_with("tests/fixtures/"));
    files.push(("build.sh".into(), read(&root().join("build.sh"))));
    for (path, text) in files {
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            long.push(format!("{path}: {lines} lines, at most {MAX_FILE_LINES}"));
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn no_file_is_called_utils() {
    for (path, _) in sources(&["src", "pkg", "www", "tests"], &["rs", "js", "mjs", "ts", "py"]) {
        let stem = Path::new(&path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        let drawer = matches!(stem, "util" | "utils" | "helper" | "helpers" | "misc" | "common");
        assert!(!drawer, "{path}: name it after what it holds");
    }
}

fn is_named(name: &str, code: &str) -> bool {
    if name.contains("::") { code.contains(name) } else { words(code).any(|word| matches(name, word)) }
}

fn matches(name: &str, word: &str) -> bool {
    name.strip_suffix('*').map_or(name == word, |start| word.starts_with(start))
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn scanner_skips_comments_and_literals() {
    let text = "// unsafe\nlet a = \"unsafe \\\" unsafe\"; b(); // unsafe\n/* unsafe\nunsafe */ let c = '\"'; unsafe { d }\n\
                let e = r#\"unsafe \" unsafe\"#; fn f<'a>(g: &'a str) {}";
    let hits: Vec<usize> = code_lines(text)
        .filter(|(_, code)| words(code).any(|word| word == "unsafe"))
        .map(|(line, _)| line)
        .collect();
    assert_eq!(hits, [4]);
    assert!(words("not_unsafe").all(|word| word != "unsafe"));
    assert!(
        matches("tract_*", "tract_core") && !matches("tract_*", "extract_rows") && !matches("wgpu", "wgpu2")
    );
}
