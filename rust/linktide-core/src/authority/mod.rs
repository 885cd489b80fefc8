//! Authority that follows every link: `PageRank` kept current by pushing signed residuals.
//!
//! A vector holds for each node an estimate x and a signed residual r, and between any two calls
//! `x + r = b + α·Pᵀx` (up to rounding), where P is the graph's out-weights normalised per source and b the
//! prior. So `x* − x = (I − αPᵀ)⁻¹ r`: r tells at every moment how wrong x can be. A link event changes x
//! and r of its two ends only; draining pushes residuals above the threshold along out-links.
//! Sources: Zhang, Lofgren, Goel, "Approximate personalized `PageRank` on dynamic graphs" (KDD 2016);
//! Ohsaka et al., "Efficient `PageRank` tracking in evolving networks" (KDD 2015).
//!
//! A source without out-links keeps what it has (no mass is spread over all nodes), so scores do not depend
//! on how many nodes there are; `PageRank` with dangling mass redistributed is x / Σx.
//!
//! ```
//! use linktide_core::authority::{AuthoritySettings, AuthorityVector, Budget};
//! use linktide_core::graph::{LinkGraph, WeightClass};
//!
//! let mut graph = LinkGraph::new();
//! let mut authority = AuthorityVector::new(AuthoritySettings::default())?;
//! let (a, b) = (graph.add_node()?, graph.add_node()?);
//! let change = graph.set_link(a, b, WeightClass::FIRST)?;
//! authority.on_link_change(&graph, &change);
//! authority.drain(&graph, Budget::Unlimited);
//! assert!((authority.x(b) - 0.15 * 1.85).abs() <= 0.01 * 0.15 * 1.85);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod board;
mod cut_push;
mod fuzz;
mod queue;
mod score;
mod scored_graph;
mod settings;
mod solve;
pub(crate) mod sum;
#[cfg(test)]
mod tests;
mod vector;

pub use board::Board;
pub use fuzz::exercise;
pub use score::{SCALE_DECADES, SCALE_VERSION, Scale, TRUST_DECADES, relative_bound};
pub use scored_graph::{ScoredGraph, drain_all};
pub use settings::{AuthorityError, AuthoritySettings, Budget, DrainOutcome, Threshold, is_bulk};
pub use vector::AuthorityVector;
