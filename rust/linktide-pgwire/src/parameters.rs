//! The values a client binds, in text or binary, as the engine takes them.

use std::fmt::Write;

use bytes::{Buf, Bytes, BytesMut};
use pgwire::api::Type;

use crate::encode::{date_text, decimal_text, interval_text, time_text, timestamp_text};
use crate::{Parameter, Refusal};

/// Days and µs from 1970 to PostgreSQL's epoch.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_US: i64 = 946_684_800_000_000;
const MOST_ITEMS: usize = 100_000;

/// Read one value; `pg_type` is what the client said it is, if it did.
///
/// # Errors
/// [`Refusal`] for bytes that are no value of the type, and binary of a type without a reader here.
pub(crate) fn read(
    value: Option<&Bytes>,
    pg_type: Option<&Type>,
    is_binary: bool,
) -> Result<Parameter, Refusal> {
    let Some(value) = value else { return Ok(Parameter::Null) };
    let pg_type = pg_type.unwrap_or(&Type::UNKNOWN);
    if is_binary { binary(value, pg_type) } else { text(value, pg_type) }
}

fn wrong(pg_type: &Type) -> Refusal {
    Refusal::new("22P03", format!("a parameter is no value of the type {}", pg_type.name()))
}

fn text(value: &Bytes, pg_type: &Type) -> Result<Parameter, Refusal> {
    let not_utf8 = |_| Refusal::new("22021", "a parameter is not UTF-8");
    let text = std::str::from_utf8(value).map_err(not_utf8)?;
    let bad = || Refusal::new("22P02", format!("{text:?} is no value of the type {}", pg_type.name()));
    Ok(match *pg_type {
        Type::BOOL => Parameter::Bool(match text.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "1" | "on" | "yes" | "y" => true,
            "f" | "false" | "0" | "off" | "no" | "n" => false,
            _ => return Err(bad()),
        }),
        Type::INT2 | Type::INT4 | Type::INT8 => Parameter::Int(text.trim().parse().map_err(|_| bad())?),
        Type::FLOAT4 | Type::FLOAT8 => Parameter::Float(text.trim().parse().map_err(|_| bad())?),
        Type::BYTEA => Parameter::Bytes(hex(text).ok_or_else(bad)?),
        _ => match (cast_name(pg_type), item_of(pg_type)) {
            (Some(name), _) => Parameter::Cast(text.to_owned(), name),
            (None, Some(item)) => Parameter::List(array(text, &item).ok_or_else(bad)??),
            (None, None) => Parameter::Text(text.to_owned()),
        },
    })
}

/// The engine's name of a type whose values go as text.
fn cast_name(pg_type: &Type) -> Option<&'static str> {
    Some(match *pg_type {
        Type::NUMERIC => "DECIMAL(38,10)",
        Type::DATE => "DATE",
        Type::TIME => "TIME",
        Type::TIMESTAMP => "TIMESTAMP",
        Type::TIMESTAMPTZ => "TIMESTAMPTZ",
        Type::INTERVAL => "INTERVAL",
        Type::UUID => "UUID",
        _ => return None,
    })
}

