//! One connection from its first byte to its last, with a bound on what a message may hold.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::StreamExt;
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{ClientInfo, NoopHandler, PgWireConnectionState};
use pgwire::messages::PgWireFrontendMessage;
use pgwire::tokio::TlsAcceptor;
use pgwire::tokio::server::{
    MaybeTls, PgWireMessageServerCodec, negotiate_tls, process_error, process_message,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::codec::{Framed, FramedParts};

use crate::extended::{Extended, Prepared};
use crate::login::Login;
use crate::simple::Simple;

/// Bytes of one message: a statement has fewer than the gate takes, arrays of parameters may have more.
const MOST_BYTES: usize = 16 << 20;
/// And of one from a client that has not logged in.
const MOST_STRANGE_BYTES: usize = 64 << 10;

/// What answers on a connection.
pub(crate) struct Handlers {
    pub(crate) simple: Arc<Simple>,
    pub(crate) extended: Arc<Extended>,
    pub(crate) login: Arc<Login>,
    pub(crate) cancel: Arc<DefaultCancelHandler>,
}

type Socket = Framed<Bounded, PgWireMessageServerCodec<Arc<Prepared>>>;

/// Answer until the client leaves.
///
/// # Errors
/// What the socket says, and a message that is too long.
pub(crate) async fn answer(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    handlers: &Handlers,
) -> io::Result<()> {
    let Some(negotiated) = negotiate_tls(stream, tls).await? else { return Ok(()) };
    let negotiated = negotiated.into_parts();
    let mut parts = FramedParts::new(Bounded { inner: negotiated.io, left: 0 }, negotiated.codec);
    parts.read_buf = negotiated.read_buf;
    parts.write_buf = negotiated.write_buf;
    let mut socket = Framed::from_parts(parts);
    loop {
        let is_known = !matches!(
            socket.state(),
            PgWireConnectionState::AwaitingStartup | PgWireConnectionState::AuthenticationInProgress
        );
        socket.get_mut().left = if is_known { MOST_BYTES } else { MOST_STRANGE_BYTES };
        let message = match socket.next().await {
            Some(Ok(message)) if !matches!(message, PgWireFrontendMessage::Terminate(_)) => message,
            _ => return Ok(()),
        };
        if take(&mut socket, message, handlers).await? {
            return Ok(());
        }
    }
}

/// Answer one message; tell whether it was the last.
async fn take(socket: &mut Socket, message: PgWireFrontendMessage, handlers: &Handlers) -> io::Result<bool> {
    let is_extended = match socket.state() {
        PgWireConnectionState::CopyInProgress(is_extended) => is_extended,
        _ => message.is_extended_query(),
    };
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
    if let Err(error) = answered {
        let is_fatal = error.is_fatal();
        process_error(socket, error, is_extended).await?;
        return Ok(is_fatal);
    }
    Ok(is_cancel)
}

/// A stream of which no more than `left` bytes can be read.
struct Bounded {
    inner: MaybeTls,
    left: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the message is too long")));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
