//! The WGSL templates, one file per op with the op's name, and the configurations that the back end uses.
//!
//! Bindings of every shader: 0 the uniform parameters (a dynamic offset), 1 the output, from 2 on what it reads.

use super::template::{Definitions, expand};
use crate::encoder::plan::packing_failed;
use crate::encoder::spec::{Activation, AttentionSpec, MIN_ROW_MAGNITUDE, UNBOUNDED};
use crate::error::Result;

/// Bytes of workgroup memory that every device has.
const WORKGROUP_BYTES: u32 = 16 << 10;

/// A shader: a template and its definitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shader {
    pub(super) template: &'static str,
    definitions: Definitions,
    /// The number of storage buffers that it reads.
    pub(super) inputs: u32,
}

/// The stored form of weights, as a shader reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WeightFormat {
    F32,
    F16,
    /// Bytes with a scale and a zero point per output.
    I8,
    /// Half bytes with a scale and a zero point per block of 32 inputs.
    I4,
}

/// A variant of Linear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LinearVariant {
    /// Tiles of [`FEW_ROWS`] rows, for which the time is that of reading the weights.
    FewRows,
    /// 64 threads of 8 by 8 outputs.
    Tiled8,
    /// 256 threads of 4 by 4 outputs: fewer registers per thread.
    Tiled4,
}

/// Rows of a workgroup of [`LinearVariant::FewRows`].
pub(super) const FEW_ROWS: usize = 16;
/// Rows and outputs of a tile of the other variants and of the integers.
pub(super) const TILE: usize = 64;
/// Outputs of a workgroup of [`LinearVariant::FewRows`].
pub(super) const FEW_ROWS_OUTPUTS: usize = 16;

/// Quads of a block of quantized inputs.
pub(super) const BLOCK_QUADS: usize = 16;

/// Returns the lines of a template without comments and indentation, as many bytes as fit, and their number. Directives
/// stay. Comments would be a fifth of what a page downloads of the shaders.
const fn code<const N: usize>(text: &[u8]) -> ([u8; N], usize) {
    let (mut code, mut len, mut at) = ([0; N], 0, 0);
    while at < text.len() {
        while at < text.len() && text[at] == b' ' {
            at += 1;
        }
        let is_comment =
            at + 2 < text.len() && text[at] == b'/' && text[at + 1] == b'/' && text[at + 2] != b'#';
        let mut is_line = true;
        while is_line && at < text.len() {
            is_line = text[at] != b'\n';
            if !is_comment {
                if len < N {
                    code[len] = text[at];
                }
                len += 1;
            }
            at += 1;
        }
    }
    (code, len)
}

/// Returns the code of a template.
macro_rules! template {
    ($name:literal) => {{
        const TEXT: &[u8] = include_bytes!(concat!("shaders/", $name, ".wgsl"));
        const CODE: [u8; code::<0>(TEXT).1] = code(TEXT).0;
        const WGSL: &str = match str::from_utf8(&CODE) {
            Ok(wgsl) => wgsl,
            Err(_) => panic!("a template is no UTF-8"),
        };
        WGSL
    }};
}

fn text(name: &str) -> Option<&'static str> {
    Some(match name {
        "activation" => template!("activation"),
        "add_norm" => template!("add_norm"),
        "attention" => template!("attention"),
        "clip" => template!("clip"),
        "embed" => template!("embed"),
        "layer_norm" => template!("layer_norm"),
        "linear" => template!("linear"),
        "linear_check" => template!("linear_check"),
        "linear_few_rows" => template!("linear_few_rows"),
        "linear_i8" => template!("linear_i8"),
        "linear_i8_blocks" => template!("linear_i8_blocks"),
        "linear_i8_exact" => template!("linear_i8_exact"),
        "mean_rows" => template!("mean_rows"),
        "normalize" => template!("normalize"),
        "product" => template!("product"),
        "quantize" => template!("quantize"),
        "quantize_blocks" => template!("quantize_blocks"),
        "quantize_rows" => template!("quantize_rows"),
        "rounded" => template!("rounded"),
        "row_sum" => template!("row_sum"),
        "select_rows" => template!("select_rows"),
        "signed_bytes" => template!("signed_bytes"),
        "weight" => template!("weight"),
        _ => return None,
    })
}

/// Returns the number of an activation function in activation.wgsl.
pub(super) fn activation_code(activation: Activation) -> u32 {
    match activation {
        Activation::None => 0,
        Activation::Gelu => 1,
        Activation::GeluTanh => 2,
        Activation::Relu => 3,
        Activation::Tanh => 4,
    }
}

impl Shader {
    fn new(template: &'static str, inputs: u32, definitions: Definitions) -> Self {
        Self { template, definitions, inputs }
    }

    /// Returns the WGSL text.
    ///
    /// # Errors
    /// `INTERNAL` if the template is wrong.
    pub(super) fn wgsl(&self) -> Result<String> {
        if self.definitions.value("CORRUPT").is_some() {
            return Ok("This is no shader.".into());
        }
        let template = text(self.template).ok_or_else(|| packing_failed("there is no such shader"))?;
        expand(template, &self.definitions, &text)
    }

    /// Returns the shader with an injected fault, for tests: parameter `fault` makes the results of one
    /// workgroup wrong.
    pub(super) fn with_fault(mut self) -> Self {
        self.definitions = self.definitions.flag("FAULT");
        self
    }

