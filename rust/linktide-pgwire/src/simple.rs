//! Simple queries: one text, any number of statements.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Sink;
use pgwire::api::query::SimpleQueryHandler;
use pgwire::api::results::Response;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::TransactionStatus;

use crate::encode::Formats;
use crate::endpoint::Endpoint;
use crate::error::{fatal, told};
use crate::session::Session;
use crate::statement::{Command, read, split};

/// Statements of one text at most.
const MOST_STATEMENTS: usize = 64;

/// Answers simple queries.
pub(crate) struct Simple(pub(crate) Arc<Endpoint>);

/// The session of a connection that has logged in.
pub(crate) fn session_of<C: ClientInfo>(client: &C) -> PgWireResult<Arc<Session>> {
    client.session_extensions().get::<Session>().ok_or_else(|| fatal("28000", "log in first"))
}

pub(crate) fn is_failed<C: ClientInfo>(client: &C) -> bool {
    matches!(client.transaction_status(), TransactionStatus::Error)
}

#[async_trait]
impl SimpleQueryHandler for Simple {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let session = session_of(client)?;
        let mut is_failed = is_failed(client);
        let statements = split(query);
        if statements.is_empty() {
            return Ok(vec![Response::EmptyQuery]);
        }
        if statements.len() > MOST_STATEMENTS {
            let sentence = format!("a text may hold {MOST_STATEMENTS} statements; send them in pieces");
            return Err(told(crate::Refusal::new("54000", sentence)));
        }
        let mut responses = Vec::new();
        for statement in statements {
            let answered = match read(statement) {
                Ok(command) => {
                    forget(client, &command);
                    self.0.answer(&session, &command, Vec::new(), Formats::text(), is_failed).await
                }
                Err(refusal) => Err(told(refusal)),
            };
            match answered {
                Ok(response) => {
                    is_failed = is_failed && !matches!(response, Response::TransactionEnd(_));
                    responses.push(response);
                }
                Err(error) => {
                    responses.push(Response::Error(Box::new(error.into())));
                    break;
                }
            }
        }
        Ok(responses)
    }
}

/// Drop what a statement ends of the extended protocol's own store.
pub(crate) fn forget<C>(client: &C, command: &Command)
where
    C: ClientPortalStore,
    C::PortalStore: PortalStore,
{
    match command {
        Command::Commit | Command::Rollback | Command::DiscardAll => client.portal_store().clear_portals(),
        Command::Deallocate(Some(name)) => client.portal_store().rm_statement(name),
        _ => {}
    }
}
