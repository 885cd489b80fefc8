//! Two lanes of 32 bytes by AVX2.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_cmpeq_epi32, _mm256_cmpgt_epi32, _mm256_loadu_si256, _mm256_maskload_epi32, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
};

use super::{Avx2, ByteSet, Choice, LANE, Lanes, MaybeUninit};

/// 32 loaded bytes of a text.
#[derive(Clone, Copy)]
pub(in super::super) struct Lane {
    vector: __m256i,
    /// Where they begin in the text.
    start: usize,
    /// How many of them lie before the place they were wanted for: all of them if 32 or more. At most 63.
    shift: usize,
}

impl Lanes for Avx2 {
    type Window = [Lane; 2];

    #[inline(always)]
    fn choice(self) -> Choice {
        Choice::Avx2(self)
    }

    /// A load that would reach behind the end begins earlier, and its masks are shifted.
    #[inline(always)]
    fn load(self, text: &[u8], at: usize) -> [Lane; 2] {
        let last = text.len().saturating_sub(LANE);
        let (start, next) = (at.min(last), (at + LANE).min(last));
        let one = lane(self, text, start);
        let two = if text.len() <= LANE { one } else { lane(self, text, next) };
        [
            Lane { vector: one, start, shift: (at - start).min(63) },
            Lane { vector: two, start: next, shift: (at + LANE - next).min(63) },
        ]
    }

    #[inline(always)]
    fn store(self, window: &[Lane; 2], _at: usize, spare: &mut [MaybeUninit<u8>]) -> bool {
        store(&window[0], spare) && store(&window[1], spare)
    }

    #[inline(always)]
    fn equal(self, window: &[Lane; 2], byte: u8) -> u64 {
        join(window, equal(window[0].vector, byte), equal(window[1].vector, byte))
    }

    #[inline(always)]
    fn within(self, window: &[Lane; 2], set: &ByteSet) -> u64 {
        join(window, within(window[0].vector, set), within(window[1].vector, set))
    }
}

#[inline(always)]
fn lane(_proof: Avx2, text: &[u8], start: usize) -> __m256i {
    match text.get(start..start + LANE) {
        // SAFETY: 32 readable bytes, any alignment; the proof is there.
        Some(bytes) => unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) },
        None => short_lane(text),
    }
}

/// A text shorter than a lane, and zeros after it: whole words of four bytes by a masked load, which does not
/// touch what the mask leaves out; the last one to three bytes from a word that ends with them.
#[inline(always)]
fn short_lane(text: &[u8]) -> __m256i {
    let (whole, odd) = (text.len() / 4, text.len() % 4);
    let tail = match text.last_chunk::<4>() {
        Some(word) => u64::from(u32::from_le_bytes(*word)) >> (32 - 8 * odd),
        None => text.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte)),
    };
    // SAFETY: the mask lets only words through that lie within `text`; only `lane` calls this, with a proof.
    unsafe {
        let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let whole = _mm256_set1_epi32(whole as i32);
        let head = _mm256_maskload_epi32(text.as_ptr().cast(), _mm256_cmpgt_epi32(whole, places));
        let tail = _mm256_set1_epi32(tail as i32);
        _mm256_or_si256(head, _mm256_and_si256(tail, _mm256_cmpeq_epi32(whole, places)))
    }
}

/// One mask of two; of a shift of 32 or more nothing is left.
#[inline(always)]
fn join(window: &[Lane; 2], one: u32, two: u32) -> u64 {
    (u64::from(one) >> (window[0].shift & 63)) | (u64::from(two) >> (window[1].shift & 63)) << LANE
}

#[inline(always)]
fn store(lane: &Lane, spare: &mut [MaybeUninit<u8>]) -> bool {
    let Some(place) = spare.get_mut(lane.start..).and_then(<[_]>::first_chunk_mut::<LANE>) else {
        return false;
    };
    // SAFETY: 32 writable bytes, any alignment; that there is a `Lane` proves AVX2.
    unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), lane.vector) };
    true
}

#[inline(always)]
fn equal(vector: __m256i, byte: u8) -> u32 {
    // SAFETY: called with the vector of a `Lane`, which proves AVX2.
    unsafe {
        let equal = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte.cast_signed()));
        _mm256_movemask_epi8(equal).cast_unsigned()
    }
}

#[inline(always)]
fn within(vector: __m256i, set: &ByteSet) -> u32 {
    // SAFETY: called with the vector of a `Lane`, which proves AVX2; the tables have 16 bytes each.
    unsafe {
        let low = _mm256_broadcastsi128_si256(_mm_loadu_si128(set.low.as_ptr().cast()));
        let high = _mm256_broadcastsi128_si256(_mm_loadu_si128(set.high.as_ptr().cast()));
        let half = _mm256_set1_epi8(15);
        let low = _mm256_shuffle_epi8(low, _mm256_and_si256(vector, half));
        let high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16::<4>(vector), half));
        let outside = _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
        !_mm256_movemask_epi8(outside).cast_unsigned()
    }
}
