//! Reading numbers off the front of a slice. Every function returns None at the end of the bytes.

/// The next `N` bytes.
#[inline]
pub(super) fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

/// The next `length` bytes.
#[inline]
pub(super) fn take_slice<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(head)
}

/// A zigzag number of up to 64 bits; also None if it is longer than that.
#[inline]
pub(super) fn varlong(input: &mut &[u8]) -> Option<i64> {
    let (&first, rest) = input.split_first()?;
    *input = rest;
    let raw = if first < 0x80 { u64::from(first) } else { long_form(input, first)? };
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// A zigzag number that must fit 32 bits.
#[inline]
pub(super) fn varint(input: &mut &[u8]) -> Option<i32> {
    i32::try_from(varlong(input)?).ok()
}

#[inline]
fn long_form(input: &mut &[u8], first: u8) -> Option<u64> {
    let mut raw = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        // The tenth byte has room for one bit only.
        if shift == 63 && byte > 1 {
            return None;
        }
        raw |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(raw);
        }
    }
    None
}
