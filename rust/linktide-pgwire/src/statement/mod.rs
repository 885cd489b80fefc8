//! What a statement is to the wire layer: its own business, or the engine's.

mod command;
mod copy;
mod dialect;
mod tokens;

pub(crate) use command::{Command, Direction, array_parameters, parameter_count, read};
pub(crate) use copy::{CopyFormat, CopyOptions};
pub(crate) use dialect::catalogue_question;
pub(crate) use tokens::split;

#[cfg(test)]
mod properties;
