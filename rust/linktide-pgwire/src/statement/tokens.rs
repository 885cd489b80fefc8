//! The words of a statement, as PostgreSQL and DuckDB both cut them; what they mean is not looked at.

/// One word, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// With its quotes, if it has any.
    pub(crate) text: &'a str,
    /// Its first byte in the statement.
    pub(crate) start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare name or keyword.
    Word,
    /// A name in double quotes.
    Name,
    /// A string in quotes or between dollars.
    Text,
    /// A run of digits, dots and what else a number has.
    Number,
    /// Any other character.
    Sign,
}

impl Token<'_> {
    /// The end of the token in the statement.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// What it stands for: a name or string without its quotes, in lower case if it had none.
    pub(crate) fn value(&self) -> String {
        let inner = |quote: &str| {
            let body = self.text.trim_start_matches(['e', 'E']);
            let body = body.strip_prefix(quote).and_then(|body| body.strip_suffix(quote));
            body.unwrap_or(self.text).replace(&quote.repeat(2), quote)
        };
        match self.kind {
            Kind::Name => inner("\""),
            Kind::Text => inner("'"),
            _ => self.text.to_lowercase(),
        }
    }
}

/// Cut a text into tokens; comments and spaces are left out. What is not closed goes to the end.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, kind) = next(rest);
        if let (Some(kind), Some(text)) = (kind, rest.get(..length)) {
            found.push(Token { kind, text, start: at });
        }
        at += length.max(1);
    }
    found
}

/// How long the next token is, and what; nothing for comments and spaces.
fn next(rest: &str) -> (usize, Option<Kind>) {
    let mut characters = rest.chars();
    let Some(first) = characters.next() else { return (0, None) };
    let second = characters.next();
    match (first, second) {
        (space, _) if space.is_whitespace() => (space.len_utf8(), None),
        ('-', Some('-')) => (rest.find('\n').map_or(rest.len(), |end| end + 1), None),
        ('/', Some('*')) => (comment(rest), None),
        ('\'', _) => (quoted(rest, '\'', false), Some(Kind::Text)),
        ('e' | 'E', Some('\'')) => {
            (1 + quoted(rest.get(1..).unwrap_or_default(), '\'', true), Some(Kind::Text))
        }
        ('"', _) => (quoted(rest, '"', false), Some(Kind::Name)),
        ('$', _) => match dollar(rest) {
            Some(length) => (length, Some(Kind::Text)),
            None => {
                (1 + run(rest.get(1..).unwrap_or_default(), |one| one.is_ascii_digit()), Some(Kind::Number))
            }
        },
        (digit, _) if digit.is_ascii_digit() => {
            (run(rest, |one| one.is_alphanumeric() || one == '.' || one == '_'), Some(Kind::Number))
        }
        (letter, _) if letter.is_alphabetic() || letter == '_' => {
            (run(rest, |one| one.is_alphanumeric() || one == '_' || one == '$'), Some(Kind::Word))
        }
        (sign, _) => (sign.len_utf8(), Some(Kind::Sign)),
    }
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|one| !belongs(one)).unwrap_or(rest.len())
}

/// Comments nest, in PostgreSQL as in DuckDB.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = rest.as_bytes();
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// From a quote to the one that closes it; two in a row are one inside.
fn quoted(rest: &str, quote: char, has_escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, one)) = characters.next() {
        if has_escapes && one == '\\' {
            characters.next();
        } else if one == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return at + 1;
            }
        }
    }
    rest.len()
}

/// `$tag$ … $tag$`; none if it is no such string.
fn dollar(rest: &str) -> Option<usize> {
    let inner = rest.get(1..)?;
    let tag_length = run(inner, |one| one.is_alphanumeric() || one == '_');
    let tag = rest.get(..tag_length + 2).filter(|tag| tag.ends_with('$'))?;
    if inner.starts_with(|one: char| one.is_ascii_digit()) {
        return None;
    }
    let body = rest.get(tag.len()..)?;
    Some(body.find(tag).map_or(rest.len(), |end| end + 2 * tag.len()))
}

/// The statements of a text, without the semicolons between them; empty ones are left out.
pub(crate) fn split(sql: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut has_words = false;
    for token in tokens(sql) {
        if token.kind == Kind::Sign && token.text == ";" {
            if has_words {
                pieces.extend(sql.get(start..token.start));
            }
            start = token.end();
            has_words = false;
        } else {
            has_words = true;
        }
    }
    if has_words {
        pieces.extend(sql.get(start..));
    }
    pieces.into_iter().map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        tokens(sql).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_are_cut_where_postgres_cuts_them() {
        assert_eq!(
            texts("SELECT a.b, 'x''y' -- c\n/* d /* e */ f */ FROM \"t\"\"u\""),
            ["SELECT", "a", ".", "b", ",", "'x''y'", "FROM", "\"t\"\"u\""]
        );
        assert_eq!(texts(r"E'a\'b' $1 $x$ ;'$y$ $x$ 1.5e3"), [r"E'a\'b'", "$1", "$x$ ;'$y$ $x$", "1.5e3"]);
        assert_eq!(texts("'open ; "), ["'open ; "]);
        assert_eq!(texts("/* open ; "), Vec::<&str>::new());
        assert_eq!(texts("ä.ß=€"), ["ä", ".", "ß", "=", "€"]);
    }

    #[test]
    fn statements_are_split_outside_of_quotes_only() {
        assert_eq!(split("a; 'b;' ; ; $$c;$$ -- ;\n;/*;*/"), ["a", "'b;'", "$$c;$$ -- ;"]);
        assert_eq!(split(" ;; "), Vec::<&str>::new());
    }

    #[test]
    fn values_lose_their_quotes() {
        let values: Vec<String> = tokens("Abc \"D\"\"e\" 'f''g'").iter().map(Token::value).collect();
        assert_eq!(values, ["abc", "D\"e", "f'g"]);
    }
}
