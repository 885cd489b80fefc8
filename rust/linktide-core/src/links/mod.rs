//! Link state: what is known of each link, by the specification that state is a pure function of the set
//! of accepted events.

pub mod attribute;
pub mod domains;
pub mod flow;
pub mod life;
mod packed;
pub mod page_register;
pub mod pages;
pub mod register;
mod saved;
mod shared_hashes;
mod sources;
pub mod table;
