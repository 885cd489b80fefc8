//! Why the authority of a domain changed, and what would change it.
//!
//! [`DomainWeb`] takes the live links of one instant and solves the domain graph they make, by the same rules
//! as [`crate::index`] does link by link. A [`Standing`] is what that solution says of one domain: its prior and
//! each in-edge. Two standings of one domain give a [`Change`], whose parts add up to it; one web and two lists
//! of domains give a [`WhatIf`].
//!
//! With s = w / W, the share of its authority that a source u passes to v, each in-edge passes `α·x_u·s`, so
//! `x_v = b_v + Σ α·x_u·s_u`, and a change of that is the sum of the changes of its terms, exactly. A term that
//! is there on both sides changes by the product rule about the midpoints, which leaves no rest.

mod change;
mod standing;
#[cfg(test)]
mod tests;
mod web;
mod what_if;

pub use change::{Change, ChangeRow, PARTS};
pub use standing::{InLink, Standing};
pub use web::{DomainWeb, SolvedWeb, WebOptions};
pub use what_if::{WhatIf, WhatIfError, WhatIfRow};
