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

/// Operations on 32 bytes. Bit *i* of a mask is byte *i*.
pub(super) trait Lanes: Copy {
    type Vector: Copy;
    fn load(self, bytes: &[u8; LANE]) -> Self::Vector;
    /// Fewer bytes than a lane has, and zeros after them.
    fn load_short(self, bytes: &[u8]) -> Self::Vector;
    fn store(self, vector: Self::Vector, out: &mut [MaybeUninit<u8>; LANE]);
    fn equal(self, vector: Self::Vector, byte: u8) -> u32;
    fn within(self, vector: Self::Vector, set: &ByteSet) -> u32;
}

/// Without special instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    type Vector = [u8; LANE];

    #[inline(always)]
    fn load(self, bytes: &[u8; LANE]) -> [u8; LANE] {
        *bytes
    }

    #[inline(always)]
    fn load_short(self, bytes: &[u8]) -> [u8; LANE] {
        let mut lane = [0; LANE];
        for (to, from) in lane.iter_mut().zip(bytes) {
            *to = *from;
        }
        lane
    }

    #[inline(always)]
    fn store(self, vector: [u8; LANE], out: &mut [MaybeUninit<u8>; LANE]) {
        // SAFETY: both are 32 bytes, and any byte may be an uninitialised one.
        *out = unsafe { std::mem::transmute::<[u8; LANE], [MaybeUninit<u8>; LANE]>(vector) };
    }

    /// Eight bytes at a time in a 64-bit word.
    #[inline(always)]
    fn equal(self, vector: [u8; LANE], byte: u8) -> u32 {
        const LOW: u64 = 0x0101_0101_0101_0101;
        const SEVEN: u64 = 0x7F * LOW;
        let (words, _) = vector.as_chunks::<8>();
        words.iter().rev().fold(0, |mask, word| {
            let differing = u64::from_le_bytes(*word) ^ (u64::from(byte) * LOW);
            let equal = !(((differing & SEVEN) + SEVEN) | differing | SEVEN) >> 7;
            mask << 8 | (equal.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
        })
    }

    #[inline(always)]
    fn within(self, vector: [u8; LANE], set: &ByteSet) -> u32 {
        vector.iter().rev().fold(0, |mask, &byte| mask << 1 | u32::from(set.holds(byte)))
    }
}

/// Proof that the processor has AVX2 and the bit instructions that came with it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_cmpeq_epi32, _mm256_cmpgt_epi32, _mm256_loadu_si256, _mm256_maskload_epi32,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setr_epi32,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
    };

    use super::{Avx2, ByteSet, LANE, Lanes, MaybeUninit};

    // The methods must be inlined into a function compiled for AVX2, which only `inline(always)` grants;
    // called from elsewhere they would be slow, but still right.
    impl Lanes for Avx2 {
        type Vector = __m256i;

        #[inline(always)]
        fn load(self, bytes: &[u8; LANE]) -> __m256i {
            // SAFETY: 32 readable bytes, any alignment; `self` proves AVX2.
            unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
        }

        /// Whole words of four bytes by a masked load, which does not touch what the mask leaves out; the
        /// last one to three bytes from a word that ends with them.
        #[inline(always)]
        fn load_short(self, bytes: &[u8]) -> __m256i {
            let (whole, odd) = (bytes.len() / 4, bytes.len() % 4);
            let tail = match bytes.last_chunk::<4>() {
                Some(word) => u64::from(u32::from_le_bytes(*word)) >> (32 - 8 * odd),
                None => bytes.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte)),
            };
            // SAFETY: the mask lets only words through that lie within `bytes`; `self` proves AVX2.
            unsafe {
                let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                let whole = _mm256_set1_epi32(whole as i32);
                let head = _mm256_maskload_epi32(bytes.as_ptr().cast(), _mm256_cmpgt_epi32(whole, places));
                let tail = _mm256_set1_epi32(tail as i32);
                _mm256_or_si256(head, _mm256_and_si256(tail, _mm256_cmpeq_epi32(whole, places)))
            }
        }

        #[inline(always)]
        fn store(self, vector: __m256i, out: &mut [MaybeUninit<u8>; LANE]) {
            // SAFETY: 32 writable bytes, any alignment; `self` proves AVX2.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) }
        }

        #[inline(always)]
        fn equal(self, vector: __m256i, byte: u8) -> u32 {
            // SAFETY: `self` proves AVX2.
            unsafe {
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte.cast_signed())))
                    .cast_unsigned()
            }
        }

        #[inline(always)]
        fn within(self, vector: __m256i, set: &ByteSet) -> u32 {
            // SAFETY: `self` proves AVX2; the tables have 16 bytes each.
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
}

impl Choice {
    /// The best that this processor has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
        {
            return Self::Avx2(Avx2(()));
        }
        Self::Portable
    }
}

