//! One window of 64 bytes by AVX-512, which loads and compares under a mask.

use std::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask,
    _mm512_maskz_loadu_epi8, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_storeu_si512,
    _mm512_test_epi8_mask,
};

use super::{Avx512, ByteSet, Choice, Lanes, MaybeUninit, WINDOW, from};

impl Lanes for Avx512 {
    type Window = __m512i;

    #[inline(always)]
    fn choice(self) -> Choice {
        Choice::Avx512(self)
    }

    #[inline(always)]
    fn load(self, text: &[u8], at: usize) -> __m512i {
        let rest = text.get(at..).unwrap_or_default();
        // SAFETY: the mask lets only bytes through that lie within `rest`, and a masked load does not
        // touch the others; `self` proves AVX-512.
        unsafe { _mm512_maskz_loadu_epi8(!from(rest.len()), rest.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, window: &__m512i, at: usize, spare: &mut [MaybeUninit<u8>]) -> bool {
        let Some(place) = spare.get_mut(at..).and_then(<[_]>::first_chunk_mut::<WINDOW>) else {
            return false;
        };
        // SAFETY: 64 writable bytes, any alignment; `self` proves AVX-512.
        unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), *window) };
        true
    }

    #[inline(always)]
    fn equal(self, window: &__m512i, byte: u8) -> u64 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_cmpeq_epi8_mask(*window, _mm512_set1_epi8(byte.cast_signed())) }
    }

    #[inline(always)]
    fn within(self, window: &__m512i, set: &ByteSet) -> u64 {
        // SAFETY: `self` proves AVX-512; the tables have 16 bytes each.
        unsafe {
            let low = _mm512_broadcast_i32x4(_mm_loadu_si128(set.low.as_ptr().cast()));
            let high = _mm512_broadcast_i32x4(_mm_loadu_si128(set.high.as_ptr().cast()));
            let half = _mm512_set1_epi8(15);
            let low = _mm512_shuffle_epi8(low, _mm512_and_si512(*window, half));
            let high = _mm512_shuffle_epi8(high, _mm512_and_si512(_mm512_srli_epi16::<4>(*window), half));
            _mm512_test_epi8_mask(low, high)
        }
    }
}