fn item_of(pg_type: &Type) -> Option<Type> {
    match pg_type.kind() {
        postgres_types::Kind::Array(item) => Some(item.clone()),
        _ => None,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

/// The items of `{a,"b c",NULL}`; none if it is no such text, arrays of arrays among them.
fn array(text: &str, item: &Type) -> Option<Result<Vec<Parameter>, Refusal>> {
    let body = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    if body.is_empty() {
        return Some(Ok(items));
    }
    let mut characters = body.chars().peekable();
    loop {
        let mut one = String::new();
        while characters.next_if(|one| one.is_whitespace()).is_some() {}
        let is_quoted = characters.next_if_eq(&'"').is_some();
        loop {
            match characters.next() {
                Some('\\') => one.push(characters.next()?),
                Some('"') if is_quoted => break,
                Some('{' | '}' | '"' | ',') if !is_quoted => return None,
                Some(other) => one.push(other),
                None if is_quoted => return None,
                None => break,
            }
            if !is_quoted && characters.peek() == Some(&',') {
                break;
            }
        }
        if !is_quoted {
            one.truncate(one.trim_end().len());
        }
        let is_null = !is_quoted && one.eq_ignore_ascii_case("null");
        let value = Bytes::from(one.into_bytes());
        match read((!is_null).then_some(&value), Some(item), false) {
            Ok(value) => items.push(value),
            Err(refusal) => return Some(Err(refusal)),
        }
        while characters.next_if(|one| one.is_whitespace()).is_some() {}
        match characters.next() {
            Some(',') if items.len() < MOST_ITEMS => {}
            None => return Some(Ok(items)),
            _ => return None,
        }
    }
}

fn binary(value: &Bytes, pg_type: &Type) -> Result<Parameter, Refusal> {
    let bad = || wrong(pg_type);
    let whole = |width: usize| if value.len() == width { Ok(value.clone()) } else { Err(bad()) };
    let told = |write: &dyn Fn(&mut BytesMut)| {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    Ok(match *pg_type {
        Type::BOOL => Parameter::Bool(whole(1)?.get_u8() != 0),
        Type::INT2 => Parameter::Int(whole(2)?.get_i16().into()),
        Type::INT4 => Parameter::Int(whole(4)?.get_i32().into()),
        Type::OID => Parameter::Int(whole(4)?.get_u32().into()),
        Type::INT8 => Parameter::Int(whole(8)?.get_i64()),
        Type::FLOAT4 => Parameter::Float(whole(4)?.get_f32().into()),
        Type::FLOAT8 => Parameter::Float(whole(8)?.get_f64()),
        Type::BYTEA => Parameter::Bytes(value.to_vec()),
        Type::DATE => {
            let days = whole(4)?.get_i32().saturating_add(EPOCH_DAYS);
            Parameter::Cast(told(&|out| date_text(out, days)), "DATE")
        }
        Type::TIME => {
            let us = whole(8)?.get_i64();
            Parameter::Cast(told(&|out| time_text(out, us)), "TIME")
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let us = whole(8)?.get_i64().saturating_add(EPOCH_US);
            let has_zone = *pg_type == Type::TIMESTAMPTZ;
            let name = if has_zone { "TIMESTAMPTZ" } else { "TIMESTAMP" };
            Parameter::Cast(told(&|out| timestamp_text(out, us, has_zone)), name)
        }
        Type::INTERVAL => {
            let mut parts = whole(16)?;
            let (us, days, months) = (parts.get_i64(), parts.get_i32(), parts.get_i32());
            Parameter::Cast(told(&|out| interval_text(out, months, days, us)), "INTERVAL")
        }
        Type::UUID => {
            let mut digits = String::new();
            for byte in whole(16)? {
                let _ = write!(digits, "{byte:02x}");
            }
            Parameter::Cast(digits, "UUID")
        }
        Type::NUMERIC => numeric(value.clone()).ok_or_else(bad)?,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::CHAR => {
            text(value, &Type::TEXT)?
        }
        _ => {
            if let Some(item) = item_of(pg_type) {
                Parameter::List(binary_array(value.clone(), &item).ok_or_else(bad)??)
            } else {
                let name = pg_type.name();
                return Err(Refusal::new(
                    "0A000",
                    format!("parameters of the type {name} must be sent as text"),
                ));
            }
        }
    })
}

/// A binary `numeric` as text.
fn numeric(mut value: Bytes) -> Option<Parameter> {
    let count = usize::try_from(value.try_get_i16().ok()?).ok()?;
    let weight = i32::from(value.try_get_i16().ok()?);
    let sign = value.try_get_u16().ok()?;
    let scale = value.try_get_i16().ok()?;
    if !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let scale = i8::try_from(scale).ok().filter(|scale| (0..=38).contains(scale))?;
    let mut whole = 0_i128;
    for place in 0..i32::try_from(count).ok()? {
        let digit = i128::from(value.try_get_u16().ok()?);
        let power = (weight - place) * 4 + i32::from(scale);
        let part = match u32::try_from(power) {
            Ok(power) => digit.checked_mul(10_i128.checked_pow(power)?)?,
            Err(_) => digit / 10_i128.checked_pow(power.unsigned_abs())?,
        };
        whole = whole.checked_add(part)?;
    }
    let mut out = BytesMut::new();
    decimal_text(&mut out, if sign == 0 { whole } else { -whole }, scale);
    Some(Parameter::Cast(String::from_utf8_lossy(&out).into_owned(), "DECIMAL(38,10)"))
}

fn binary_array(mut value: Bytes, item: &Type) -> Option<Result<Vec<Parameter>, Refusal>> {
    let dimensions = value.try_get_i32().ok()?;
    value.try_get_i32().ok()?;
    value.try_get_i32().ok()?;
    if dimensions == 0 {
        return Some(Ok(Vec::new()));
    }
    let count = usize::try_from(value.try_get_i32().ok()?).ok().filter(|count| *count <= MOST_ITEMS)?;
    value.try_get_i32().ok()?;
    if dimensions != 1 {
        return None;
    }
    let mut items = Vec::new();
    for _ in 0..count {
        let length = value.try_get_i32().ok()?;
        let one = match usize::try_from(length) {
            Ok(length) if length <= value.len() => Some(value.split_to(length)),
            Ok(_) => return None,
            Err(_) => None,
        };
        match read(one.as_ref(), Some(item), true) {
            Ok(one) => items.push(one),
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    Some(Ok(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_text(value: &str, pg_type: &Type) -> Result<Parameter, Refusal> {
        read(Some(&Bytes::from(value.to_owned())), Some(pg_type), false)
    }

    fn as_binary(value: &[u8], pg_type: &Type) -> Result<Parameter, Refusal> {
        read(Some(&Bytes::from(value.to_vec())), Some(pg_type), true)
    }

    #[test]
    fn texts_are_read_by_their_type() {
        assert_eq!(as_text("-7", &Type::INT4).unwrap(), Parameter::Int(-7));
        assert_eq!(as_text("t", &Type::BOOL).unwrap(), Parameter::Bool(true));
        assert_eq!(as_text("\\x00ff", &Type::BYTEA).unwrap(), Parameter::Bytes(vec![0, 255]));
        assert_eq!(as_text("1.5", &Type::UNKNOWN).unwrap(), Parameter::Text("1.5".into()));
        assert_eq!(as_text("2026-01-01", &Type::DATE).unwrap(), Parameter::Cast("2026-01-01".into(), "DATE"));
        assert_eq!(as_text("x", &Type::INT4).unwrap_err().code, "22P02");
        assert_eq!(read(None, None, false).unwrap(), Parameter::Null);
    }

    #[test]
    fn arrays_are_read() {
        let text = |value: &str| Parameter::Text(value.into());
        let list = as_text(r#"{a,"b \"c\",d",NULL,"null",""}"#, &Type::TEXT_ARRAY).unwrap();
        assert_eq!(
            list,
            Parameter::List(vec![text("a"), text("b \"c\",d"), Parameter::Null, text("null"), text("")])
        );
        let spaced = as_text(r#"{ "p", f g , " h"}"#, &Type::TEXT_ARRAY).unwrap();
        assert_eq!(spaced, Parameter::List(vec![text("p"), text("f g"), text(" h")]));
        assert_eq!(as_text("{}", &Type::INT4_ARRAY).unwrap(), Parameter::List(vec![]));
        for odd in ["{a", "{{1},{2}}", "{\"a}", "{1}x", "x"] {
            assert!(as_text(odd, &Type::INT4_ARRAY).is_err(), "{odd}");
        }
        let binary = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9];
        assert_eq!(as_binary(&binary, &Type::INT4_ARRAY).unwrap(), Parameter::List(vec![Parameter::Int(9)]));
        for cut in 1..binary.len() {
            assert!(as_binary(&binary[..cut], &Type::INT4_ARRAY).is_err());
        }
    }

    #[test]
    fn binaries_are_read_by_their_type() {
        assert_eq!(as_binary(&[0, 0, 0, 5], &Type::INT4).unwrap(), Parameter::Int(5));
        assert_eq!(as_binary(&[0, 5], &Type::INT4).unwrap_err().code, "22P03");
        assert_eq!(as_binary(&[0; 4], &Type::DATE).unwrap(), Parameter::Cast("2000-01-01".into(), "DATE"));
        let at = Parameter::Cast("2000-01-01 00:00:00+00".into(), "TIMESTAMPTZ");
        assert_eq!(as_binary(&[0; 8], &Type::TIMESTAMPTZ).unwrap(), at);
        let numeric = [0, 2, 0, 0, 0x40, 0, 0, 2, 0, 12, 0x13, 0x88];
        assert_eq!(
            as_binary(&numeric, &Type::NUMERIC).unwrap(),
            Parameter::Cast("-12.50".into(), "DECIMAL(38,10)")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0_u8.., 0..64), kind in 0_usize..20) {
            let types = [
                Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::FLOAT4, Type::FLOAT8, Type::NUMERIC, Type::TEXT,
                Type::BYTEA, Type::DATE, Type::TIME, Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::INTERVAL, Type::UUID,
                Type::INT4_ARRAY, Type::TEXT_ARRAY, Type::NUMERIC_ARRAY, Type::JSONB, Type::UNKNOWN,
            ];
            for is_binary in [false, true] {
                let _ = read(Some(&Bytes::from(bytes.clone())), types.get(kind), is_binary);
            }
        }
    }
}
