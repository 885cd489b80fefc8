//! Has the processor fetch what is read soon, so that cache misses overlap.
#![allow(unsafe_code)]

/// Have the processor fetch what lies there, if anything does, without waiting for it.
#[inline]
pub(crate) fn prefetch<T>(place: Option<&T>) {
    let Some(place) = place else { return };
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing; every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(place).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
