//! The engine against exact solutions.

mod fuzzed;
mod oracle;
mod properties;
mod worst_cases;
