//! Instants: RFC 3339 with an offset, or milliseconds since 1970, to µs in UTC.

use super::json::{Kind, Raw};
use super::number::scaled;
use super::reason::{Reason, Rejection, shown};
use super::text::unescape;

/// 1990-01-01T00:00:00Z: no web page is older.
pub const EARLIEST_US: i64 = 631_152_000_000_000;

/// How far `observed_at` may run ahead of the record: clocks differ, years do not.
pub const AHEAD_US: i64 = 3_600_000_000;

const DAY_US: i64 = 86_400_000_000;
const MINUTE_US: i64 = 60_000_000;

/// Why a text is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFault {
    Format,
    NoOffset,
    Overflow,
}

/// Reads `observed_at`, µs since 1970 in UTC; digits beyond µs are cut off.
pub(super) fn observed_at(raw: Raw<'_>, record_time_us: i64) -> Result<i64, Rejection> {
    let parsed = match raw.kind {
        Kind::Number => scaled(raw.text, 3).map(|us| us.value).ok_or(TimeFault::Overflow),
        Kind::Plain | Kind::Escaped => rfc3339(unescape(raw).as_bytes()),
        other => {
            let detail =
                format!("observed_at is {}, wanted RFC 3339 text or epoch milliseconds", other.name());
            return Err(Rejection::new(Reason::WrongType, detail));
        }
    };
    let latest = record_time_us.saturating_add(AHEAD_US);
    let (reason, what) = match parsed {
        Ok(at) if at < EARLIEST_US && raw.kind == Kind::Number => {
            (Reason::TimeRange, "lies before 1990; a number is read as milliseconds, not seconds")
        }
        Ok(at) if at < EARLIEST_US => (Reason::TimeRange, "lies before 1990"),
        Ok(at) if at > latest => (Reason::TimeRange, "is later than the record's own time plus one hour"),
        Ok(at) => return Ok(at),
        Err(TimeFault::Overflow) => (Reason::TimeRange, "is beyond every calendar"),
        Err(TimeFault::NoOffset) => (Reason::TimeRange, "has no offset; end it with Z or ±hh:mm"),
        Err(TimeFault::Format) => (Reason::TimeFormat, "is no RFC 3339 date and time with offset"),
    };
    Err(Rejection::new(reason, format!("observed_at {} {what}", shown(raw.text))))
}

/// RFC 3339, with `t`, `z` and a space between date and time allowed, and any number of fraction digits.
///
/// A leap second (`23:59:60` in UTC) has no number of its own here: it is read as the last µs of its day, so it stays
/// in its day and behind everything observed before it. `:60` at any other minute is no time.
pub(super) fn rfc3339(text: &[u8]) -> Result<i64, TimeFault> {
    let (head, rest) = text.split_first_chunk::<19>().ok_or(TimeFault::Format)?;
    let (fraction_us, offset) = fraction(rest)?;
    let minute_us = minute_of(head).ok_or(TimeFault::Format)?;
    let second = two(head.get(17..)).filter(|&second| second <= 60).ok_or(TimeFault::Format)?;
    if offset.is_empty() {
        return Err(TimeFault::NoOffset);
    }
    let minute_us = minute_us - offset_us(offset).ok_or(TimeFault::Format)?;
    if second < 60 {
        return Ok(minute_us + second * 1_000_000 + fraction_us);
    }
    let is_last_minute = minute_us.rem_euclid(DAY_US) == DAY_US - MINUTE_US;
    if is_last_minute { Ok(minute_us + MINUTE_US - 1) } else { Err(TimeFault::Format) }
}

/// The start of the minute of `YYYY-MM-DDThh:mm:..`, as if its offset were zero.
fn minute_of(head: &[u8; 19]) -> Option<i64> {
    let marks = [4, 7, 10, 13, 16].map(|at| head.get(at).copied().unwrap_or_default());
    let [b'-', b'-', b'T' | b't' | b' ', b':', b':'] = marks else { return None };
    let year = two(head.get(0..))? * 100 + two(head.get(2..))?;
    let (month, day) = (two(head.get(5..))?, two(head.get(8..))?);
    let (hour, minute) = (two(head.get(11..))?, two(head.get(14..))?);
    let is_real = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_real || hour > 23 || minute > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * DAY_US + (hour * 60 + minute) * MINUTE_US)
}

/// `YYYY-MM-DD` as days since 1970.
pub(super) fn day_of(text: &[u8]) -> Option<i32> {
    let [_, _, _, _, b'-', _, _, b'-', _, _] = text else { return None };
    let year = two(text.get(0..))? * 100 + two(text.get(2..))?;
    let (month, day) = (two(text.get(5..))?, two(text.get(8..))?);
    let is_real = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    is_real.then(|| days_since_1970(year, month, day) as i32)
}

