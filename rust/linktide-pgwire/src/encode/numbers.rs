//! Numbers as PostgreSQL writes them.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};

/// Digits of 10,000 that hold any 128-bit integer at any scale we meet.
const MOST_DIGITS: usize = 32;
const NEGATIVE: u16 = 0x4000;

/// A floating-point number in the fewest digits that read back the same, as PostgreSQL has since version 12.
///
/// `most_plain` is the exponent from which on it is written in scientific form: 15, and 6 for `real`.
pub(crate) fn float_text(out: &mut BytesMut, scientific: &str, is_finite: bool, most_plain: i32) {
    if !is_finite {
        out.put_slice(match scientific {
            "inf" => b"Infinity",
            "-inf" => b"-Infinity",
            _ => b"NaN",
        });
        return;
    }
    // Rust writes the shortest digits as d.ddde±x.
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    out.put_slice(sign.as_bytes());
    if (-4..most_plain).contains(&exponent) {
        plain(out, &digits, exponent);
    } else {
        out.put_slice(mantissa.as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.abs());
    }
}

fn plain(out: &mut BytesMut, digits: &str, exponent: i32) {
    let digits = digits.as_bytes();
    if exponent < 0 {
        out.put_slice(b"0.");
        out.put_bytes(b'0', (-exponent - 1) as usize);
        out.put_slice(digits);
        return;
    }
    let whole = exponent as usize + 1;
    match digits.split_at_checked(whole) {
        Some((before, [])) => out.put_slice(before),
        Some((before, after)) => {
            out.put_slice(before);
            out.put_u8(b'.');
            out.put_slice(after);
        }
        None => {
            out.put_slice(digits);
            out.put_bytes(b'0', whole - digits.len());
        }
    }
}

/// A decimal: `value` · 10^-`scale`.
pub(crate) fn decimal_text(out: &mut BytesMut, value: i128, scale: i8) {
    if value < 0 {
        out.put_u8(b'-');
    }
    let magnitude = value.unsigned_abs();
    match u32::try_from(scale) {
        Ok(0) => {
            let _ = write!(out, "{magnitude}");
        }
        Ok(scale) => {
            let unit = 10_u128.saturating_pow(scale);
            let _ = write!(out, "{}.{:0width$}", magnitude / unit, magnitude % unit, width = scale as usize);
        }
        Err(_) => {
            let _ = write!(out, "{magnitude}");
            if magnitude != 0 {
                out.put_bytes(b'0', usize::from(scale.unsigned_abs()));
            }
        }
    }
}

/// A decimal in PostgreSQL's binary `numeric`: digits of 10,000, the weight of the first, sign, scale.
pub(crate) fn decimal_binary(out: &mut BytesMut, value: i128, scale: i8) {
    let scale = usize::from(scale.max(0).unsigned_abs());
    let mut rest = value.unsigned_abs();
    let mut digits = [0_u16; MOST_DIGITS];
    let mut count = 0;
    // The last digit holds the decimals that do not fill four.
    let odd = (scale % 4) as u32;
    let mut take = |digit: u16| {
        if let Some(place) = digits.get_mut(count) {
            *place = digit;
            count += 1;
        }
    };
    if odd > 0 {
        let unit = 10_u128.pow(odd);
        take((rest % unit) as u16 * 10_u16.pow(4 - odd));
        rest /= unit;
    }
    while rest > 0 {
        take((rest % 10_000) as u16);
        rest /= 10_000;
    }
    let behind = scale.div_ceil(4);
    // Least significant first; zeros at either end are not sent.
    let digits = digits.get(..count).unwrap_or_default();
    let skipped = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = digits.get(skipped..).unwrap_or_default();
    let top = digits.iter().rposition(|digit| *digit != 0).map_or(0, |place| place + 1);
    let digits = digits.get(..top).unwrap_or_default();
    let weight = if digits.is_empty() { 0 } else { (skipped + top) as i16 - behind as i16 - 1 };
    out.put_i16(digits.len() as i16);
    out.put_i16(weight);
    out.put_u16(if value < 0 { NEGATIVE } else { 0 });
    out.put_i16(scale as i16);
    for digit in digits.iter().rev() {
        out.put_u16(*digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = BytesMut::new();
        float_text(&mut out, &format!("{value:e}"), value.is_finite(), 15);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn floats_read_as_postgres_writes_them() {
        // Taken from PostgreSQL 15.
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    fn decimal(value: i128, scale: i8) -> String {
        let mut out = BytesMut::new();
        decimal_text(&mut out, value, scale);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(decimal(0, 0), "0");
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(150, 1), "15.0");
        assert_eq!(decimal(i128::MAX, 0), i128::MAX.to_string());
        assert_eq!(decimal(i128::MIN, 0), i128::MIN.to_string());
    }

    /// Reads back what `decimal_binary` wrote, by the definition of the format.
    fn read_back(value: i128, scale: i8) -> (i128, i16) {
        let mut out = BytesMut::new();
        decimal_binary(&mut out, value, scale);
        let word = |at: usize| i16::from_be_bytes([out[at], out[at + 1]]);
        let (count, weight, sign, shown) = (word(0), word(2), word(4) as u16, word(6));
        assert_eq!(out.len(), 8 + 2 * count as usize);
        let mut whole = 0_i128;
        for place in 0..count {
            let digit = i128::from(word(8 + 2 * place as usize));
            assert!((0..10_000).contains(&digit));
            let power = i32::from(weight - place) * 4 + i32::from(shown);
            whole += if power >= 0 {
                digit * 10_i128.pow(power as u32)
            } else {
                digit / 10_i128.pow(-power as u32)
            };
        }
        (if sign == NEGATIVE { -whole } else { whole }, shown)
    }

    #[test]
    fn binary_decimals_read_back() {
        for scale in [0, 1, 2, 3, 4, 5, 9] {
            for value in
                [0, 1, -1, 7, 9_999, 10_000, 10_001, -123_456_789, 5_000_000_000_000, 10_i128.pow(30)]
            {
                assert_eq!(read_back(value, scale), (value, i16::from(scale)), "{value} at {scale}");
            }
        }
    }
}
