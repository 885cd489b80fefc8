//! Sets of bytes in a form that vector instructions can look up.

/// A set of byte values.
pub(in super::super) struct ByteSet {
    /// Non-zero where the set holds the byte.
    table: [u8; 256],
    /// The set as the AND of two tables, by the low and by the high half of the byte: `low[b & 15] &
    /// high[b >> 4]` is non-zero where the set holds `b`. Each bit stands for the high halves that have the
    /// same low halves in the set.
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

impl ByteSet {
    /// The bytes whose entry has one of `bits`. Fails to compile for a set too ragged for the two tables.
    #[expect(clippy::indexing_slicing, reason = "runs at compile time, where a miss fails the build")]
    pub(in super::super) const fn new(classes: &[u8; 256], bits: u8) -> Self {
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
    pub(in super::super) fn holds(&self, byte: u8) -> bool {
        self.table.get(usize::from(byte)).is_some_and(|&entry| entry != 0)
    }
}
