//! Calls jobs with the current instruction set.

#[cfg(target_arch = "x86_64")]
use super::avx2::{Avx2, AvxVnni};
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512Vnni;
#[cfg(not(target_arch = "aarch64"))]
use super::base::Base;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::instruction_set::InstructionSet;
#[cfg(target_arch = "aarch64")]
use super::neon_sets::{Neon as Base, NeonDot};
use super::wide::Job;

/// Calls `job` with the current instruction set.
#[inline(always)]
pub fn choose<J: Job>(job: J) -> J::Output {
    // SAFETY: the current set is one that the machine has.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        match InstructionSet::current() {
            InstructionSet::Avx2 => return job.run(Avx2::assume()),
            InstructionSet::AvxVnni => return job.run(AvxVnni::assume()),
            InstructionSet::Avx512Vnni => return job.run(Avx512Vnni::assume()),
            _ => {}
        }
    }
    #[cfg(target_arch = "aarch64")]
    if InstructionSet::current() == InstructionSet::NeonDot {
        // SAFETY: the current set is one that the machine has.
        return job.run(unsafe { NeonDot::assume() });
    }
    job.run(Base)
}
