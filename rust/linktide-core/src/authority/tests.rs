//! The engine against exact solutions.

mod oracle;
mod properties;
mod worst_cases;
