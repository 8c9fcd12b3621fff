//! The Python names that the pickle of a checkpoint may contain.

/// The functions and classes that a checkpoint may name. None of them is called. A dictionary class is
/// read as a dictionary, `torch.rs` interprets the tensor functions, and all others (training arguments
/// and similar) are ignored.
const KNOWN_GLOBALS: &[&str] = &[
    "collections.OrderedDict",
    "collections.defaultdict",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2",
    "torch.Tensor",
    "torch.nn.parameter.Parameter",
    "torch.Size",
    "torch.device",
    "torch.storage.UntypedStorage",
    "argparse.Namespace",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "_codecs.encode",
    "builtins.set",
    "__builtin__.set",
];

/// Returns true if a checkpoint may name this class or function, `module.name`.
pub(super) fn is_known(global: &str) -> bool {
    // Also accepted: `torch.FloatStorage`, `torch.cuda.HalfStorage`, `torch.float32`.
    let (module, name) = global.rsplit_once('.').unwrap_or(("", global));
    let storage = matches!(module, "torch" | "torch.cuda" | "torch.storage") && name.ends_with("Storage");
    let dtype = module == "torch"
        && ["float", "double", "half", "bfloat", "int", "uint", "long", "short", "bool", "complex"]
            .iter()
            .any(|kind| {
                name.strip_prefix(kind).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            });
    storage || dtype || KNOWN_GLOBALS.contains(&global)
}
