//! Extended queries: statements that are parsed, bound, described and executed one after the other.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::future::{Either, select};
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, send_describe_response};
use pgwire::api::results::{
    DescribePortalResponse, DescribeStatementResponse, FieldInfo, QueryResponse, Response, Tag,
};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{
    ClientInfo, ClientPortalStore, ConnectionHandle, DEFAULT_NAME, PgWireConnectionState, Type,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Describe, Execute, Parse, ParseComplete, PortalSuspended, Sync as Synchronize,
    TARGET_TYPE_BYTE_PORTAL,
};
use pgwire::messages::response::{CommandComplete, TransactionStatus};
use tokio::sync::OnceCell;

use crate::encode::{Formats, fields_of};
use crate::endpoint::Endpoint;
use crate::error::{told, violated};
use crate::rows::{SHOW_ALL, text_schema};
use crate::simple::{forget, is_failed, session_of};
use crate::statement::{Command, parameter_types, read, split};
use crate::{Parameter, Refusal, parameters};

/// Prepared statements of one connection at most.
const MOST_STATEMENTS: usize = 1_000;
/// Parameters of one statement at most.
const MOST_PARAMETERS: usize = 1_000;

/// Answers extended queries.
pub(crate) struct Extended(pub(crate) Arc<Endpoint>);

/// A prepared statement.
#[derive(Debug)]
pub(crate) struct Prepared {
    command: Command,
    /// Of the parameters, where the client leaves them open.
    types: Vec<Type>,
    /// Found out when a client asks for them first.
    columns: OnceCell<SchemaRef>,
}

/// How many statements a connection has parsed, less those it has closed.
#[derive(Debug, Default)]
struct Parsed(std::sync::atomic::AtomicUsize);

/// Reads statements, whatever they are of.
#[derive(Debug)]
pub(crate) struct Reader;

#[async_trait]
impl QueryParser for Reader {
    type Statement = Arc<Prepared>;

    async fn parse_sql<C>(
        &self,
        _client: &C,
        sql: &str,
        _types: &[Option<Type>],
    ) -> PgWireResult<Option<Self::Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let statement = match split(sql)[..] {
            [] => return Ok(None),
            [one] => one,
            _ => {
                let sentence = "cannot insert multiple commands into a prepared statement";
                return Err(told(Refusal::new("42601", sentence)));
            }
        };
        let command = read(statement).map_err(told)?;
        let types = parameter_types(statement);
        if types.len() > MOST_PARAMETERS {
            let sentence = format!("a statement may have {MOST_PARAMETERS} parameters");
            return Err(told(Refusal::new("54000", sentence)));
        }
        Ok(Some(Arc::new(Prepared { command, types, columns: OnceCell::new() })))
    }

    fn get_parameter_types(&self, statement: &Self::Statement) -> PgWireResult<Vec<Type>> {
        Ok(statement.types.clone())
    }

    fn get_result_schema(&self, _: &Self::Statement, _: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Extended {
    type Statement = Arc<Prepared>;
    type QueryParser = Reader;

    fn query_parser(&self) -> Arc<Self::QueryParser> {
        Arc::new(Reader)
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        if client.portal_store().get_statement(&name).is_none() {
            let parsed = client.session_extensions().get_or_insert_with(Parsed::default);
            if parsed.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= MOST_STATEMENTS {
                let sentence = format!("a connection may prepare {MOST_STATEMENTS} statements; connect anew");
                return Err(told(Refusal::new("54000", sentence)));
            }
        }
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(&name),
        }
        client.feed(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
        let (given, formats) = (message.parameters.len(), message.parameter_format_codes.len());
        if formats > 1 && formats != given {
            return Err(violated(format!("bind message has {formats} formats but {given} parameters")));
        }
        match client.portal_store().get_statement(name) {
            None => return Err(PgWireError::StatementNotFound(name.to_owned())),
            Some(Entry::Empty) if given == 0 => client.portal_store().put_empty_portal(portal),
            Some(entry) => {
                let wanted = entry.value().map_or(0, |stored| stored.statement.types.len());
                let Some(stored) = entry.value().filter(|_| wanted == given) else {
                    return Err(violated(format!(
                        "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {wanted}"
                    )));
                };
                let bound = Portal::try_new(&message, Arc::clone(stored))?;
                client.portal_store().put_portal(Arc::new(bound));
            }
        }
        client.feed(PgWireBackendMessage::BindComplete(BindComplete::new())).await?;
        Ok(())
    }

    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        // A cursor can be described like a portal: psycopg does so after DECLARE.
        if message.target_type == TARGET_TYPE_BYTE_PORTAL {
            let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
            if client.portal_store().get_portal(name).is_none() {
                let cursor = session_of(client)?.state().cursor(name);
                if let Ok(held) = cursor {
                    let fields = fields_of(&held.schema, &Formats::text());
                    return send_describe_response(client, &DescribePortalResponse::new(fields)).await;
                }
            }
        }
        self._on_describe(client, message).await
    }

    async fn do_describe_statement<C>(
        &self,
        client: &mut C,
        target: &StoredStatement<Self::Statement>,
    ) -> PgWireResult<DescribeStatementResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &target.statement;
        let given = target.parameter_types.iter().map(|one| one.clone().filter(|one| *one != Type::UNKNOWN));
        let given = given.chain(std::iter::repeat(None));
        let types = prepared
            .types
            .iter()
            .zip(given)
            .map(|(own, given)| given.unwrap_or_else(|| own.clone()))
            .collect();
        let session = session_of(client)?;
        let schema = match &prepared.command {
            Command::Query(sql) => {
                let asked = session.asks(sql, vec![Parameter::Null; prepared.types.len()]);
                let described = prepared.columns.get_or_try_init(|| self.0.describe(asked)).await;
                Some(Arc::clone(described.map_err(told)?))
            }
            Command::Show(name) => Some(text_schema([name.as_str()])),
            Command::ShowAll => Some(text_schema(SHOW_ALL)),
            Command::Fetch { name, is_move: false, .. } => {
                Some(Arc::clone(&session.state().cursor(name).map_err(told)?.schema))
            }
            _ => None,
        };
        let fields = schema.map_or_else(Vec::new, |schema| fields_of(&schema, &Formats::text()));
        Ok(DescribeStatementResponse::new(types, fields))
    }

    async fn do_describe_portal<C>(
        &self,
        client: &mut C,
        target: &Portal<Self::Statement>,
    ) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !target.statement.statement.command.has_rows() {
            return Ok(DescribePortalResponse::new(Vec::new()));
        }
        // The columns are those of the result itself, so that a statement runs once, not twice.
        self.start(client, target).await?;
        match &*target.state().lock().await {
            PortalExecutionState::Suspended(response) => {
                Ok(DescribePortalResponse::new(response.row_schema().to_vec()))
            }
            _ => Ok(DescribePortalResponse::new(Vec::new())),
        }
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) if portal.statement.statement.command.has_rows() => portal,
            // What has no rows, and what there is not, is the library's own matter.
            _ => return self._on_execute(client, message).await,
        };
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        client.set_state(PgWireConnectionState::QueryInProgress);
        self.start(client, &portal).await?;
        send_rows(client, &portal, message.max_rows).await?;
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    async fn on_sync<C>(&self, client: &mut C, _message: Synchronize) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        // Portals live as long as their transaction, which is over here unless the client began one.
        match status {
            TransactionStatus::Idle => client.portal_store().clear_portals(),
            _ => client.portal_store().rm_portal(DEFAULT_NAME),
        }
        pgwire::api::query::send_ready_for_query(client, status).await
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Self::Statement>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let session = session_of(client)?;
        let prepared = &portal.statement.statement;
        let parameters = bound(portal)?;
        let formats = Formats::asked(&portal.result_column_format);
        forget(client, &prepared.command);
        self.0.answer(&session, &prepared.command, parameters, formats, is_failed(client)).await
    }
}

