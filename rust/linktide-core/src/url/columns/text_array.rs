//! An Arrow array of texts from their bytes and offsets.
//!
//! Normalised URLs are ASCII, which is told much faster than UTF-8 at every offset. So what Arrow would check
//! is checked here, and the array is made without its checks: the one `unsafe` of the columns.
#![allow(unsafe_code)]

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;

/// The texts that end at these offsets, the first of which is 0.
///
/// # Errors
/// If they are no UTF-8, or there are not as many bytes or validities.
///
/// # Panics
/// If the offsets are not in order, as all of arrow does.
pub(super) fn text_array(
    (values, offsets): (Vec<u8>, Vec<i32>),
    nulls: Option<NullBuffer>,
) -> Result<StringArray, ArrowError> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let is_within =
        offsets.last().is_some_and(|&last| usize::try_from(last).is_ok_and(|last| last <= values.len()));
    let has_all_nulls = nulls.as_ref().is_none_or(|nulls| nulls.len() + 1 == offsets.len());
    let is_ascii = values.is_ascii();
    let values = Buffer::from_vec(values);
    if is_within && has_all_nulls && is_ascii {
        // SAFETY: an `OffsetBuffer` is in order and begins at 0 or more, its last is within the values, so all
        // are; every piece of ASCII is UTF-8; and there is a validity for each text or none at all.
        return Ok(unsafe { StringArray::new_unchecked(offsets, values, nulls) });
    }
    StringArray::try_new(offsets, values, nulls)
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::*;

    fn made(values: &str, offsets: &[i32], nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        text_array((values.as_bytes().to_vec(), offsets.to_vec()), nulls)
    }

    #[test]
    fn texts_are_what_arrow_makes_of_them() {
        let nulls = Some(NullBuffer::from(vec![true, false, true]));
        for values in ["abcde", "äbcd"] {
            let array = made(values, &[0, 2, 2, 5], nulls.clone()).unwrap();
            let wanted = [values.get(..2), None, values.get(2..5)];
            assert_eq!(array, wanted.into_iter().collect::<StringArray>());
        }
        assert_eq!(made("", &[0], None).unwrap().len(), 0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(made("abc", &[0, 4], None).is_err());
        assert!(made("äb", &[0, 1, 3], None).is_err());
        assert!(made("abc", &[0, 3], Some(NullBuffer::new_valid(2))).is_err());
    }
}
