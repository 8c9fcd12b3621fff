//! Declarations of an input or an output in a file, for checks and messages.

use super::onnx::ValueInfo;

/// Returns the number of columns of an output, if the file states it.
pub(in crate::encoder) fn declared_width(value: &ValueInfo) -> Option<usize> {
    value.dims.as_ref()?.last().copied().flatten()
}

/// Lists values for a message: `a`, `b` [2, ?, 768].
pub(in crate::encoder) fn describe(values: &[ValueInfo]) -> String {
    let name = |value: &ValueInfo| match &value.dims {
        None => format!("`{}`", value.name),
        Some(dims) => {
            let dims: Vec<String> = dims.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
            format!("`{}` [{}]", value.name, dims.join(", "))
        }
    };
    values.iter().map(name).collect::<Vec<_>>().join(", ")
}
