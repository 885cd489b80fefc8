//! The linktide index core. It knows no Python: bytes come in, Arrow batches go out.
//!
//! Rooms, in the order the data runs: [`wire`] (Kafka record batches and NDJSON lines to records),
//! [`event`] (records to the event contract), [`url`] (identity), [`links`] (link state),
//! [`graph`] and [`authority`] (scores).

pub mod authority;
pub mod event;
pub mod graph;
pub mod links;
pub mod url;
pub mod wire;
