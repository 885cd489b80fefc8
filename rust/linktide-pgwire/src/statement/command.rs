//! The statements that are answered here, recognised by their first words.

use super::copy::{self, CopyOptions};
use super::tokens::{Kind, Token, tokens};
use crate::Refusal;

/// A statement, read as far as the wire layer must.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// For the engine, whole.
    Query(String),
    Begin(&'static str),
    Commit,
    Rollback,
    /// SAVEPOINT and RELEASE: nothing can be undone, so there is nothing to do.
    Savepoint(&'static str),
    /// ROLLBACK TO SAVEPOINT.
    RollbackTo,
    Set {
        name: String,
        value: String,
    },
    /// SET TRANSACTION …, SET SESSION CHARACTERISTICS AS TRANSACTION …
    SetTransaction,
    /// One name, or all.
    Reset(Option<String>),
    Show(String),
    ShowAll,
    DiscardAll,
    /// A prepared statement, or all.
    Deallocate(Option<String>),
    Declare {
        name: String,
        is_held: bool,
        query: String,
    },
    Fetch {
        name: String,
        direction: Direction,
        is_move: bool,
    },
    /// A cursor, or all.
    Close(Option<String>),
    /// LISTEN, UNLISTEN, NOTIFY's absence: no messages ever come.
    Unlisten,
    CopyOut {
        query: String,
        options: CopyOptions,
    },
}

impl Command {
    /// Whether it is answered with rows.
    pub(crate) fn has_rows(&self) -> bool {
        matches!(self, Self::Query(_) | Self::Show(_) | Self::ShowAll | Self::Fetch { is_move: false, .. })
    }
}

/// How many rows forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Next(usize),
    All,
}

const ONLY_READ_COMMITTED: &str = "each statement here sees the newest commit: \
    only the isolation levels READ COMMITTED and READ UNCOMMITTED can be had";

/// Read one statement.
///
/// # Errors
/// [`Refusal`] for a statement of the wire layer that asks for what it does not have.
pub(crate) fn read(sql: &str) -> Result<Command, Refusal> {
    let all = tokens(sql);
    let words = Words { sql, tokens: &all };
    let Some(first) = words.tokens.first().filter(|first| first.kind == Kind::Word) else {
        return Ok(Command::Query(sql.to_owned()));
    };
    match first.text.to_ascii_lowercase().as_str() {
        "begin" => words.transaction("BEGIN"),
        "start" => words.transaction("START TRANSACTION"),
        "commit" | "end" => Ok(Command::Commit),
        "rollback" | "abort" if words.has("to") => Ok(Command::RollbackTo),
        "rollback" | "abort" => Ok(Command::Rollback),
        "savepoint" => Ok(Command::Savepoint("SAVEPOINT")),
        "release" => Ok(Command::Savepoint("RELEASE")),
        "set" => words.set(),
        "reset" => Ok(Command::Reset(words.name_or_all(if words.is(1, "session") { 2 } else { 1 }))),
        "show" => words.show(),
        "discard" => Ok(Command::DiscardAll),
        "deallocate" => {
            Ok(Command::Deallocate(words.name_or_all(if words.is(1, "prepare") { 2 } else { 1 })))
        }
        "declare" => words.declare(),
        "fetch" | "move" => words.fetch(first.is("move")),
        "close" => Ok(Command::Close(words.name_or_all(1))),
        "listen" | "unlisten" => Ok(Command::Unlisten),
        "copy" => copy::read(&words),
        _ => Ok(Command::Query(sql.to_owned())),
    }
}

/// The words of one statement.
pub(super) struct Words<'a> {
    pub(super) sql: &'a str,
    pub(super) tokens: &'a [Token<'a>],
}

