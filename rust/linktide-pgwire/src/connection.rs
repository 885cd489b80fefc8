//! One connection from its first byte to its last.

use std::io;
use std::sync::Arc;

use futures::SinkExt;
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{ClientInfo, NoopHandler, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::TlsAcceptor;
use pgwire::tokio::server::{PgWireMessageServerCodec, negotiate_tls, process_error, process_message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder, Framed};

use crate::error::{fatal, told};
use crate::extended::{Extended, Prepared};
use crate::frames::{Flaw, check, size_of};
use crate::login::Login;
use crate::simple::Simple;

/// Bytes of one message: a statement has fewer than the gate takes, arrays of parameters may have more.
const MOST_BYTES: usize = 16 << 20;
/// And of one from a client that has not logged in.
const MOST_STRANGE_BYTES: usize = 64 << 10;
const READ_BYTES: usize = 8 << 10;
/// What is gathered before it is written: a large result goes out in few calls of the kernel.
const WRITE_BYTES: usize = 64 << 10;

/// What answers on a connection.
pub(crate) struct Handlers {
    pub(crate) simple: Arc<Simple>,
    pub(crate) extended: Arc<Extended>,
    pub(crate) login: Arc<Login>,
    pub(crate) cancel: Arc<DefaultCancelHandler>,
}

/// A stream, what was read of it and not answered, and what is known of the client.
pub(crate) type Socket<S> = Framed<S, PgWireMessageServerCodec<Arc<Prepared>>>;

/// Answer until the client leaves.
///
/// # Errors
/// What the socket says.
pub(crate) async fn answer(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    handlers: &Handlers,
) -> io::Result<()> {
    let Some(mut socket) = negotiate_tls(stream, tls).await? else { return Ok(()) };
    // What came in plain, after the client had asked for TLS, was not sent by the one who ends up under it.
    if socket.is_secure() && !socket.read_buffer().is_empty() {
        return Ok(());
    }
    socket.set_backpressure_boundary(WRITE_BYTES);
    converse(&mut socket, handlers).await
}

/// Answer one message after the other until the client leaves, or cannot be understood.
///
/// # Errors
/// What the stream says.
pub(crate) async fn converse<S>(socket: &mut Socket<S>, handlers: &Handlers) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    loop {
        match next(socket).await? {
            Next::Left | Next::Message(PgWireFrontendMessage::Terminate(_)) => return Ok(()),
            Next::Message(message) => {
                if take(socket, message, handlers).await? {
                    return Ok(());
                }
            }
            Next::Refused { error, is_extended } => {
                let is_strange = is_strange(socket);
                if tell(socket, error, is_extended, is_strange).await? {
                    return Ok(());
                }
            }
        }
    }
}

/// What a client did next.
enum Next {
    Message(PgWireFrontendMessage),
    Left,
    /// Sent what is no message.
    Refused {
        error: PgWireError,
        is_extended: bool,
    },
}

/// Read the next message whole: no more of one is held than it may have.
async fn next<S>(socket: &mut Socket<S>) -> io::Result<Next>
where
    S: AsyncRead + Unpin + 'static,
{
    let is_first = matches!(socket.state(), PgWireConnectionState::AwaitingStartup);
    let most = if is_strange(socket) { MOST_STRANGE_BYTES } else { MOST_BYTES };
    loop {
        match size_of(socket.read_buffer(), is_first, most) {
            Ok(Some(size)) if socket.read_buffer().len() >= size => return Ok(read(socket, size, is_first)),
            Ok(_) => {}
            Err(flaw) => return Ok(refused(&flaw, false)),
        }
        // Out of the socket for the time of the read: both are parts of it.
        let mut buffer = std::mem::take(socket.read_buffer_mut());
        buffer.reserve(READ_BYTES);
        let count = socket.get_mut().read_buf(&mut buffer).await?;
        *socket.read_buffer_mut() = buffer;
        if count == 0 {
            return Ok(Next::Left);
        }
    }
}

fn read<S>(socket: &mut Socket<S>, size: usize, is_first: bool) -> Next {
    let mut message = socket.read_buffer_mut().split_to(size);
    if !is_first {
        let is_extended = message.first().is_some_and(|kind| b"PBCDE".contains(kind));
        if let Err(flaw) = check(&message) {
            return refused(&flaw, is_extended);
        }
    }
    match socket.codec_mut().decode(&mut message) {
        Ok(Some(message)) => Next::Message(message),
        Ok(None) | Err(_) => refused(&Flaw::Malformed, false),
    }
}

fn refused(flaw: &Flaw, is_extended: bool) -> Next {
    let refusal = flaw.refusal();
    let error =
        if *flaw == Flaw::NotUtf8 { told(refusal) } else { fatal(&refusal.code, refusal.message.as_str()) };
    Next::Refused { error, is_extended }
}

/// Answer one message; tell whether it was the last.
async fn take<S>(
    socket: &mut Socket<S>,
    message: PgWireFrontendMessage,
    handlers: &Handlers,
) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let is_extended = match socket.state() {
        PgWireConnectionState::CopyInProgress(is_extended) => is_extended,
        _ => message.is_extended_query(),
    };
    let is_strange = is_strange(socket);
    let is_cancel = matches!(message, PgWireFrontendMessage::CancelRequest(_));
    let answered = process_message(
        message,
        socket,
        Arc::clone(&handlers.login),
        Arc::clone(&handlers.simple),
        Arc::clone(&handlers.extended),
        Arc::new(NoopHandler),
        Arc::clone(&handlers.cancel),
    )
    .await;
    match answered {
        Ok(()) => Ok(is_cancel),
        Err(error) => tell(socket, error, is_extended, is_strange).await,
    }
}

/// Whether the client has not logged in yet.
fn is_strange<S: 'static>(socket: &Socket<S>) -> bool {
    matches!(
        socket.state(),
        PgWireConnectionState::AwaitingStartup | PgWireConnectionState::AuthenticationInProgress
    )
}

/// Tell the client of an error; return whether it was the last word.
///
/// The library lets every client go on after an error, one that has not logged in, too.
async fn tell<S>(
    socket: &mut Socket<S>,
    error: PgWireError,
    is_extended: bool,
    is_strange: bool,
) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    if error.is_fatal() || is_strange {
        socket.send(PgWireBackendMessage::ErrorResponse(ErrorInfo::from(error).into())).await?;
        socket.close().await?;
        return Ok(true);
    }
    process_error(socket, error, is_extended).await?;
    Ok(false)
}
