//! Many bytes at a time: the bytes of a text that belong to a set, as bit masks of windows of 64 bytes, and
//! copies in steps of 32. AVX2 where the processor has it, else portable code. No rule of the policy is here.
//!
//! This is the only file of the crate with `unsafe`, for four reasons:
//! - AVX2 instructions. They are reached only through an [`Avx2`], which exists only after the processor was
//!   asked. All loads and stores take slices and arrays whose bounds Rust has checked.
//! - [`dispatch`] calls a function compiled for AVX2, with an [`Avx2`] in hand.
//! - A cast of initialised bytes to possibly uninitialised ones.
//! - `Vec::set_len` after a copy, over bytes that were just written: see [`Copier`] and [`append_run`].
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

/// Bytes that one load takes.
const LANE: usize = 32;
/// Bytes that one mask tells about.
pub(super) const WINDOW: usize = 64;

/// A set of byte values.
pub(super) struct ByteSet {
    /// Non-zero where the set holds the byte.
    table: [u8; 256],
    /// The set as the AND of two tables, by the low and by the high half of the byte: `low[b & 15] &
    /// high[b >> 4]` is non-zero where the set holds `b`. Each bit stands for the high halves that have the
    /// same low halves in the set.
    low: [u8; 16],
    high: [u8; 16],
}

impl ByteSet {
    /// The bytes whose entry has one of `bits`. Fails to compile for a set too ragged for the two tables.
    #[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
    pub(super) const fn new(classes: &[u8; 256], bits: u8) -> Self {
        let mut set = Self { table: [0; 256], low: [0; 16], high: [0; 16] };
        let mut rows = [0_u16; 8];
        let mut used = 0;
        let mut high = 0;
        while high < 16 {
            let mut row = 0_u16;
            let mut low = 0;
            while low < 16 {
                set.table[high * 16 + low] = classes[high * 16 + low] & bits;
                row |= ((set.table[high * 16 + low] != 0) as u16) << low;
                low += 1;
            }
            let mut index = 0;
            while index < used && rows[index] != row {
                index += 1;
            }
            if row != 0 {
                rows[index] = row;
                used = if index == used { used + 1 } else { used };
                set.high[high] = 1 << index;
            }
            high += 1;
        }
        let mut low = 0;
        while low < 16 {
            let mut index = 0;
            while index < used {
                set.low[low] |= ((rows[index] >> low & 1) as u8) << index;
                index += 1;
            }
            low += 1;
        }
        set
    }

    /// Whether the set holds `byte`.
    pub(super) fn holds(&self, byte: u8) -> bool {
        self.table.get(usize::from(byte)).is_some_and(|&entry| entry != 0)
    }
}

/// Operations on a window: 64 bytes of a text, or what is left of it. Bit *i* of a mask is byte *i*.
pub(super) trait Lanes: Copy {
    type Window: Copy;
    /// The bytes of `text` from `at` on.
    fn load(self, text: &[u8], at: usize) -> Self::Window;
    /// Write the bytes of `window`, which was loaded at `at`, to the same place of `spare`, and perhaps other
    /// bytes of the text to theirs, and any bytes behind its end. False if `spare` has too little room.
    fn store(self, window: &Self::Window, at: usize, spare: &mut [MaybeUninit<u8>]) -> bool;
    /// Where the byte (not 0) stands.
    fn equal(self, window: &Self::Window, byte: u8) -> u64;
    /// Where bytes of the set stand. Places behind the end of the text may be set or not.
    fn within(self, window: &Self::Window, set: &ByteSet) -> u64;
}

