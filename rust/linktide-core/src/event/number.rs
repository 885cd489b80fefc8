//! JSON numbers read exactly: an epoch in milliseconds with a fraction must not pass through a float.

/// A number of at most 64 bits, cut towards zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scaled {
    pub(super) value: i64,
    /// False if digits were cut off.
    pub(super) is_exact: bool,
}

/// A JSON number times 10^`places`; `None` if it does not fit. The text was checked by the scanner.
pub(super) fn scaled(number: &str, places: i64) -> Option<Scaled> {
    let (sign, unsigned) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = whole.bytes().chain(fraction.bytes()).skip_while(|&digit| digit == b'0').peekable();
    if digits.peek().is_none() {
        return Some(Scaled { value: 0, is_exact: true });
    }
    let zeros = whole.bytes().chain(fraction.bytes()).take_while(|&digit| digit == b'0').count();
    // An exponent that does not fit is beyond everything upwards, and nothing at all downwards.
    let beyond = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    let exponent = exponent.parse::<i64>().unwrap_or(beyond);
    let kept = exponent.saturating_add(whole.len() as i64 - zeros as i64 + places);
    if kept > 19 {
        return None;
    }
    let mut value = 0_i64;
    for _ in 0..kept {
        let digit = digits.next().unwrap_or(b'0') - b'0';
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    Some(Scaled { value: sign * value, is_exact: digits.all(|digit| digit == b'0') })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_exact_or_said_to_be_cut() {
        for (number, places, wanted) in [
            ("1700000000000.123", 3, Some((1_700_000_000_000_123, true))),
            ("1700000000000.1239", 3, Some((1_700_000_000_000_123, false))),
            ("0.001", 3, Some((1, true))),
            ("0.0001", 3, Some((0, false))),
            ("-2.50e1", 0, Some((-25, true))),
            ("0e999", 0, Some((0, true))),
            ("9223372036854775807", 0, Some((i64::MAX, true))),
            ("9223372036854775808", 0, None),
            ("1e19", 0, None),
            ("1e99999999999999999999", 0, None),
            ("1e-99999999999999999999", 0, Some((0, false))),
        ] {
            let scaled = scaled(number, places).map(|number| (number.value, number.is_exact));
            assert_eq!(scaled, wanted, "{number}");
        }
    }

    proptest! {
        #[test]
        fn a_moved_point_changes_nothing(value in any::<i64>(), places in 0_usize..25) {
            prop_assume!(value != i64::MIN);
            let moved = format!("{value}{}e-{places}", "0".repeat(places));
            if let Some(number) = scaled(&moved, 0) {
                prop_assert_eq!(number, Scaled { value, is_exact: true });
            }
            let point = format!("{:.1}", value / 10).replace(".0", "") + &format!(".{}", (value % 10).abs());
            prop_assert_eq!(scaled(&point, 1).map(|n| n.value.abs()), Some(value.abs()));
        }
    }
}
