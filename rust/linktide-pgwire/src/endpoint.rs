//! Statements of any kind, answered: the part that simple and extended queries share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::SchemaRef;
use pgwire::api::results::{Response, Tag};
use pgwire::error::PgWireResult;

use crate::encode::Formats;
use crate::error::told;
use crate::held::{Held, Shelf};
use crate::rows::{SHOW_ALL, some, text_schema, texts, whole};
use crate::session::Session;
use crate::statement::{Command, Direction};
use crate::{Asked, Engine, Parameter, Refusal, copy_out};

/// What all connections share.
pub(crate) struct Endpoint {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) shelf: Arc<Shelf>,
}

/// Tells the engine, when it is dropped, that nobody waits any more.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lost(error: &tokio::task::JoinError) -> Refusal {
    Refusal::new("XX000", format!("the statement was lost ({error})"))
}

impl Endpoint {
    /// Run a statement. Dropping the future interrupts it.
    pub(crate) async fn run(&self, asked: Asked) -> Result<Arc<Held>, Refusal> {
        let is_abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(Arc::clone(&is_abandoned));
        let engine = Arc::clone(&self.engine);
        let run = tokio::task::spawn_blocking(move || engine.run(&asked, &is_abandoned));
        let answer = run.await.map_err(|error| lost(&error))??;
        Ok(self.shelf.put(answer))
    }

    /// Return the columns of a statement.
    pub(crate) async fn describe(&self, asked: Asked) -> Result<SchemaRef, Refusal> {
        let engine = Arc::clone(&self.engine);
        let described = tokio::task::spawn_blocking(move || engine.describe(&asked));
        described.await.map_err(|error| lost(&error))?
    }

    /// Answer one statement; `is_failed` tells that its transaction has failed.
    pub(crate) async fn answer(
        &self,
        session: &Session,
        command: &Command,
        parameters: Vec<Parameter>,
        formats: Formats,
        is_failed: bool,
    ) -> PgWireResult<Response> {
        if is_failed && !matches!(command, Command::Commit | Command::Rollback | Command::RollbackTo) {
            let sentence = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(told(Refusal::new("25P02", sentence)));
        }
        match command {
            Command::Query(sql) => {
                let held = self.run(session.asks(sql, parameters)).await.map_err(told)?;
                Ok(Response::Query(whole(held, formats)))
            }
            Command::Declare { name, is_held, query } => {
                let held = self.run(session.asks(query, parameters)).await.map_err(told)?;
                session.state().open(name, held, *is_held).map_err(told)?;
                Ok(done("DECLARE CURSOR"))
            }
            Command::CopyOut { query, options } => {
                let held = self.run(session.asks(query, parameters)).await.map_err(told)?;
                Ok(Response::CopyOut(copy_out::response(held, options)))
            }
            Command::Fetch { name, direction, is_move } => {
                fetch(session, name, *direction, *is_move, formats)
            }
            _ => answer_session(session, command, formats, is_failed).map_err(told),
        }
    }
}

fn done(tag: &str) -> Response {
    Response::Execution(Tag::new(tag))
}

fn fetch(
    session: &Session,
    name: &str,
    direction: Direction,
    is_move: bool,
    formats: Formats,
) -> PgWireResult<Response> {
    let held = session.state().cursor(name).map_err(told)?;
    let rows = match direction {
        Direction::Next(rows) => rows,
        Direction::All => usize::MAX,
    };
    let batches = held.take(rows).map_err(told)?;
    if is_move {
        let count = batches.iter().map(arrow_array::RecordBatch::num_rows).sum();
        return Ok(Response::Execution(Tag::new("MOVE").with_rows(count)));
    }
    Ok(Response::Query(some(&held.schema, batches, formats, "FETCH")))
}

/// Answer what needs no engine.
fn answer_session(
    session: &Session,
    command: &Command,
    formats: Formats,
    is_failed: bool,
) -> Result<Response, Refusal> {
    let mut state = session.state();
    Ok(match command {
        Command::Begin(tag) => Response::TransactionStart(Tag::new(tag)),
        Command::Commit | Command::Rollback => {
            state.end_transaction();
            let is_rolled_back = is_failed || *command == Command::Rollback;
            Response::TransactionEnd(Tag::new(if is_rolled_back { "ROLLBACK" } else { "COMMIT" }))
        }
        // Nothing was done that could be undone: the transaction goes on as if it had not failed.
        Command::RollbackTo => done("ROLLBACK"),
        Command::Savepoint(tag) => done(tag),
        Command::Set { name, value } => {
            state.settings.set(name, value)?;
            done("SET")
        }
        Command::SetTransaction => done("SET"),
        Command::Reset(name) => {
            state.settings.reset(name.as_deref())?;
            done("RESET")
        }
        Command::Show(name) => {
            let value = state.settings.show(name)?;
            Response::Query(texts(&text_schema([name.as_str()]), &[vec![&value]], formats, "SHOW"))
        }
        Command::ShowAll => {
            let all: Vec<_> =
                state.settings.all().into_iter().map(|(name, value)| vec![name, value, ""]).collect();
            Response::Query(texts(&text_schema(SHOW_ALL), &all, formats, "SHOW"))
        }
        Command::DiscardAll => {
            state.settings.reset(None)?;
            state.close(None)?;
            done("DISCARD ALL")
        }
        Command::Close(name) => {
            state.close(name.as_deref())?;
            done(if name.is_none() { "CLOSE CURSOR ALL" } else { "CLOSE CURSOR" })
        }
        Command::Unlisten => done("UNLISTEN"),
        Command::Deallocate(None) => done("DEALLOCATE ALL"),
        Command::Deallocate(Some(_)) => done("DEALLOCATE"),
        Command::Query(_) | Command::Declare { .. } | Command::CopyOut { .. } | Command::Fetch { .. } => {
            return Err(Refusal::new("XX000", "a statement of the engine came to the session"));
        }
    })
}
