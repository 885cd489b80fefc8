//! What a statement is to the wire layer: its own business, or the engine's.

mod command;
mod copy;
mod dialect;
mod tokens;
mod types;

pub(crate) use command::{Command, Direction, read};
pub(crate) use copy::{CopyFormat, CopyOptions};
pub(crate) use dialect::catalogue_question;
pub(crate) use tokens::split;
pub(crate) use types::parameter_types;

#[cfg(test)]
mod properties;
