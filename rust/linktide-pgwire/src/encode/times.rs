//! Dates and times as PostgreSQL writes them; all times with a zone are shown in UTC.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's day 0.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_US: i64 = EPOCH_DAYS as i64 * DAY_US;
const DAY_US: i64 = 86_400_000_000;

/// What DuckDB has for `infinity`; PostgreSQL has the ends of the range.
const INFINITE_DAYS: i32 = i32::MAX;
const INFINITE_US: i64 = i64::MAX;

pub(crate) fn date_text(out: &mut BytesMut, days: i32) {
    match days {
        INFINITE_DAYS => out.put_slice(b"infinity"),
        days if days == -INFINITE_DAYS => out.put_slice(b"-infinity"),
        _ => {
            let is_bc = put_date(out, i64::from(days));
            put_bc(out, is_bc);
        }
    }
}

pub(crate) fn date_binary(out: &mut BytesMut, days: i32) {
    out.put_i32(match days {
        INFINITE_DAYS => i32::MAX,
        days if days == -INFINITE_DAYS => i32::MIN,
        _ => days.saturating_sub(EPOCH_DAYS),
    });
}

/// A time of day in µs.
pub(crate) fn time_text(out: &mut BytesMut, us: i64) {
    let seconds = us / 1_000_000;
    let hours = seconds / 3600;
    let (hour, minute, second) = (two(hours), two(seconds / 60 % 60), two(seconds % 60));
    let rest = [b':', minute[0], minute[1], b':', second[0], second[1]];
    if hours < 100 {
        out.put_slice(&hour);
    } else {
        let _ = write!(out, "{hours}");
    }
    out.put_slice(&rest);
    let fraction = us % 1_000_000;
    if fraction != 0 {
        let parts = [two(fraction / 10_000), two(fraction / 100 % 100), two(fraction % 100)];
        let digits = parts.as_flattened();
        let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or_default();
        out.put_u8(b'.');
        out.put_slice(digits.get(..=last).unwrap_or_default());
    }
}

/// The two digits of a number from 0 to 99; times are most of what is written, and `write!` takes several times
/// as long.
fn two(number: i64) -> [u8; 2] {
    let number = number as u8;
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// An instant in µs since 1970.
pub(crate) fn timestamp_text(out: &mut BytesMut, us: i64, has_zone: bool) {
    match us {
        INFINITE_US => out.put_slice(b"infinity"),
        us if us == -INFINITE_US => out.put_slice(b"-infinity"),
        _ => {
            let is_bc = put_date(out, us.div_euclid(DAY_US));
            out.put_u8(b' ');
            time_text(out, us.rem_euclid(DAY_US));
            if has_zone {
                out.put_slice(b"+00");
            }
            put_bc(out, is_bc);
        }
    }
}

pub(crate) fn timestamp_binary(out: &mut BytesMut, us: i64) {
    out.put_i64(match us {
        INFINITE_US => i64::MAX,
        us if us == -INFINITE_US => i64::MIN,
        _ => us.saturating_sub(EPOCH_US),
    });
}

/// An interval: `1 year 2 mons 3 days 04:05:06`.
pub(crate) fn interval_text(out: &mut BytesMut, months: i32, days: i32, us: i64) {
    let mut has_part = false;
    for (count, one, many) in
        [(months / 12, "year", "years"), (months % 12, "mon", "mons"), (days, "day", "days")]
    {
        if count != 0 {
            let space = if has_part { " " } else { "" };
            let _ = write!(out, "{space}{count} {}", if count == 1 { one } else { many });
            has_part = true;
        }
    }
    if us != 0 || !has_part {
        if has_part {
            out.put_u8(b' ');
        }
        if us < 0 {
            out.put_u8(b'-');
        }
        time_text(out, us.saturating_abs());
    }
}

pub(crate) fn interval_binary(out: &mut BytesMut, months: i32, days: i32, us: i64) {
    out.put_i64(us);
    out.put_i32(days);
    out.put_i32(months);
}

/// Write a civil date; tell whether it is before year 1, which the end of the text must say.
fn put_date(out: &mut BytesMut, days: i64) -> bool {
    let (year, month, day) = civil(days);
    let (shown, is_bc) = if year > 0 { (year, false) } else { (1 - year, true) };
    let (century, year, month, day) = (two(shown / 100), two(shown % 100), two(month), two(day));
    if shown < 10_000 {
        out.put_slice([century, year].as_flattened());
    } else {
        let _ = write!(out, "{shown}");
    }
    out.put_slice(&[b'-', month[0], month[1], b'-', day[0], day[1]]);
    is_bc
}

fn put_bc(out: &mut BytesMut, is_bc: bool) {
    if is_bc {
        out.put_slice(b" BC");
    }
}

/// Year, month and day of a day since 1970-01-01, proleptic Gregorian (H. Hinnant, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn times_read_as_postgres_writes_them() {
        assert_eq!(text(|out| date_text(out, 0)), "1970-01-01");
        assert_eq!(text(|out| date_text(out, EPOCH_DAYS)), "2000-01-01");
        assert_eq!(text(|out| date_text(out, 11_016)), "2000-02-29");
        assert_eq!(text(|out| date_text(out, -719_163)), "0001-12-31 BC");
        assert_eq!(text(|out| date_text(out, i32::MAX)), "infinity");
        assert_eq!(text(|out| timestamp_text(out, 0, true)), "1970-01-01 00:00:00+00");
        assert_eq!(text(|out| timestamp_text(out, -1, false)), "1969-12-31 23:59:59.999999");
        assert_eq!(text(|out| timestamp_text(out, 1_500_000, true)), "1970-01-01 00:00:01.5+00");
        assert_eq!(text(|out| time_text(out, DAY_US)), "24:00:00");
        assert_eq!(text(|out| time_text(out, 123 * 3_600_000_000 + 10_200)), "123:00:00.0102");
        assert_eq!(text(|out| date_text(out, 2_932_896)), "9999-12-31");
        assert_eq!(text(|out| date_text(out, 2_932_897)), "10000-01-01");
        assert_eq!(text(|out| interval_text(out, 14, 3, 1_000_000)), "1 year 2 mons 3 days 00:00:01");
        assert_eq!(text(|out| interval_text(out, 0, 0, -1_500_000)), "-00:00:01.5");
        assert_eq!(text(|out| interval_text(out, 0, 0, 0)), "00:00:00");
    }

    #[test]
    fn binary_times_count_from_the_year_2000() {
        let mut out = BytesMut::new();
        date_binary(&mut out, EPOCH_DAYS);
        timestamp_binary(&mut out, EPOCH_US + 1);
        assert_eq!(&out[..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
