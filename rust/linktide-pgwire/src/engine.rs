//! What the endpoint asks of whoever runs the statements.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// Runs statements. Its calls block; they come from threads of their own, several at once.
pub trait Engine: Send + Sync + 'static {
    /// Run one statement and return all its rows; whatever it needed of the store is released by then.
    ///
    /// Stops soon after `is_abandoned` turns true: nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`Refusal`] says what the client is told.
    fn run(&self, asked: &Asked, is_abandoned: &Arc<AtomicBool>) -> Result<Answer, Refusal>;

    /// Return the columns a statement would have, without its rows; all parameters count as null.
    ///
    /// # Errors
    /// As `run`.
    fn describe(&self, asked: &Asked) -> Result<SchemaRef, Refusal>;
}

/// One statement, and who asks.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The text, as the client sent it.
    pub sql: String,
    /// The same as the engine's own catalogue is asked it, if it is a question to PostgreSQL's.
    pub catalogue_sql: Option<String>,
    /// One for each `$n` of the text.
    pub parameters: Vec<Parameter>,
    /// The name the client logged in with.
    pub user: String,
    /// What the user may do; the engine knows what the word means.
    pub role: String,
    /// The client's own `statement_timeout`, if it set one; the engine's own limit holds as well.
    pub timeout: Option<Duration>,
}

/// The value of one `$n`.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// NULL of any type.
    Null,
    /// `boolean`.
    Bool(bool),
    /// `smallint`, `integer`, `bigint`.
    Int(i64),
    /// `real`, `double precision`.
    Float(f64),
    /// Text, or a value whose type the client left open.
    Text(String),
    /// `bytea`.
    Bytes(Vec<u8>),
    /// A value as text, and the SQL name of the type it must be read as.
    Cast(String, &'static str),
    /// A one-dimensional array.
    List(Vec<Parameter>),
}

/// The rows of a statement.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Of every batch.
    pub schema: SchemaRef,
    /// In order.
    pub batches: Vec<RecordBatch>,
}

/// Why a statement has no rows.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Five characters of `SQLSTATE`.
    pub code: String,
    /// One sentence.
    pub message: String,
}

impl Refusal {
    /// Refuse with a code and a sentence.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}
