//! What a vector is told, and what a drain answers.

use std::time::Duration;

/// When a residual is worth pushing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// |r| > ε(1−α): every drained x is within ε·x* of the exact x*, provided each prior is at least 1−α.
    Const,
    /// |r| > ε(1−α)·max(1, x): fewer edges; total error at most ε(n + Σx), per node about 2ε·x*.
    Relative,
}

/// How a vector computes. The default is citation authority: α 0.85, ε 0.01, "const", prior 1−α.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuthoritySettings {
    /// Share of a node's authority that its links pass on, between 0 and 1.
    pub alpha: f64,
    /// Relative error that a drain may leave.
    pub epsilon: f64,
    /// When a residual is pushed.
    pub threshold: Threshold,
    /// b of every node that has none of its own: 1−α for citation, 0 for trust from named seeds.
    pub prior: f64,
}

impl Default for AuthoritySettings {
    fn default() -> Self {
        Self { alpha: 0.85, epsilon: 1e-2, threshold: Threshold::Const, prior: 1.0 - 0.85 }
    }
}

impl AuthoritySettings {
    /// The same settings, or which of them cannot work.
    ///
    /// # Errors
    /// α outside (0, 1), ε outside [1e-15, 1], a prior that is negative or not finite.
    pub fn checked(self) -> Result<Self, AuthorityError> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(AuthorityError::Alpha { alpha: self.alpha });
        }
        check_epsilon(self.epsilon)?;
        check_prior(self.prior)?;
        Ok(self)
    }
}

pub(super) fn check_epsilon(epsilon: f64) -> Result<(), AuthorityError> {
    // Below 1e-15 rounding alone is larger than the promise.
    if (1e-15..=1.0).contains(&epsilon) { Ok(()) } else { Err(AuthorityError::Epsilon { epsilon }) }
}

pub(super) fn check_prior(prior: f64) -> Result<(), AuthorityError> {
    if prior >= 0.0 && prior.is_finite() { Ok(()) } else { Err(AuthorityError::Prior { prior }) }
}

/// Why a vector refused a setting.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AuthorityError {
    /// α outside (0, 1).
    #[error("alpha must lie between 0 and 1, not {alpha}")]
    Alpha {
        /// The value given.
        alpha: f64,
    },
    /// ε out of range.
    #[error("epsilon must lie between 1e-15 and 1, not {epsilon}")]
    Epsilon {
        /// The value given.
        epsilon: f64,
    },
    /// A threshold nobody knows.
    #[error("threshold must be \"const\" or \"x\", not {name:?}")]
    Threshold {
        /// The name given.
        name: String,
    },
    /// A prior that is negative or not finite.
    #[error("a prior must be finite and at least 0, not {prior}")]
    Prior {
        /// The value given.
        prior: f64,
    },
    /// A node the graph does not have.
    #[error("node {node} is unknown: the graph has nodes 0 to {nodes} (exclusive)")]
    UnknownNode {
        /// The id given.
        node: u32,
        /// Nodes in the graph.
        nodes: usize,
    },
    /// A snapshot with a value no vector can have.
    #[error("the snapshot gives node {node} the authority {x}; it must be finite and at least 0")]
    Snapshot {
        /// The node.
        node: usize,
        /// The value given.
        x: f64,
    },
}

/// How much work one drain may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Until nothing is over the threshold.
    Unlimited,
    /// Until about this many edges were followed; at least one node is pushed. A node is pushed whole, or in
    /// parts of some ten thousand links, and a drain may overrun by one of them.
    Edges(u64),
    /// Until about this much time went by on the wall clock. It is looked at after every few thousand edges,
    /// or one part of a large node.
    Time(Duration),
}

/// What a drain did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainOutcome {
    /// Edges followed.
    pub edges: u64,
    /// Nodes pushed.
    pub pushes: u64,
    /// Whether the promised ε now holds; false when the budget ended first.
    pub is_drained: bool,
}

impl Threshold {
    /// The threshold of a name: "const" or "x".
    ///
    /// # Errors
    /// Any other name.
    pub fn from_name(name: &str) -> Result<Self, AuthorityError> {
        match name {
            "const" => Ok(Self::Const),
            "x" => Ok(Self::Relative),
            _ => Err(AuthorityError::Threshold { name: name.chars().take(40).collect() }),
        }
    }
}

/// Whether a batch is so large that [`super::AuthorityVector::solve`] costs less than pushing: above a tenth
/// of the live links. Measured: they cost the same at 6 % to 30 %, by graph and ε, and a push follows 10 to 20
/// times fewer edges, so a solve is worth its steady passes over all links only far above.
#[must_use]
pub fn is_bulk(changed_links: u64, live_links: u64) -> bool {
    changed_links as f64 > 0.1 * live_links as f64
}
