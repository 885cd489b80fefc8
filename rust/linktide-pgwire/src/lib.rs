//! A PostgreSQL endpoint for an engine that answers statements with Arrow record batches.
//!
//! It speaks the protocol (simple and extended queries, SCRAM, TLS, cancel), answers what belongs to a
//! session (`BEGIN`, `SET`, `SHOW`, cursors, …) itself, and hands every other statement to an [`Engine`],
//! whose rows it writes in PostgreSQL's text and binary formats. It knows neither Python nor DuckDB.

mod connection;
mod copy_out;
mod encode;
mod endpoint;
mod engine;
mod error;
mod extended;
mod frames;
mod fuzz;
mod held;
mod login;
mod oids;
mod parameters;
mod rows;
mod server;
mod session;
mod settings;
mod simple;
mod statement;
mod tls;

pub use engine::{Answer, Asked, Engine, Parameter, Refusal};
pub use fuzz::exercise;
pub use login::{User, Users};
pub use server::{Server, ServerError, ServerSettings, Stats};