impl Extended {
    /// Run the statement of a portal, unless it has run; a cancel request ends it.
    async fn start<C>(&self, client: &mut C, portal: &Portal<Arc<Prepared>>) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Prepared>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(*portal.state().lock().await, PortalExecutionState::Initial) {
            return Ok(());
        }
        let handle = client.session_extensions().get::<Arc<ConnectionHandle>>();
        let answered = match handle {
            None => self.do_query(client, portal, 0).await,
            Some(handle) => {
                let cancelled = handle.start_query().await;
                match select(self.do_query(client, portal, 0), cancelled).await {
                    Either::Left((answered, _)) => answered,
                    Either::Right(_) => Err(PgWireError::QueryCanceled),
                }
            }
        };
        if let Response::Query(response) = answered? {
            portal.start(response).await;
        }
        Ok(())
    }
}

/// Send the rows of a portal, at most `max_rows` of them unless that is 0.
async fn send_rows<C>(client: &mut C, portal: &Portal<Arc<Prepared>>, max_rows: i32) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let most = usize::try_from(max_rows).ok().filter(|rows| *rows > 0).unwrap_or(usize::MAX);
    let state = portal.state();
    let mut state = state.lock().await;
    let mut sent = 0;
    let mut tag = "SELECT".to_owned();
    if let PortalExecutionState::Suspended(response) = &mut *state {
        response.command_tag().clone_into(&mut tag);
        if !send_some(client, response, most, &mut sent).await? {
            client.feed(PgWireBackendMessage::PortalSuspended(PortalSuspended::new())).await?;
            return Ok(());
        }
        *state = PortalExecutionState::Finished;
    }
    let complete: CommandComplete = Tag::new(&tag).with_rows(sent).into();
    client.feed(PgWireBackendMessage::CommandComplete(complete)).await?;
    Ok(())
}

/// Send up to `most` rows; tell whether these were the last.
async fn send_some<C>(
    client: &mut C,
    response: &mut QueryResponse,
    most: usize,
    sent: &mut usize,
) -> PgWireResult<bool>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    while *sent < most {
        let Some(row) = response.data_rows().next().await else { return Ok(true) };
        client.feed(PgWireBackendMessage::DataRow(row?)).await?;
        *sent += 1;
    }
    Ok(false)
}

/// The values a client has bound.
fn bound(portal: &Portal<Arc<Prepared>>) -> PgWireResult<Vec<Parameter>> {
    let types = &portal.statement.parameter_types;
    let formats = Formats::asked(&portal.parameter_format);
    let values = portal.parameters.iter().enumerate();
    values
        .map(|(place, value)| {
            let given = types.get(place).and_then(Option::as_ref).filter(|one| **one != Type::UNKNOWN);
            let pg_type = given.or_else(|| portal.statement.statement.types.get(place));
            parameters::read(value.as_ref(), pg_type, formats.is_binary(place)).map_err(told)
        })
        .collect()
}