/// Run the task with the chosen lanes.
#[inline]
pub(super) fn dispatch<T: Task>(choice: Choice, task: T) -> T::Output {
    match choice {
        Choice::Portable => task.run(Portable),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Avx2` exists only if the processor has all four features.
        Choice::Avx2(lanes) => unsafe { run_avx2(lanes, task) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn run_avx2<T: Task>(lanes: Avx2, task: T) -> T::Output {
    task.run(lanes)
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

    /// The 64 bytes from `at` on. A load that would reach behind the end begins earlier, and its masks are
    /// shifted.
    #[inline(always)]
    pub(super) fn window<L: Lanes>(&self, lanes: L, at: usize) -> Window<L> {
        let last = self.0.len().saturating_sub(LANE);
        let (start, next) = (at.min(last), (at + LANE).min(last));
        let one = self.lane(lanes, start);
        let two = if self.0.len() <= LANE { one } else { self.lane(lanes, next) };
        Window {
            lanes,
            one: Lane { vector: one, start, shift: at - start },
            two: Lane { vector: two, start: next, shift: at + LANE - next },
            rest: self.0.len().saturating_sub(at),
        }
    }

    #[inline(always)]
    fn lane<L: Lanes>(&self, lanes: L, start: usize) -> L::Vector {
        match self.0.get(start..start + LANE).and_then(<[u8]>::first_chunk) {
            Some(bytes) => lanes.load(bytes),
            None => lanes.load_short(self.0),
        }
    }
}

/// 32 loaded bytes of a text.
#[derive(Clone, Copy)]
struct Lane<V> {
    vector: V,
    /// Where they begin in the text.
    start: usize,
    /// How many of them lie before the place they were wanted for; all of them if 32 or more.
    shift: usize,
}

/// 64 bytes of a text, or what is left of it.
#[derive(Clone, Copy)]
pub(super) struct Window<L: Lanes> {
    lanes: L,
    one: Lane<L::Vector>,
    two: Lane<L::Vector>,
    rest: usize,
}

impl<L: Lanes> Window<L> {
    // Written out twice: a closure or a loop over the lanes would not be inlined with the instructions.
    #[inline(always)]
    fn join(&self, one: u32, two: u32) -> u64 {
        (u64::from(one) >> (self.one.shift & 63)) | (u64::from(two) >> (self.two.shift & 63)) << LANE
    }

    /// Where the byte (not 0) stands.
    #[inline(always)]
    pub(super) fn equal(&self, byte: u8) -> u64 {
        self.join(self.lanes.equal(self.one.vector, byte), self.lanes.equal(self.two.vector, byte))
    }

    /// Where bytes of the set stand, and every place behind the end of the text.
    #[inline(always)]
    pub(super) fn within_or_end(&self, set: &ByteSet) -> u64 {
        let (one, two) = (self.lanes.within(self.one.vector, set), self.lanes.within(self.two.vector, set));
        self.join(one, two) | !below(self.rest)
    }
}

/// The lowest `count` bits.
#[inline(always)]
pub(super) fn below(count: usize) -> u64 {
    if count >= WINDOW { u64::MAX } else { (1 << count) - 1 }
}

/// Copies a text to the end of a buffer, unchanged, window by window, while it is being looked at.
///
/// Nothing of it counts until [`Self::finish`].
pub(super) struct Copier<'t, 'o> {
    text: Text<'t>,
    out: &'o mut Vec<u8>,
    /// So many bytes behind the end of `out` have been written, without a gap, within its capacity.
    filled: usize,
}

impl<'t, 'o> Copier<'t, 'o> {
    #[inline(always)]
    pub(super) fn new(text: Text<'t>, out: &'o mut Vec<u8>) -> Self {
        out.reserve(text.0.len().max(LANE));
        Self { text, out, filled: 0 }
    }

    pub(super) const fn text(&self) -> &Text<'t> {
        &self.text
    }

    /// Copy the window at `at`, where the last window or an earlier place of it ends.
    #[inline(always)]
    pub(super) fn window<L: Lanes>(&mut self, lanes: L, at: usize) -> Window<L> {
        let window = self.text.window(lanes, at);
        self.store(lanes, &window.one);
        self.store(lanes, &window.two);
        window
    }

    /// Bytes [start, start + 32) of the text come to the same place of the output, so that it does not
    /// matter if some of them were there before.
    #[inline(always)]
    fn store<L: Lanes>(&mut self, lanes: L, lane: &Lane<L::Vector>) {
        if lane.start <= self.filled
            && let Some(rest) = self.out.spare_capacity_mut().get_mut(lane.start..)
            && let Some(place) = rest.first_chunk_mut()
        {
            lanes.store(lane.vector, place);
            self.filled = self.filled.max(lane.start + LANE);
        }
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
    let count = to.wrapping_sub(from);
    let rest = text.0.get(from..).unwrap_or_default();
    if count <= LANE
        && let Some(lane) = rest.first_chunk::<LANE>()
    {
        out.reserve(LANE);
        if let Some(place) = out.spare_capacity_mut().first_chunk_mut::<LANE>() {
            Portable.store(*lane, place);
            // SAFETY: `count` is at most 32, and 32 bytes behind the old end were just written within the
            // capacity.
            unsafe { out.set_len(out.len() + count) };
            return;
        }
    }
    out.extend_from_slice(text.0.get(from..to).unwrap_or_default());
}