/// Without special instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    type Window = [u8; WINDOW];

    #[inline(always)]
    fn load(self, text: &[u8], at: usize) -> [u8; WINDOW] {
        let rest = text.get(at..).unwrap_or_default();
        if let Some(window) = rest.first_chunk() {
            return *window;
        }
        let mut window = [0; WINDOW];
        if let Some(part) = window.get_mut(..rest.len()) {
            part.copy_from_slice(rest);
        }
        window
    }

    #[inline(always)]
    fn store(self, window: &[u8; WINDOW], at: usize, spare: &mut [MaybeUninit<u8>]) -> bool {
        let Some(place) = spare.get_mut(at..).and_then(<[_]>::first_chunk_mut::<WINDOW>) else {
            return false;
        };
        // SAFETY: both are 64 bytes, and any byte may be a possibly uninitialised one.
        *place = unsafe { std::mem::transmute::<[u8; WINDOW], [MaybeUninit<u8>; WINDOW]>(*window) };
        true
    }

    /// Eight bytes at a time in a 64-bit word.
    #[inline(always)]
    fn equal(self, window: &[u8; WINDOW], byte: u8) -> u64 {
        const LOW: u64 = 0x0101_0101_0101_0101;
        const SEVEN: u64 = 0x7F * LOW;
        let (words, _) = window.as_chunks::<8>();
        words.iter().rev().fold(0, |mask, word| {
            let differing = u64::from_le_bytes(*word) ^ (u64::from(byte) * LOW);
            let equal = !(((differing & SEVEN) + SEVEN) | differing | SEVEN) >> 7;
            mask << 8 | equal.wrapping_mul(0x0102_0408_1020_4080) >> 56
        })
    }

    #[inline(always)]
    fn within(self, window: &[u8; WINDOW], set: &ByteSet) -> u64 {
        window.iter().rev().fold(0, |mask, &byte| mask << 1 | u64::from(set.holds(byte)))
    }
}

/// Proof that the processor has AVX2 and the bit instructions that came with it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

/// Proof that the processor has AVX-512 for bytes, and AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

// The methods must be inlined into a function compiled for the instructions, which only `inline(always)`
// grants, and closures and loops over lanes would not be. Called from elsewhere they are slow, but right.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_cmpeq_epi32, _mm256_cmpgt_epi32, _mm256_loadu_si256, _mm256_maskload_epi32,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setr_epi32,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
    };

    use super::{Avx2, ByteSet, LANE, Lanes, MaybeUninit};

    /// 32 loaded bytes of a text.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Lane {
        vector: __m256i,
        /// Where they begin in the text.
        start: usize,
        /// How many of them lie before the place they were wanted for; all of them if 32 or more.
        shift: usize,
    }

    impl Lanes for Avx2 {
        type Window = [Lane; 2];

        /// A load that would reach behind the end begins earlier, and its masks are shifted.
        #[inline(always)]
        fn load(self, text: &[u8], at: usize) -> [Lane; 2] {
            let last = text.len().saturating_sub(LANE);
            let (start, next) = (at.min(last), (at + LANE).min(last));
            let one = self.lane(text, start);
            let two = if text.len() <= LANE { one } else { self.lane(text, next) };
            [
                Lane { vector: one, start, shift: at - start },
                Lane { vector: two, start: next, shift: at + LANE - next },
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

    impl Avx2 {
        #[inline(always)]
        fn lane(self, text: &[u8], start: usize) -> __m256i {
            match text.get(start..start + LANE) {
                // SAFETY: 32 readable bytes, any alignment; `self` proves AVX2.
                Some(bytes) => unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) },
                None => self.short_lane(text),
            }
        }

        /// A text shorter than a lane, and zeros after it: whole words of four bytes by a masked load, which
        /// does not touch what the mask leaves out; the last one to three bytes from a word that ends with
        /// them.
        #[inline(always)]
        fn short_lane(self, text: &[u8]) -> __m256i {
            let (whole, odd) = (text.len() / 4, text.len() % 4);
            let tail = match text.last_chunk::<4>() {
                Some(word) => u64::from(u32::from_le_bytes(*word)) >> (32 - 8 * odd),
                None => text.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte)),
            };
            // SAFETY: the mask lets only words through that lie within `text`; `self` proves AVX2.
            unsafe {
                let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                let whole = _mm256_set1_epi32(whole as i32);
                let head = _mm256_maskload_epi32(text.as_ptr().cast(), _mm256_cmpgt_epi32(whole, places));
                let tail = _mm256_set1_epi32(tail as i32);
                _mm256_or_si256(head, _mm256_and_si256(tail, _mm256_cmpeq_epi32(whole, places)))
            }
        }
    }

    /// One mask of two; the second shift may be as large as 63, and then nothing is left.
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
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm_loadu_si128, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask,
        _mm512_maskz_loadu_epi8, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16,
        _mm512_storeu_si512, _mm512_test_epi8_mask,
    };

    use super::{Avx512, ByteSet, Lanes, MaybeUninit, WINDOW, from};

    impl Lanes for Avx512 {
        type Window = __m512i;

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
}

