//! Questions to PostgreSQL's own catalogue, in words that the engine's catalogue understands.
//!
//! Clients ask `pg_catalog` and `information_schema` in PostgreSQL's spelling: names with their schema,
//! operators and collations by name, casts to `regclass`. Only such questions are spelt anew, never one to
//! the views; whatever comes out goes through the engine's gate like any other text.

use std::fmt::Write;

use super::tokens::{Kind, Token, tokens};

/// Functions by which a text that names no table is one of these questions.
const FUNCTIONS: &[&str] = &[
    "col_description",
    "current_catalog",
    "current_database",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "format_type",
    "has_any_column_privilege",
    "has_database_privilege",
    "has_schema_privilege",
    "has_table_privilege",
    "inet_server_addr",
    "inet_server_port",
    "obj_description",
    "session_user",
    "set_config",
    "to_regclass",
    "to_regtype",
    "txid_current",
    "version",
];
/// Functions that are called otherwise there: DuckDB's own of that name do more, and the gate refuses them, or
/// none has that name.
const RENAMED: &[(&str, &str)] = &[
    ("current_setting", "pg_current_setting"),
    ("json_build_object", "json_object"),
    ("set_config", "pg_set_config"),
];

/// Columns that hold a function by its number, which is 0 where there is none; here they hold names.
const FUNCTION_COLUMNS: &[&str] =
    &["typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout"];

/// Return how the engine's catalogue is asked the same; none if the text asks something else.
pub(crate) fn catalogue_question(sql: &str, user: &str) -> Option<String> {
    let all = tokens(sql);
    let is_question = |(place, token): (usize, &Token<'_>)| {
        if token.kind != Kind::Word {
            return false;
        }
        let word = token.text.to_ascii_lowercase();
        let is_call = all.get(place + 1).is_some_and(|next| next.text == "(") || word.starts_with("current_");
        word.starts_with("pg_")
            || word == "information_schema"
            || (FUNCTIONS.contains(&word.as_str()) && (is_call || word == "session_user"))
    };
    all.iter().enumerate().any(is_question).then(|| Rewriting { sql, all: &all, user }.spelt_anew())
}

struct Rewriting<'a> {
    sql: &'a str,
    all: &'a [Token<'a>],
    /// Who asks.
    user: &'a str,
}