    /// Returns a `Linear` that computes in f32. `has_factors`: it multiplies its inputs by factors first.
    pub(super) fn linear(variant: LinearVariant, format: WeightFormat, has_factors: bool) -> Self {
        let format_flag = match format {
            WeightFormat::F32 => "F32",
            WeightFormat::F16 => "F16",
            WeightFormat::I8 => "I8",
            WeightFormat::I4 => "I4",
        };
        let definitions = Definitions::default()
            .flag(format_flag)
            .flag_if("FACTORS", has_factors)
            .with("BLOCKS_BINDING", 5 + u32::from(has_factors));
        let inputs = 3 + u32::from(has_factors) + u32::from(format == WeightFormat::I4);
        let (side, quads) = match variant {
            LinearVariant::FewRows => return Self::new("linear_few_rows", inputs, definitions),
            LinearVariant::Tiled8 => (8, 2),
            LinearVariant::Tiled4 => (16, 1),
        };
        let tile = 16 * (side * quads + 1);
        let definitions = definitions
            .with("THREADS", side * side)
            .with("THREAD_COLUMNS", side)
            .with("THREAD_ROWS", side)
            .with("ROW_QUADS", quads)
            .with("COLUMN_QUADS", quads)
            .with("ROWS", 4 * quads)
            .with("TILE_ROW_QUADS", side * quads)
            .with("TILE_COLUMN_QUADS", side * quads)
            .with("TILE_X", tile)
            .with("TILE_W", tile);
        Self::new("linear", inputs, definitions)
    }

    /// Returns the `Linear` of quantized rows and int8 weights.
    pub(super) fn linear_i8_exact() -> Self {
        Self::new("linear_i8_exact", 3, Definitions::default())
    }

    /// Returns the `Linear` of rows that are quantized in blocks, and int8 weights.
    pub(super) fn linear_i8_blocks() -> Self {
        Self::new("linear_i8_blocks", 3, Definitions::default())
    }

    /// Returns the check of the sums of a product's rows.
    pub(super) fn linear_check() -> Self {
        Self::new("linear_check", 3, Definitions::default())
    }

    pub(super) fn quantize_rows(has_factors: bool) -> Self {
        Self::quantize("quantize_rows", has_factors)
    }

    pub(super) fn quantize_blocks(has_factors: bool) -> Self {
        Self::quantize("quantize_blocks", has_factors)
    }

    fn quantize(template: &'static str, has_factors: bool) -> Self {
        let definitions = Definitions::default()
            .flag_if("FACTORS", has_factors)
            .with("LEAST_BITS", MIN_ROW_MAGNITUDE.to_bits());
        Self::new(template, 1 + u32::from(has_factors), definitions)
    }

    /// Returns the attention of heads of a multiple of 4 columns, or `None` for heads that are too wide.
    pub(super) fn attention(spec: &AttentionSpec) -> Option<Self> {
        let head_quads = (spec.head_size / 4) as u32;
        let fits = |queries: u32| {
            let keys = 2 * queries;
            16 * (queries * head_quads + keys * (head_quads + 1)) + 4 * queries * keys <= WORKGROUP_BYTES
        };
        let queries = [16, 8, 4, 2].into_iter().find(|queries| fits(*queries))?;
        let lanes = 64 / queries;
        let definitions = Definitions::default()
            .flag_if("CLIP", spec.score_range != UNBOUNDED)
            .with("QUERIES", queries)
            .with("KEYS", 2 * queries)
            .with("HEAD_QUADS", head_quads)
            .with("LANE_QUADS", head_quads.div_ceil(lanes))
            .with("TILE_Q", queries * head_quads)
            .with("TILE", 2 * queries * (head_quads + 1))
            .with("SCORES", 2 * queries * queries);
        Some(Self::new("attention", 4, definitions))
    }

    /// Returns the queries of a workgroup of [`Self::attention`].
    pub(super) fn attention_queries(&self) -> usize {
        self.definitions.value("QUERIES").unwrap_or(1) as usize
    }

    pub(super) fn embed(words: WeightFormat, has_types: bool, has_positions: bool) -> Self {
        let is_int8 = words == WeightFormat::I8;
        let definitions = Definitions::default()
            .flag(if is_int8 { "I8" } else { "F32" })
            .flag_if("TYPES", has_types)
            .flag_if("POSITIONS", has_positions);
        Self::new("embed", 4 + u32::from(is_int8), definitions)
    }

    pub(super) fn add_norm() -> Self {
        Self::new("add_norm", 3, Definitions::default())
    }

    pub(super) fn clip(has_plus: bool) -> Self {
        let definitions = Definitions::default().flag_if("PLUS", has_plus);
        Self::new("clip", 2 + u32::from(has_plus), definitions)
    }

    pub(super) fn select_rows() -> Self {
        Self::new("select_rows", 2, Definitions::default())
    }

    pub(super) fn mean_rows() -> Self {
        Self::new("mean_rows", 2, Definitions::default())
    }

    pub(super) fn normalize() -> Self {
        Self::new("normalize", 1, Definitions::default())
    }

    /// Returns a shader that no compiler accepts, for tests.
    pub(super) fn corrupt(mut self) -> Self {
        self.definitions = self.definitions.flag("CORRUPT");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_no_comments_but_directives() {
        let text = b"// A comment\n    //#if F32\n    x = a / b;\n\n// last";
        let (all, len) = code::<40>(text);
        assert_eq!(&all[..len], b"//#if F32\nx = a / b;\n\n");
        assert_eq!(code::<0>(text).1, len);
    }
}
