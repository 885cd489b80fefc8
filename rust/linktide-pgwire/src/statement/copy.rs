//! `COPY (query) TO STDOUT` and its options, in the new form (in brackets) and the old one.

use super::command::{Command, Words};
use super::tokens::Token;
use crate::Refusal;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyFormat {
    Text,
    Csv,
    Binary,
}

/// The options of a COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyOptions {
    pub(crate) format: CopyFormat,
    pub(crate) delimiter: u8,
    pub(crate) null: String,
    pub(crate) quote: u8,
    pub(crate) escape: u8,
    pub(crate) has_header: bool,
}

impl CopyOptions {
    /// What a format has if nothing else is said.
    pub(crate) fn of(format: CopyFormat) -> Self {
        let (delimiter, null) = if format == CopyFormat::Csv { (b',', "") } else { (b'\t', "\\N") };
        Self { format, delimiter, null: null.to_owned(), quote: b'"', escape: b'"', has_header: false }
    }
}

const ONLY_OUT: &str = "only COPY (query) TO STDOUT and COPY view TO STDOUT can be had here";

/// Read a COPY.
pub(super) fn read(words: &Words<'_>) -> Result<Command, Refusal> {
    let refused = || Refusal::new("42501", ONLY_OUT);
    let (query, to) = if words.is_sign(1, "(") {
        let close = closing(words).ok_or_else(refused)?;
        let inner = words.get(1).zip(words.get(close));
        let inner = inner.and_then(|(open, close)| words.sql.get(open.end()..close.start));
        (inner.unwrap_or_default().trim().to_owned(), close + 1)
    } else {
        let to = words.tokens.iter().position(|token| token.is("to")).ok_or_else(refused)?;
        let target = words.get(1).zip(words.get(to));
        let target = target.and_then(|(first, to)| words.sql.get(first.start..to.start));
        (format!("SELECT * FROM {}", target.ok_or_else(refused)?.trim()), to)
    };
    if !(words.is(to, "to") && words.is(to + 1, "stdout")) || query.is_empty() {
        return Err(refused());
    }
    Ok(Command::CopyOut { query, options: options(words.tokens.get(to + 2..).unwrap_or_default())? })
}

/// The bracket that closes the one in place 1.
fn closing(words: &Words<'_>) -> Option<usize> {
    let mut depth = 0_usize;
    for place in 1..words.tokens.len() {
        if words.is_sign(place, "(") {
            depth += 1;
        } else if words.is_sign(place, ")") {
            depth -= 1;
            if depth == 0 {
                return Some(place);
            }
        }
    }
    None
}

fn options(tokens: &[Token<'_>]) -> Result<CopyOptions, Refusal> {
    let mut told: Vec<(String, Option<String>)> = Vec::new();
    let known =
        ["format", "delimiter", "null", "header", "quote", "escape", "encoding", "csv", "binary", "text"];
    for token in tokens {
        let word = token.value();
        let is_name = token.kind == super::tokens::Kind::Word && known.contains(&word.as_str());
        let is_format = matches!(told.last(), Some((name, None)) if name == "format");
        if token.is("with") || token.is("as") || matches!(token.text, "(" | ")" | ",") {
            continue;
        }
        match told.last_mut() {
            _ if is_name && !is_format => told.push((word, None)),
            Some((_, value @ None)) => *value = Some(word),
            _ => return Err(Refusal::new("0A000", format!("COPY has no option {} here", token.text))),
        }
    }
    let format = told.iter().find_map(|(name, value)| match (name.as_str(), value.as_deref()) {
        ("csv", _) | ("format", Some("csv")) => Some(Ok(CopyFormat::Csv)),
        ("binary", _) | ("format", Some("binary")) => Some(Ok(CopyFormat::Binary)),
        ("text", _) | ("format", Some("text")) => Some(Ok(CopyFormat::Text)),
        ("format", other) => Some(Err(Refusal::new(
            "0A000",
            format!("COPY format {} is not known; wanted text, csv or binary", other.unwrap_or("?")),
        ))),
        _ => None,
    });
    let mut made = CopyOptions::of(format.unwrap_or(Ok(CopyFormat::Text))?);
    for (name, value) in told {
        let value = value.unwrap_or_default();
        match name.as_str() {
            "delimiter" => made.delimiter = one_byte(&name, &value)?,
            "quote" => {
                made.quote = one_byte(&name, &value)?;
                made.escape = made.quote;
            }
            "escape" => made.escape = one_byte(&name, &value)?,
            "null" => made.null = value,
            "header" => made.has_header = !matches!(value.as_str(), "false" | "off" | "0"),
            "encoding" if !["utf8", "utf-8"].contains(&value.to_lowercase().as_str()) => {
                return Err(Refusal::new("0A000", "COPY writes UTF8 only"));
            }
            _ => {}
        }
    }
    Ok(made)
}

fn one_byte(name: &str, value: &str) -> Result<u8, Refusal> {
    match value.as_bytes() {
        [one] if !matches!(one, b'\n' | b'\r') => Ok(*one),
        [b'\\', b't'] => Ok(b'\t'),
        _ => Err(Refusal::new("22023", format!("COPY {name} must be one character of one byte"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn copy(sql: &str) -> (String, CopyOptions) {
        match read(sql) {
            Ok(Command::CopyOut { query, options }) => (query, options),
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn copies_are_read() {
        let (query, options) = copy("COPY (SELECT (1), ')' AS x) TO STDOUT");
        assert_eq!(query, "SELECT (1), ')' AS x");
        assert_eq!(
            (options.format, options.delimiter, options.null.as_str()),
            (CopyFormat::Text, b'\t', "\\N")
        );
        let (query, options) = copy("copy links to stdout (FORMAT csv, HEADER, DELIMITER ';', NULL 'x')");
        assert_eq!(query, "SELECT * FROM links");
        assert_eq!((options.format, options.delimiter, options.null.as_str()), (CopyFormat::Csv, b';', "x"));
        assert!(options.has_header);
        assert_eq!(copy("COPY (FROM links) TO STDOUT WITH CSV HEADER").1.format, CopyFormat::Csv);
        assert_eq!(copy("COPY (FROM links) TO STDOUT WITH (FORMAT binary)").1.format, CopyFormat::Binary);
        assert_eq!(copy("COPY (FROM links) TO STDOUT BINARY").1.format, CopyFormat::Binary);
    }

    #[test]
    fn files_programs_and_input_are_refused() {
        for sql in [
            "COPY links TO '/tmp/x'",
            "COPY links FROM STDIN",
            "COPY (SELECT 1) TO PROGRAM 'x'",
            "COPY (SELECT 1) TO '/tmp/x' (FORMAT csv)",
            "COPY (SELECT 1",
            "COPY",
        ] {
            assert_eq!(read(sql).unwrap_err().code, "42501", "{sql}");
        }
        assert_eq!(read("COPY (SELECT 1) TO STDOUT (FORMAT parquet)").unwrap_err().code, "0A000");
        assert_eq!(read("COPY (SELECT 1) TO STDOUT (DELIMITER 'ab')").unwrap_err().code, "22023");
    }
}