fn two(digits: Option<&[u8]>) -> Option<i64> {
    match digits? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar (H. Hinnant, `chrono`-Compatible Low-Level Date Algorithms).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The fraction in µs, and what follows it.
fn fraction(rest: &[u8]) -> Result<(i64, &[u8]), TimeFault> {
    let Some((b'.', after)) = rest.split_first() else { return Ok((0, rest)) };
    let length = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return Err(TimeFault::Format);
    }
    let (digits, offset) = after.split_at_checked(length).ok_or(TimeFault::Format)?;
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Ok((padded.fold(0, |us, digit| us * 10 + i64::from(digit - b'0')), offset))
}

fn offset_us(offset: &[u8]) -> Option<i64> {
    let (sign, digits) = match offset {
        [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let [_, _, b':', minutes @ ..] = digits else { return None };
    let (hours, minutes) = (two(Some(digits))?, two(Some(minutes)).filter(|_| minutes.len() == 2)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * MINUTE_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> Result<i64, TimeFault> {
        rfc3339(text.as_bytes())
    }

    #[test]
    fn the_forms_of_one_instant() {
        let wanted = us("2026-01-31T12:00:00Z").unwrap();
        assert_eq!(wanted, 1_769_860_800_000_000);
        for text in [
            "2026-01-31t12:00:00z",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00.000000999Z",
            "2026-01-31T12:00:00.0000009999999999Z",
            "2026-01-31T12:00:00+00:00",
            "2026-01-31T12:00:00-00:00",
            "2026-02-01T02:30:00+14:30",
            "2026-01-30T23:00:00-13:00",
        ] {
            assert_eq!(us(text), Ok(wanted), "{text}");
        }
        assert_eq!(us("2026-01-31T12:00:00.1Z"), Ok(wanted + 100_000));
        assert_eq!(us("1969-12-31T23:59:59.5Z"), Ok(-500_000));
        assert_eq!(us("0000-02-29T00:00:00Z"), Ok(-62_162_121_600_000_000));
    }

    #[test]
    fn a_day_is_a_date_and_no_more() {
        for (text, day) in [("1970-01-01", Some(0)), ("2024-02-29", Some(19_782)), ("1969-12-31", Some(-1))] {
            assert_eq!(day_of(text.as_bytes()), day, "{text}");
        }
        for text in ["", "2023-02-29", "2024-13-01", "2024-1-01", "2024-01-01T00", "2024/01/01", "+024-01-01"]
        {
            assert_eq!(day_of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn other_forms_are_none() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00Z",
            "20260131T120000Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00,5Z",
            "2026-01-01T00:00:00+0530",
            "2026-01-01T00:00:00+05",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+05:60",
            "2026-01-01T00:00:00+05:300",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00 Z",
            "2026-01-01_00:00:00Z",
            "2026-01-01T00:00:0\u{661}Z",
            "+2026-01-01T00:00:00Z",
            "1769860800000",
        ] {
            assert_eq!(us(text), Err(TimeFault::Format), "{text}");
        }
        assert_eq!(us("2026-01-01T00:00:00"), Err(TimeFault::NoOffset));
        assert_eq!(us("2026-01-01T00:00:00.5"), Err(TimeFault::NoOffset));
    }

    #[test]
    fn a_leap_second_is_the_last_instant_of_its_day() {
        let last = us("2016-12-31T23:59:59.999999Z").unwrap();
        assert_eq!(us("2016-12-31T23:59:60Z"), Ok(last));
        assert_eq!(us("2017-01-01T05:29:60.75+05:30"), Ok(last));
        assert_eq!(us("2016-12-31T23:58:60Z"), Err(TimeFault::Format));
        assert_eq!(us("2016-12-31T23:59:60+01:00"), Err(TimeFault::Format));
    }

    fn at(text: &str, kind: Kind) -> Result<i64, Reason> {
        const RECORD_US: i64 = 1_785_542_400_000_000;
        observed_at(Raw { text, kind }, RECORD_US).map_err(|rejection| rejection.reason)
    }

    #[test]
    fn the_range_ends_one_hour_after_the_record() {
        for (text, wanted) in [
            ("1785546000000", Ok(1_785_546_000_000_000)),
            ("1785546000000.001", Err(Reason::TimeRange)),
            ("1785546000000.0009", Ok(1_785_546_000_000_000)),
            ("631152000000", Ok(EARLIEST_US)),
            ("631151999999.9999", Err(Reason::TimeRange)),
            ("1.7855424e12", Ok(1_785_542_400_000_000)),
            ("-1", Err(Reason::TimeRange)),
            ("0", Err(Reason::TimeRange)),
            ("1e400", Err(Reason::TimeRange)),
            ("1e99999999999999999999", Err(Reason::TimeRange)),
        ] {
            assert_eq!(at(text, Kind::Number), wanted, "{text}");
        }
        assert_eq!(at("\"2026-08-01T01:00:00Z\"", Kind::Plain), Ok(1_785_546_000_000_000));
        assert_eq!(at("\"2026-08-01T01:00:00.000001Z\"", Kind::Plain), Err(Reason::TimeRange));
        assert_eq!(at("\"1989-12-31T23:59:59Z\"", Kind::Plain), Err(Reason::TimeRange));
        assert_eq!(at("\"2026-07-01T00:00:00\\u005a\"", Kind::Escaped), Ok(1_782_864_000_000_000));
    }
}
