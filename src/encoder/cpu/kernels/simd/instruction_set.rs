//! The instruction sets that the kernels are compiled for, and the choice at run time.

#[cfg(target_arch = "x86_64")]
use super::avx2::{Avx2, AvxVnni};
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512Vnni;
#[cfg(target_arch = "aarch64")]
use super::neon_sets::NeonDot;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::self_check;
#[cfg(not(target_arch = "wasm32"))]
use std::cell::Cell;

/// The instructions that the kernels use. Every set gives the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// The set that every machine of this architecture has: `simd128`, SSE2 or NEON, and
    /// on all others plain arrays.
    Base,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX2 and AVX-VNNI.
    AvxVnni,
    /// x86-64 with AVX-512 (F, BW, VL) and AVX-512-VNNI.
    Avx512Vnni,
    /// aarch64 with the dot product of bytes (part of Armv8.4, an extension of Armv8.2).
    NeonDot,
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    /// The set that [`InstructionSet::with`] chose for this thread.
    static CHOSEN: Cell<Option<InstructionSet>> = const { Cell::new(None) };
}

impl InstructionSet {
    /// All sets, the fastest one last.
    pub const ALL: [Self; 5] = [Self::Base, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni, Self::NeonDot];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base if cfg!(target_arch = "x86_64") => "sse2",
            Self::Base if cfg!(target_feature = "simd128") => "simd128",
            Self::Base if cfg!(target_arch = "aarch64") => "neon",
            Self::Base => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512Vnni => "avx512-vnni",
            Self::NeonDot => "neon-dot",
        }
    }

    /// Returns true if this machine has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Base => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
            _ => false,
        }
    }

    /// Returns the sets that this machine has, the fastest one last.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|set| set.is_available())
    }

    /// Returns true if the machine has the instructions and their products are right.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn passes_self_check(self) -> bool {
        self.is_available()
            && match self {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the machine has the instructions.
                Self::Avx2 => self_check::passes(unsafe { Avx2::assume() }),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the machine has the instructions.
                Self::AvxVnni => self_check::passes(unsafe { AvxVnni::assume() }),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the machine has the instructions.
                Self::Avx512Vnni => self_check::passes(unsafe { Avx512Vnni::assume() }),
                #[cfg(target_arch = "aarch64")]
                // SAFETY: the machine has the instructions.
                Self::NeonDot => self_check::passes(unsafe { NeonDot::assume() }),
                _ => true,
            }
    }

    /// Returns the set that the kernels use on this thread: the fastest one that passes its self-check, unless
    /// [`with`](Self::with) chose another.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn current() -> Self {
        use std::sync::OnceLock;
        static FASTEST: OnceLock<InstructionSet> = OnceLock::new();
        let usable = || Self::ALL.into_iter().rev().find(|set| set.passes_self_check());
        let fastest = || *FASTEST.get_or_init(|| usable().unwrap_or(Self::Base));
        CHOSEN.get().unwrap_or_else(fastest)
    }

    /// Returns the set that the kernels use: a WebAssembly binary has one.
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    pub fn current() -> Self {
        Self::Base
    }

    /// Calls `f`, in which the kernels use this set on this thread. For tests and benchmarks.
    ///
    /// # Panics
    /// If this machine lacks the instructions.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with<T>(self, f: impl FnOnce() -> T) -> T {
        /// Restores the earlier choice, also after a panic.
        struct Restore(Option<InstructionSet>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CHOSEN.set(self.0);
            }
        }
        assert!(self.is_available(), "this machine has no {}", self.name());
        let _restore = Restore(CHOSEN.replace(Some(self)));
        f()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_set_passes_its_self_check() {
        for set in InstructionSet::available() {
            assert!(set.passes_self_check(), "{}", set.name());
        }
    }

    #[test]
    fn a_chosen_set_is_current_on_this_thread_until_the_call_ends() {
        let fastest = InstructionSet::current();
        assert_eq!(Some(fastest), InstructionSet::available().last());
        for set in InstructionSet::available() {
            set.with(|| {
                assert_eq!(InstructionSet::current(), set);
                let other = std::thread::spawn(InstructionSet::current).join().unwrap();
                assert_eq!(other, fastest);
            });
            let panicked = std::panic::catch_unwind(|| set.with(|| std::panic::resume_unwind(Box::new(()))));
            assert!(panicked.is_err());
            assert_eq!(InstructionSet::current(), fastest);
        }
    }
}
