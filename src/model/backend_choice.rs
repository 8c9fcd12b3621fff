//! The back end and the kernels that a load asks for.

use crate::encoder::{BackendChoice, KernelChoice};
use crate::self_test::SelfTest;

use super::options::LoadOptions;

/// Returns the kernels to run. The fastest ones are relaxed, which lose too much for some models: the converter
/// has measured it.
pub(super) fn allowed_kernel(options: &LoadOptions, self_test: Option<&SelfTest>) -> KernelChoice {
    match options.kernel {
        KernelChoice::Fastest(_) if self_test.is_some_and(|test| !test.allows("relaxed")) => {
            KernelChoice::Exact
        }
        kernel => kernel,
    }
}

/// Returns what runs the graph.
pub(super) fn backend(options: &LoadOptions) -> BackendChoice {
    #[cfg(feature = "cli")]
    if options.second_opinion {
        return BackendChoice::TractOnnx;
    }
    if options.unfused { BackendChoice::Unfused } else { BackendChoice::Auto }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cpu::kernels::linear::Kernel;
    use crate::self_test::VectorError;

    #[test]
    fn relaxed_kernels_run_unless_the_converter_measured_too_large_an_error() {
        let fastest = LoadOptions { kernel: KernelChoice::Fastest(|| 0.0), ..LoadOptions::default() };
        let test = |cosine| {
            let measured = [("relaxed".to_owned(), VectorError { cosine, norm_error: 0.0 })].into();
            SelfTest { measured, ..SelfTest::default() }
        };
        let is_exact = |options: &LoadOptions, test: Option<&SelfTest>| {
            matches!(allowed_kernel(options, test), KernelChoice::Exact)
        };
        assert!(!is_exact(&fastest, None));
        assert!(!is_exact(&fastest, Some(&SelfTest::default())));
        assert!(!is_exact(&fastest, Some(&test(0.99))));
        assert!(is_exact(&fastest, Some(&test(0.97))));
        // A caller who names a kernel gets it, and the self-test says whether it is good enough.
        let kernel = KernelChoice::Fixed(Kernel::RelaxedI16);
        assert!(!is_exact(&LoadOptions { kernel, ..fastest }, Some(&test(0.97))));
    }
}