impl Rewriting<'_> {
    fn spelt_anew(&self) -> String {
        let mut out = String::with_capacity(self.sql.len() + 64);
        let (mut place, mut written) = (0, 0);
        // Where the operand of a cast begins that may follow: a literal, or a name with its dots.
        let mut operand = 0;
        while let Some(token) = self.all.get(place) {
            out.push_str(self.sql.get(written..token.start).unwrap_or_default());
            let before = out.len();
            let taken = self.replace(place, &mut out, operand);
            if taken == 0 {
                out.push_str(token.text);
            }
            let is_chained = matches!(token.text, "." | ":") || self.text(place.wrapping_sub(1)) == ".";
            if !is_chained {
                operand = before;
            }
            place += taken.max(1);
            written = self.all.get(place - 1).map_or(self.sql.len(), Token::end);
        }
        out.push_str(self.sql.get(written..).unwrap_or_default());
        out
    }

    fn text(&self, place: usize) -> &str {
        self.all.get(place).map_or("", |token| token.text)
    }

    fn is(&self, place: usize, word: &str) -> bool {
        self.all.get(place).is_some_and(|token| token.is(word))
    }

    /// Write what stands for the tokens from `place` on; return how many they are, 0 to leave the first alone.
    fn replace(&self, place: usize, out: &mut String, operand: usize) -> usize {
        let is_schema = self.is(place, "pg_catalog") || self.is(place, "information_schema");
        if is_schema && self.text(place + 1) == "." {
            return 2;
        }
        if self.is(place, "operator") && self.text(place + 1) == "(" {
            return self.operator(place, out);
        }
        if self.is(place, "collate") {
            return if self.text(place + 2) == "." { 4 } else { 2 };
        }
        if self.text(place) == "~" && self.text(place.wrapping_sub(1)) != "~" && self.text(place + 1) != "~" {
            return self.pattern(place, out);
        }
        if self.text(place) == ":" && self.text(place + 1) == ":" {
            return self.cast(place, out, operand);
        }
        let renamed = RENAMED.iter().find(|(name, _)| self.is(place, name));
        if let Some((_, name)) = renamed.filter(|_| self.text(place + 1) == "(") {
            out.push_str(name);
            return 1;
        }
        if ["current_user", "session_user", "current_role"].iter().any(|word| self.is(place, word)) {
            return self.asker(place, out);
        }
        if self.text(place) == "0" && self.is_of_function(place) {
            out.push_str("'-'");
            return 1;
        }
        if self.is(place, "current_catalog") {
            out.push_str("current_database()");
            return 1;
        }
        0
    }

    /// Whether a column of functions is compared with what stands here.
    fn is_of_function(&self, place: usize) -> bool {
        let signs = ["=", "!", "<", ">"];
        let mut before = (0..place).rev().skip_while(|at| signs.contains(&self.text(*at)));
        before
            .next()
            .is_some_and(|at| at + 1 < place && FUNCTION_COLUMNS.iter().any(|name| self.is(at, name)))
    }

    /// The name of who asks, under the name by which it was asked for.
    fn asker(&self, place: usize, out: &mut String) -> usize {
        if self.text(place.wrapping_sub(1)) == "." && !self.is(place.wrapping_sub(2), "pg_catalog") {
            return 0; // a column of that name
        }
        let _ = write!(out, "'{}'", self.user.replace('\'', "''"));
        let is_call = self.text(place + 1) == "(" && self.text(place + 2) == ")";
        let after = place + if is_call { 3 } else { 1 };
        let before = place.wrapping_sub(1);
        let is_column = self.is(before, "select") || self.text(before) == ",";
        let is_last = self.all.get(after).is_none() || self.text(after) == "," || self.is(after, "from");
        let depth = self.all.iter().take(place).filter(|token| token.text == "(").count();
        let closed = self.all.iter().take(place).filter(|token| token.text == ")").count();
        if is_column && is_last && depth == closed {
            let _ = write!(out, " AS \"{}\"", self.text(place).to_ascii_lowercase());
        }
        after - place
    }

    /// `OPERATOR(pg_catalog.~)`: the operator alone.
    fn operator(&self, place: usize, out: &mut String) -> usize {
        let length = self.all.iter().skip(place).position(|token| token.text == ")");
        let Some(length) = length.filter(|length| *length < 8) else { return 0 };
        let signs = self.all.iter().skip(place + 2).take(length - 2);
        let signs: String =
            signs.filter(|token| token.kind == Kind::Sign && token.text != ".").map(|one| one.text).collect();
        let after = place + length + 1;
        if signs.trim_start_matches('!').starts_with('~') && signs.matches('~').count() == 1 {
            out.push_str(&signs);
            return length + 1 + self.wrapped(after, out);
        }
        out.push_str(&signs);
        length + 1
    }

    /// `~ 'pattern'`: PostgreSQL looks for it anywhere, DuckDB compares with the whole.
    fn pattern(&self, place: usize, out: &mut String) -> usize {
        let is_caseless = self.text(place + 1) == "*";
        out.push_str(if is_caseless { "~*" } else { "~" });
        let taken = 1 + usize::from(is_caseless);
        taken + self.wrapped(place + taken, out)
    }

    fn wrapped(&self, place: usize, out: &mut String) -> usize {
        let Some(token) = self.all.get(place).filter(|token| token.kind == Kind::Text) else { return 0 };
        let Some((open, rest)) = token.text.split_once('\'') else { return 0 };
        let Some(body) = rest.strip_suffix('\'') else { return 0 };
        let _ = write!(out, " {open}'(?s:.*)(?:{body})(?s:.*)'");
        1
    }

    /// `::regclass` and its kin, which read names and show them.
    fn cast(&self, place: usize, out: &mut String, operand: usize) -> usize {
        let is_told = self.is(place + 2, "pg_catalog") && self.text(place + 3) == ".";
        let name_place = if is_told { place + 4 } else { place + 2 };
        let name = self.text(name_place).to_ascii_lowercase();
        let taken = name_place + 1 - place;
        let before = self.all.get(place.wrapping_sub(1)).map(|token| token.kind);
        let is_literal = before == Some(Kind::Text) || self.text(place.wrapping_sub(1)).starts_with('$');
        let is_name = matches!(before, Some(Kind::Word | Kind::Name));
        let call = match name.as_str() {
            "regclass" if is_literal => "pg_oid_of_class",
            "regclass" if is_name => "pg_class_of_oid",
            "regtype" if is_literal => "pg_oid_of_type",
            "regtype" if is_name => "pg_type_of_oid",
            "regnamespace" if is_name => "pg_namespace_of_oid",
            "regclass" | "regtype" | "regnamespace" | "regproc" | "regprocedure" | "regrole" => {
                // Names of functions stand in the catalogue without their schema.
                let value = out.split_off(operand).replacen("'pg_catalog.", "'", 1);
                out.push_str(&value);
                out.push_str("::VARCHAR");
                return taken;
            }
            _ if is_told => {
                out.push_str("::");
                out.push_str(self.text(name_place));
                return taken;
            }
            _ => return 0,
        };
        let value = out.split_off(operand);
        let _ = write!(out, "{call}({})", value.trim());
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anew(sql: &str) -> String {
        catalogue_question(sql, "o'k").unwrap()
    }

    #[test]
    fn questions_to_the_views_are_left_alone() {
        for sql in ["SELECT 'pg_class' FROM links", "SELECT count(*) FROM links -- pg_catalog", "SELECT 1"] {
            assert_eq!(catalogue_question(sql, "me"), None, "{sql}");
        }
    }

    #[test]
    fn names_lose_their_schema() {
        assert_eq!(anew("SELECT pg_catalog.version()"), "SELECT version()");
        assert_eq!(anew("SELECT a.b FROM pg_catalog.pg_class a"), "SELECT a.b FROM pg_class a");
        assert_eq!(anew("FROM information_schema.tables"), "FROM tables");
        assert_eq!(anew("SELECT pg_catalog.current_setting('x')"), "SELECT pg_current_setting('x')");
        assert_eq!(anew("SELECT pg_x, json_build_object('a', 1)"), "SELECT pg_x, json_object('a', 1)");
    }

    #[test]
    fn who_asks_is_told() {
        assert_eq!(anew("SELECT current_user, 1"), "SELECT 'o''k' AS \"current_user\", 1");
        assert_eq!(anew("SELECT pg_x(session_user)"), "SELECT pg_x('o''k')");
        assert_eq!(anew("SELECT a.current_user FROM pg_x a"), "SELECT a.current_user FROM pg_x a");
    }

    #[test]
    fn patterns_are_looked_for_anywhere() {
        assert_eq!(
            anew("pg_x OPERATOR(pg_catalog.~) '^(a)$' COLLATE pg_catalog.default AND 1"),
            "pg_x ~ '(?s:.*)(?:^(a)$)(?s:.*)'  AND 1"
        );
        assert_eq!(anew("pg_x !~ '^p' AND y ~~ 'z%'"), "pg_x !~ '(?s:.*)(?:^p)(?s:.*)' AND y ~~ 'z%'");
        assert_eq!(anew("pg_x ~* 'p'"), "pg_x ~* '(?s:.*)(?:p)(?s:.*)'");
    }

    #[test]
    fn names_of_things_are_read_and_shown() {
        assert_eq!(anew("pg_x = 'links'::pg_catalog.regclass"), "pg_x = pg_oid_of_class('links')");
        assert_eq!(anew("pg_x = 'pg_catalog.array_in'::regproc"), "pg_x = 'array_in'::VARCHAR");
        assert_eq!(
            anew("SELECT t.typinput = 'array_in'::regproc, pg_x"),
            "SELECT t.typinput = 'array_in'::VARCHAR, pg_x"
        );
        assert_eq!(
            anew("SELECT c.reloftype::pg_catalog.regtype::pg_catalog.text FROM pg_class c"),
            "SELECT pg_type_of_oid(c.reloftype)::text FROM pg_class c"
        );
        assert_eq!(anew("SELECT pg_x, conrelid::regclass"), "SELECT pg_x, pg_class_of_oid(conrelid)");
        assert_eq!(anew("SELECT '5'::pg_catalog.oid"), "SELECT '5'::oid");
        assert_eq!(anew("pg_x AND (t.typreceive != 0 OR 0 = 0)"), "pg_x AND (t.typreceive != '-' OR 0 = 0)");
    }
}
