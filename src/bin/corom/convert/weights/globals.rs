//! The Python names that a checkpoint's pickle may have in it.

/// The functions and classes that a checkpoint may name. None is called: a
/// dictionary class is read as a dictionary, the tensor ones are understood by
/// the caller, the rest is noted and ignored (training arguments and the like).
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

/// Whether a checkpoint may name this class or function, `module.name`.
pub(crate) fn is_known(global: &str) -> bool {
    // `torch.FloatStorage` and its like, `torch.cuda.HalfStorage`, `torch.float32`.
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
