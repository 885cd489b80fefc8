//! Copies of a text to the end of a buffer.

use super::{LANE, Lanes, MaybeUninit, Text, WINDOW, Window};

/// Copies a text to the end of a buffer, unchanged, window by window, while it is being looked at.
///
/// Nothing of it counts until [`Self::finish`].
pub(in super::super) struct Copier<'t, 'o> {
    text: Text<'t>,
    out: &'o mut Vec<u8>,
    /// So many bytes of the text have been written behind the end of `out`, without a gap.
    filled: usize,
}

impl<'t, 'o> Copier<'t, 'o> {
    #[inline(always)]
    pub(in super::super) fn new(text: Text<'t>, out: &'o mut Vec<u8>) -> Self {
        // A whole window more, for those that reach behind the end of the text.
        let wanted = text.0.len() + WINDOW;
        if out.capacity() - out.len() < wanted {
            out.reserve(wanted);
        }
        Self { text, out, filled: 0 }
    }

    pub(in super::super) const fn text(&self) -> &Text<'t> {
        &self.text
    }

    /// Copy the window at `at`, where the last window or an earlier place of it ends.
    #[inline(always)]
    pub(in super::super) fn window<L: Lanes>(&mut self, lanes: L, at: usize) -> Window<L> {
        let window = self.text.window(lanes, at);
        if at <= self.filled && lanes.store(&window.bytes, at, self.out.spare_capacity_mut()) {
            self.filled = self.filled.max(self.text.0.len().min(at + WINDOW));
        }
        window
    }

    /// Keep the first `count` bytes of those copied and give the buffer back.
    #[inline(always)]
    pub(in super::super) fn finish(self, count: usize) -> &'o mut Vec<u8> {
        let length = self.out.len() + count.min(self.filled);
        // SAFETY: the `filled` bytes behind the old end are initialised, and lie within the capacity, for
        // they were written through `spare_capacity_mut`.
        unsafe { self.out.set_len(length) };
        self.out
    }
}

/// Append `text[from..to]`; short runs in one step.
#[inline(always)]
pub(in super::super) fn append_run(text: &Text<'_>, from: usize, to: usize, out: &mut Vec<u8>) {
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