/// Work to be compiled once for each kind of lanes.
pub(super) trait Task {
    type Output;
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// The lanes to use, asked of the processor once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Choice {
    /// All that this processor can do, the best last.
    pub(super) fn all() -> Vec<Self> {
        let mut choices = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
        {
            choices.push(Self::Avx2(Avx2(())));
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                choices.push(Self::Avx512(Avx512(())));
            }
        }
        choices
    }

    pub(super) fn best() -> Self {
        Self::all().pop().unwrap_or(Self::Portable)
    }
}

/// Run the task with the chosen lanes.
#[inline(always)]
pub(super) fn dispatch<T: Task>(choice: Choice, task: T) -> T::Output {
    match choice {
        Choice::Portable => task.run(Portable),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Avx2` exists only if the processor has these features.
        Choice::Avx2(lanes) => unsafe { run_avx2(lanes, task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Avx512` exists only if the processor has these features.
        Choice::Avx512(lanes) => unsafe { run_avx512(lanes, task) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn run_avx2<T: Task>(lanes: Avx2, task: T) -> T::Output {
    task.run(lanes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt")]
fn run_avx512<T: Task>(lanes: Avx512, task: T) -> T::Output {
    task.run(lanes)
}

/// Have the processor fetch what lies there, without waiting for it.
#[inline(always)]
pub(super) fn prefetch<T>(place: &T) {
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

/// A text that is looked at in windows.
#[derive(Clone, Copy)]
pub(super) struct Text<'t>(pub &'t [u8]);

impl Text<'_> {
    /// The byte at `at`; 0 behind the end.
    #[inline(always)]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The first eight bytes as a little-endian number; 0 if there are fewer.
    #[inline(always)]
    pub(super) fn head(&self) -> u64 {
        self.0.first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// The 64 bytes from `at` on.
    #[inline(always)]
    pub(super) fn window<L: Lanes>(&self, lanes: L, at: usize) -> Window<L> {
        Window { lanes, bytes: lanes.load(self.0, at), rest: self.0.len().saturating_sub(at) }
    }
}

/// 64 bytes of a text, or what is left of it.
#[derive(Clone, Copy)]
pub(super) struct Window<L: Lanes> {
    lanes: L,
    bytes: L::Window,
    rest: usize,
}

impl<L: Lanes> Window<L> {
    /// Where the byte (not 0) stands.
    #[inline(always)]
    pub(super) fn equal(&self, byte: u8) -> u64 {
        self.lanes.equal(&self.bytes, byte)
    }

    /// Where bytes of the set stand, and every place behind the end of the text.
    #[inline(always)]
    pub(super) fn within_or_end(&self, set: &ByteSet) -> u64 {
        self.lanes.within(&self.bytes, set) | from(self.rest)
    }
}

/// The bits below the lowest one of `mask`; all if it has none.
#[inline(always)]
pub(super) fn below_first(mask: u64) -> u64 {
    !mask & mask.wrapping_sub(1)
}

/// The bits from `place` on; none if it is 64 or more.
#[inline(always)]
pub(super) fn from(place: usize) -> u64 {
    if place >= WINDOW { 0 } else { u64::MAX << place }
}

/// Copies a text to the end of a buffer, unchanged, window by window, while it is being looked at.
///
/// Nothing of it counts until [`Self::finish`].
pub(super) struct Copier<'t, 'o> {
    text: Text<'t>,
    out: &'o mut Vec<u8>,
    /// So many bytes of the text have been written behind the end of `out`, without a gap.
    filled: usize,
}

impl<'t, 'o> Copier<'t, 'o> {
    #[inline(always)]
    pub(super) fn new(text: Text<'t>, out: &'o mut Vec<u8>) -> Self {
        // A whole window more, for those that reach behind the end of the text.
        let wanted = text.0.len() + WINDOW;
        if out.capacity() - out.len() < wanted {
            out.reserve(wanted);
        }
        Self { text, out, filled: 0 }
    }

    pub(super) const fn text(&self) -> &Text<'t> {
        &self.text
    }

    /// Copy the window at `at`, where the last window or an earlier place of it ends.
    #[inline(always)]
    pub(super) fn window<L: Lanes>(&mut self, lanes: L, at: usize) -> Window<L> {
        let window = self.text.window(lanes, at);
        if at <= self.filled && lanes.store(&window.bytes, at, self.out.spare_capacity_mut()) {
            self.filled = self.filled.max(self.text.0.len().min(at + WINDOW));
        }
        window
    }

    /// Keep the first `count` bytes of those copied and give the buffer back.
    #[inline(always)]
    pub(super) fn finish(self, count: usize) -> &'o mut Vec<u8> {
        let length = self.out.len() + count.min(self.filled);
        // SAFETY: the `filled` bytes behind the old end are initialised, and lie within the capacity, for
        // they were written through `spare_capacity_mut`.
        unsafe { self.out.set_len(length) };
        self.out
    }
}

/// Finds the bytes of a set one after another.
pub(super) struct Stops<'t, L> {
    lanes: L,
    text: Text<'t>,
    set: &'static ByteSet,
    /// Where the window begins that `mask` is of.
    base: usize,
    mask: u64,
}

impl<'t, L: Lanes> Stops<'t, L> {
    #[inline(always)]
    pub(super) fn new(lanes: L, text: Text<'t>, set: &'static ByteSet, at: usize) -> Self {
        Self { lanes, text, set, base: at, mask: text.window(lanes, at).within_or_end(set) }
    }

    /// Where from `read` on the first byte of the set is, or the end of the text.
    #[inline(always)]
    pub(super) fn next(&mut self, mut read: usize) -> usize {
        loop {
            let offset = read.wrapping_sub(self.base);
            if offset < WINDOW {
                let left = self.mask >> offset;
                if left != 0 {
                    return (read + left.trailing_zeros() as usize).min(self.text.0.len());
                }
                read = self.base + WINDOW;
            }
            self.base = read;
            self.mask = self.text.window(self.lanes, read).within_or_end(self.set);
        }
    }
}

/// Append `text[from..to]`; short runs in one step.
#[inline(always)]
pub(super) fn append_run(text: &Text<'_>, from: usize, to: usize, out: &mut Vec<u8>) {
    let rest = text.0.get(from..).unwrap_or_default();
    let count = to.wrapping_sub(from);
    if count <= LANE
        && let Some(lane) = rest.first_chunk::<LANE>()
    {
        if out.capacity() - out.len() < LANE {
            out.reserve(LANE);
        }
        if let Some(place) = out.spare_capacity_mut().first_chunk_mut::<LANE>() {
            // SAFETY: both are 32 bytes, and any byte may be a possibly uninitialised one. Of these bytes
            // behind the old end, which lie within the capacity, at most all are kept.
            unsafe {
                *place = std::mem::transmute::<[u8; LANE], [MaybeUninit<u8>; LANE]>(*lane);
                out.set_len(out.len() + count);
            }
            return;
        }
    }
    out.extend_from_slice(text.0.get(from..to).unwrap_or_default());
}
