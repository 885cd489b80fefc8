//! The linktide index core. It knows no Python: bytes come in, Arrow batches go out.
//!
//! Rooms, in the order the data runs: [`wire`] (Kafka record batches and NDJSON lines to records),
//! [`event`] (records to the event contract), [`url`] (identity), [`mod@batch`] (events in columns), [`links`]
//! (link state), [`graph`] and [`authority`] (scores); [`index`] moves them all by one batch.
//! [`explain`] tells why the authority of a domain changed, or what would change it; [`snapshot`] is the file that
//! spares a start most of the tables; [`authority_graph`] is graph and scores alone, for callers with ids of their own.

pub mod authority;
pub mod authority_graph;
pub mod batch;
mod blocks;
pub mod error;
pub mod event;
pub mod explain;
pub mod graph;
pub mod index;
pub mod links;
mod memory;
mod places;
mod prefetch;
mod second_thread;
mod shards;
pub mod snapshot;
mod thread_clock;
pub mod url;
pub mod wire;
