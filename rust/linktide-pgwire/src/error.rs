//! Refusals as the protocol tells them.

use pgwire::error::{ErrorInfo, PgWireError};

use crate::Refusal;

/// The error a client is sent; its session goes on.
pub(crate) fn told(refusal: Refusal) -> PgWireError {
    PgWireError::UserError(Box::new(info(refusal)))
}

pub(crate) fn info(refusal: Refusal) -> ErrorInfo {
    ErrorInfo::new("ERROR".to_owned(), refusal.code, refusal.message)
}

/// The error a client is sent before its connection is closed.
pub(crate) fn fatal(code: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".to_owned(), code.to_owned(), message.into())))
}

/// A client that broke the protocol.
pub(crate) fn violated(message: impl Into<String>) -> PgWireError {
    told(Refusal::new("08P01", message))
}
