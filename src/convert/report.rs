//! Says in words what a conversion wrote.

use super::conversion::Conversion;
use crate::model::Task;

impl Conversion {
    /// Returns the lines that `corom convert` prints below the path of the folder.
    pub fn report(&self) -> Vec<String> {
        let Self { manifest, config, weights, stored_dtype, ignored_tensors, .. } = self;
        let mut lines = Vec::new();
        if let Some(stored) = stored_dtype {
            lines.push(format!("from {weights} ({stored})"));
            if matches!(stored.as_str(), "int8" | "int4") {
                lines.push(format!("the export is quantized: the {} weights have its error", manifest.dtype));
            }
        }
        lines.push(format!(
            "{} layers × {}, {} heads, vocabulary {}{}, {}",
            config.num_hidden_layers,
            config.hidden_size,
            config.num_attention_heads,
            config.vocab_size,
            manifest.full_vocab_size.map_or_else(String::new, |full| format!(" of {full}")),
            manifest.dtype,
        ));
        if manifest.task == Task::Rerank {
            let labels = if manifest.dimension() == 1 { "1 label" } else { "2 labels" };
            lines.push(format!("a reranker with {labels}; pairs have up to {} tokens", manifest.max_length));
        } else {
            lines.push(format!(
                "pooling {}, {}normalized, up to {} tokens",
                manifest.pooling,
                if manifest.normalize { "" } else { "not " },
                manifest.max_length,
            ));
        }
        lines.extend(manifest.head.iter().map(|module| format!("after the pooling: {module}")));
        if manifest.distilled_from.is_some() {
            lines.push("distilled: embeds queries for the catalogs of its teacher".into());
        }
        if !ignored_tensors.is_empty() {
            lines.push(format!("not converted: {}", ignored_tensors.join(", ")));
        }
        let test = manifest.self_test.as_ref();
        // Float weights become int8 while they load, unless the caller wants `quality: "float"`.
        let quantized = if manifest.dtype.starts_with('f') { "loaded in int8, the default; " } else { "" };
        for (kernels, error) in test.iter().flat_map(|test| &test.measured) {
            lines.push(format!(
                "{quantized}{kernels} kernels: cosine at least {:.5} to the same weights computed in f32, on the self-test's texts",
                error.cosine
            ));
        }
        for (kernels, error) in test.iter().flat_map(|test| &test.measured_logits) {
            lines.push(format!(
                "{kernels} kernels: logits within {error:.5} of those of the same weights in f32, on the self-test's texts"
            ));
        }
        if test.is_some_and(|test| !test.allows("relaxed")) {
            // With integer weights, `measure_self_test` has rejected a model that the exact kernels cannot run.
            if test.is_some_and(|test| !test.allows("exact")) {
                lines.push("the model loses too much in integers: load it with `quality: \"float\"`".into());
            }
            lines.push(
                "the relaxed kernels lose too much for this model: it will run with the exact kernels".into(),
            );
        }
        let bytes: u64 = manifest.files.iter().map(|f| f.size).sum();
        let megabytes = bytes as f64 / 1e6;
        lines.push(format!("{bytes} bytes ({megabytes:.1} MB) in {} files", manifest.files.len() + 1));
        lines
    }
}
