//! Many bytes at a time: the bytes of a text that belong to a set, as bit masks of windows of 64 bytes, and
//! copies a window at a time. AVX-512 or AVX2 where the processor has it, else portable code. No rule of the
//! policy is here.
//!
//! Besides `columns/text_array.rs` and `prefetch.rs`, this is the only room of the crate with `unsafe`, for four reasons:
//! - Vector instructions. They are reached only through an [`Avx2`] or [`Avx512`], which exists only after
//!   the processor was asked. Loads and stores take slices whose bounds Rust has checked, or go under a mask
//!   made of the slice's length. Nothing is read behind the end of a text.
//! - [`dispatch`] calls functions compiled for these instructions, with the proof in hand.
//! - A cast of initialised bytes to possibly uninitialised ones.
//! - `Vec::set_len` after a copy, over bytes that were just written: see [`Copier`] and [`append_run`].
//!
//! Tests and a fuzz target compare all kinds with each other and with plain loops.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod byte_set;
mod copy;
mod portable;

use std::mem::MaybeUninit;

pub(super) use self::byte_set::ByteSet;
pub(super) use self::copy::{Copier, append_run};
pub(super) use self::portable::Portable;

/// Bytes that one load takes.
const LANE: usize = 32;
/// Bytes that one mask tells about.
pub(super) const WINDOW: usize = 64;

/// Operations on a window: 64 bytes of a text, or what is left of it. Bit *i* of a mask is byte *i*.
pub(super) trait Lanes: Copy {
    type Window: Copy;
    /// The choice that these are.
    fn choice(self) -> Choice;
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

/// Proof that the processor has AVX2 and the bit instructions that came with it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

/// Proof that the processor has AVX-512 for bytes, and AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

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

/// A text that is looked at in windows.
#[derive(Clone, Copy)]
pub(super) struct Text<'t>(pub &'t [u8]);

impl Text<'_> {
    /// The byte at `at`; 0 behind the end.
    #[inline(always)]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The three bytes at `at`; 0 for those behind the end.
    #[inline(always)]
    pub(super) fn three(&self, at: usize) -> [u8; 3] {
        match self.0.get(at..at + 3) {
            Some(&[one, two, three]) => [one, two, three],
            _ => [self.byte(at), self.byte(at + 1), 0],
        }
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

    /// Where bytes of the set stand; places behind the end may be set or not.
    #[inline(always)]
    pub(super) fn within(&self, set: &ByteSet) -> u64 {
        self.lanes.within(&self.bytes, set)
    }

    /// Every place behind the end of the text.
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        from(self.rest)
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
