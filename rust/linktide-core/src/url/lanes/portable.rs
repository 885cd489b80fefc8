//! A window of 64 bytes without special instructions.

use super::{ByteSet, Choice, Lanes, MaybeUninit, WINDOW};

/// Without special instructions.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Portable;

impl Lanes for Portable {
    type Window = [u8; WINDOW];

    #[inline(always)]
    fn choice(self) -> Choice {
        Choice::Portable
    }

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