impl<'a> Words<'a> {
    pub(super) fn get(&self, place: usize) -> Option<&Token<'a>> {
        self.tokens.get(place)
    }

    pub(super) fn is(&self, place: usize, keyword: &str) -> bool {
        self.get(place).is_some_and(|token| token.is(keyword))
    }

    pub(super) fn is_sign(&self, place: usize, sign: &str) -> bool {
        self.get(place).is_some_and(|token| token.kind == Kind::Sign && token.text == sign)
    }

    fn has(&self, keyword: &str) -> bool {
        self.tokens.iter().any(|token| token.is(keyword))
    }

    fn name_or_all(&self, place: usize) -> Option<String> {
        self.get(place).filter(|token| !token.is("all")).map(Token::value)
    }

    /// Everything from a token on.
    pub(super) fn rest(&self, place: usize) -> &'a str {
        self.get(place).and_then(|token| self.sql.get(token.start..)).unwrap_or_default()
    }

    fn transaction(&self, tag: &'static str) -> Result<Command, Refusal> {
        self.refuse_isolation()?;
        Ok(Command::Begin(tag))
    }

    fn refuse_isolation(&self) -> Result<(), Refusal> {
        if self.has("serializable") || self.has("repeatable") {
            return Err(Refusal::new("0A000", ONLY_READ_COMMITTED));
        }
        Ok(())
    }

    fn set(&self) -> Result<Command, Refusal> {
        let place = if self.is(1, "session") || self.is(1, "local") { 2 } else { 1 };
        if self.is(place, "transaction") || self.is(place, "characteristics") {
            self.refuse_isolation()?;
            return Ok(Command::SetTransaction);
        }
        let (name, mut value_place) = if self.is(place, "time") && self.is(place + 1, "zone") {
            ("timezone".to_owned(), place + 2)
        } else if self.is(place, "names") {
            ("client_encoding".to_owned(), place + 1)
        } else {
            (self.get(place).map(Token::value).unwrap_or_default(), place + 1)
        };
        if self.is_sign(value_place, "=") || self.is(value_place, "to") {
            value_place += 1;
        }
        if name.is_empty() || self.get(value_place).is_none() {
            return Err(Refusal::new("42601", "SET wants a name and a value: SET name = value"));
        }
        let value = match self.tokens.get(value_place..) {
            Some([one]) => one.value(),
            _ => self.rest(value_place).trim().to_owned(),
        };
        Ok(Command::Set { name: name.to_lowercase(), value })
    }

    fn show(&self) -> Result<Command, Refusal> {
        if self.is(1, "transaction") && self.is(2, "isolation") {
            return Ok(Command::Show("transaction_isolation".to_owned()));
        }
        if self.is(1, "time") && self.is(2, "zone") {
            return Ok(Command::Show("timezone".to_owned()));
        }
        if self.get(2).is_some() {
            return Err(Refusal::new("42601", "SHOW takes the name of one setting"));
        }
        if self.is(1, "all") {
            return Ok(Command::ShowAll);
        }
        let name = self.get(1).map(|token| token.value().to_lowercase());
        name.map(Command::Show).ok_or_else(|| Refusal::new("42601", "SHOW wants the name of a setting"))
    }

    fn declare(&self) -> Result<Command, Refusal> {
        let wanted = || Refusal::new("42601", "DECLARE wants a name, CURSOR FOR and a query");
        let name = self.get(1).map(Token::value).ok_or_else(wanted)?;
        let cursor = self.tokens.iter().position(|token| token.is("cursor")).ok_or_else(wanted)?;
        let words = self.tokens.get(2..cursor).unwrap_or_default();
        if words.iter().any(|token| token.is("scroll")) && !words.iter().any(|token| token.is("no")) {
            return Err(Refusal::new("0A000", "cursors go forward only here; DECLARE without SCROLL"));
        }
        let from = |place: usize| self.tokens.iter().skip(place).position(|token| token.is("for"));
        let query = from(cursor).map(|found| cursor + found + 1).ok_or_else(wanted)?;
        let options = self.tokens.get(cursor..query).unwrap_or_default();
        let is_held = options.windows(2).any(|pair| matches!(pair, [a, b] if a.is("with") && b.is("hold")));
        let query = self.rest(query).to_owned();
        if query.is_empty() {
            return Err(wanted());
        }
        Ok(Command::Declare { name, is_held, query })
    }

    fn fetch(&self, is_move: bool) -> Result<Command, Refusal> {
        let backward = || Refusal::new("0A000", "cursors go forward only here: FETCH FORWARD n, NEXT or ALL");
        let mut place = 1;
        let mut direction = Direction::Next(1);
        if ["backward", "prior", "first", "last", "absolute", "relative"].iter().any(|word| self.is(1, word))
        {
            return Err(backward());
        }
        if self.is(place, "next") || self.is(place, "forward") {
            place += 1;
        }
        if self.is(place, "all") {
            direction = Direction::All;
            place += 1;
        } else if let Some(count) = self.get(place).filter(|token| token.kind == Kind::Number) {
            let count =
                count.text.parse().map_err(|_| Refusal::new("42601", "FETCH wants a whole number"))?;
            direction = Direction::Next(count);
            place += 1;
        } else if self.is_sign(place, "-") {
            return Err(backward());
        }
        if self.is(place, "from") || self.is(place, "in") {
            place += 1;
        }
        let name = self.get(place).map(Token::value);
        let name = name.ok_or_else(|| Refusal::new("42601", "FETCH wants the name of a cursor"))?;
        Ok(Command::Fetch { name, direction, is_move })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(sql: &str) -> Command {
        read(sql).unwrap()
    }

    fn set(name: &str, value: &str) -> Command {
        Command::Set { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn session_statements_are_recognised() {
        assert_eq!(command("-- x\n begin read only"), Command::Begin("BEGIN"));
        assert_eq!(
            command("START TRANSACTION ISOLATION LEVEL READ COMMITTED"),
            Command::Begin("START TRANSACTION")
        );
        assert_eq!(command("ROLLBACK TO SAVEPOINT a"), Command::RollbackTo);
        assert_eq!(command("SET application_name = 'Grafana'"), set("application_name", "Grafana"));
        assert_eq!(command("set session DateStyle to ISO, MDY"), set("datestyle", "ISO, MDY"));
        assert_eq!(command("SET TIME ZONE 'UTC'"), set("timezone", "UTC"));
        assert_eq!(command("SET NAMES 'utf8'"), set("client_encoding", "utf8"));
        assert_eq!(
            command("SHOW TRANSACTION ISOLATION LEVEL"),
            Command::Show("transaction_isolation".into())
        );
        assert_eq!(command("SHOW all"), Command::ShowAll);
        assert!(read("SHOW ALL TABLES").is_err());
        assert_eq!(command("SHOW \"all\""), Command::Show("all".into()));
        assert_eq!(command("show Search_Path"), Command::Show("search_path".into()));
        assert_eq!(command("DEALLOCATE PREPARE \"a b\""), Command::Deallocate(Some("a b".into())));
        assert_eq!(command("DISCARD ALL"), Command::DiscardAll);
        assert_eq!(command("close all"), Command::Close(None));
    }

    #[test]
    fn cursors_are_recognised() {
        let query = "select 1 for x".to_owned();
        assert_eq!(
            command("DECLARE \"c\" NO SCROLL CURSOR WITH HOLD FOR select 1 for x"),
            Command::Declare { name: "c".into(), is_held: true, query }
        );
        let fetch = |direction, is_move| Command::Fetch { name: "c".into(), direction, is_move };
        assert_eq!(command("FETCH FORWARD 10 FROM c"), fetch(Direction::Next(10), false));
        assert_eq!(command("fetch all in \"c\""), fetch(Direction::All, false));
        assert_eq!(command("FETCH NEXT FROM c"), fetch(Direction::Next(1), false));
        assert_eq!(command("move 5 c"), fetch(Direction::Next(5), true));
        for refused in ["FETCH BACKWARD 1 FROM c", "FETCH -1 FROM c", "DECLARE c SCROLL CURSOR FOR x"] {
            assert_eq!(read(refused).unwrap_err().code, "0A000", "{refused}");
        }
    }

    #[test]
    fn what_cannot_be_promised_is_refused() {
        for refused in
            ["BEGIN ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"]
        {
            assert_eq!(read(refused).unwrap_err().code, "0A000", "{refused}");
        }
    }

    #[test]
    fn all_else_goes_to_the_engine_as_it_came() {
        for sql in
            ["select 1", "(select 1)", "WITH a AS (SELECT 1) FROM a", "insert into x", "", "begintable"]
        {
            assert_eq!(command(sql), Command::Query(sql.to_owned()));
        }
    }
}
