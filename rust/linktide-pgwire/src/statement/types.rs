//! The types of parameters, as far as the text alone tells them: the engine finds them only with the values.

use pgwire::api::Type;

use super::tokens::{Kind, Token, tokens};

/// The types of `$1`, `$2`, …: text, but for those in `LIMIT $n`, `ANY($n)`, `$n::type` and their like.
pub(crate) fn parameter_types(sql: &str) -> Vec<Type> {
    let all = tokens(sql);
    let mut types = vec![Type::TEXT; all.iter().filter_map(number).max().unwrap_or(0)];
    for (place, token) in all.iter().enumerate() {
        let told = number(token).and_then(|number| Some((number.checked_sub(1)?, told_type(&all, place)?)));
        if let Some((slot, told)) = told.and_then(|(index, told)| Some((types.get_mut(index)?, told))) {
            *slot = told;
        }
    }
    types
}

/// Which parameter a token is; numbers that no protocol message can hold are none.
fn number(token: &Token<'_>) -> Option<usize> {
    let digits = Some(token).filter(|token| token.kind == Kind::Number)?.text.strip_prefix('$')?;
    digits.parse::<u16>().ok().map(usize::from)
}

fn told_type(all: &[Token<'_>], place: usize) -> Option<Type> {
    let text = |at: usize| all.get(at).map_or("", |token| token.text);
    let is = |at: usize, word: &str| all.get(at).is_some_and(|token| token.is(word));
    let is_list = text(place + 4) == "[" && text(place + 5) == "]";
    if text(place + 1) == ":" && text(place + 2) == ":" {
        return Some(by_name(&text(place + 3).to_ascii_lowercase(), is_list));
    }
    let before = place.wrapping_sub(1);
    if is(before, "limit") || is(before, "offset") {
        return Some(Type::INT8);
    }
    let is_any = is(place.wrapping_sub(2), "any") || is(place.wrapping_sub(2), "all");
    (text(before) == "(" && text(place + 1) == ")" && is_any).then_some(Type::TEXT_ARRAY)
}

/// Types whose values need no more than their name to be read.
fn by_name(name: &str, is_list: bool) -> Type {
    let (one, list) = match name {
        "smallint" | "int2" => (Type::INT2, Type::INT2_ARRAY),
        "int" | "integer" | "int4" => (Type::INT4, Type::INT4_ARRAY),
        "bigint" | "int8" | "oid" => (Type::INT8, Type::INT8_ARRAY),
        "double" | "float8" => (Type::FLOAT8, Type::FLOAT8_ARRAY),
        "bool" | "boolean" => (Type::BOOL, Type::BOOL_ARRAY),
        "date" => (Type::DATE, Type::DATE_ARRAY),
        "timestamptz" => (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
        "bytea" => (Type::BYTEA, Type::BYTEA_ARRAY),
        _ => (Type::TEXT, Type::TEXT_ARRAY),
    };
    if is_list { list } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_off_casts_and_places() {
        let sql =
            "a = ANY($2) AND b = $1::text[] AND c = $3::int AND d > $4::timestamptz AND e = $5 LIMIT $6";
        let told =
            [Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::INT4, Type::TIMESTAMPTZ, Type::TEXT, Type::INT8];
        assert_eq!(parameter_types(sql), told);
        assert_eq!(
            parameter_types("select $1::numeric, '$9', $3::bigint[] -- $7"),
            [Type::TEXT, Type::TEXT, Type::INT8_ARRAY]
        );
        assert_eq!(parameter_types("select $0, $99999999999"), []);
    }
}
