//! What makes up the citation of one domain at one instant.

use crate::authority::Scale;

/// An edge to the domain.
#[derive(Debug, Clone, PartialEq)]
pub struct InLink {
    /// The linking domain.
    pub source: Box<str>,
    /// Its citation, x.
    pub citation: f64,
    /// Weight w of the edge.
    pub weight: f64,
    /// Sum W of the weights of all edges of the source; at least w.
    pub total: f64,
    /// Whether anybody links to the source.
    pub is_linked: bool,
}

impl InLink {
    /// The share w / W of its authority that the source passes by this edge.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.weight / self.total
    }

    /// What the edge passes: α·x·w/W.
    #[must_use]
    pub fn passed(&self, alpha: f64) -> f64 {
        alpha * self.citation * self.share()
    }
}

/// A domain at one instant: its citation is the prior and what its in-edges pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Damping.
    pub alpha: f64,
    /// Prior b.
    pub prior: f64,
    /// Citation x = b + Σ α·x·w/W, of the exact solution.
    pub citation: f64,
    /// By name of the source.
    pub in_links: Vec<InLink>,
}

impl Standing {
    /// The citation on the scale of 0 to 100.
    #[must_use]
    pub fn points(&self) -> f64 {
        self.points_with(0.0)
    }

    /// The points of the domain with so much more, or less, citation.
    #[must_use]
    pub fn points_with(&self, change: f64) -> f64 {
        Scale::Citation.points(self.citation + change, 1.0 - self.alpha)
    }
}
