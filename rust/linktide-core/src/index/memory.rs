//! What the index takes of memory, part by part, and how it gives some back.

use super::Index;
use crate::authority::{Board, ScoredGraph};
use crate::error::CoreError;

impl Index {
    /// Bytes of each part, reserved room included. Together they are all that grows with the links; a batch
    /// in the making comes on top.
    #[must_use]
    pub fn memory(&self) -> [(&'static str, usize); 6] {
        let timers = self.timers.capacity() * size_of::<(i64, u32)>();
        let vectors = |scored: &ScoredGraph| scored.boards().map(Board::memory_bytes).sum::<usize>();
        [
            ("memory_links_bytes", self.links.memory_bytes() + timers),
            ("memory_pages_bytes", self.pages.memory_bytes() + self.page_registers.memory_bytes()),
            (
                "memory_domains_bytes",
                self.domains.memory_bytes() + self.seeds.memory_bytes() + self.importance.memory_bytes(),
            ),
            ("memory_page_graph_bytes", self.page_graph.graph().memory_bytes()),
            (
                "memory_domain_graph_bytes",
                self.domain_graph.graph().memory_bytes() + self.pairs.memory_bytes(),
            ),
            ("memory_vectors_bytes", vectors(&self.page_graph) + vectors(&self.domain_graph)),
        ]
    }

    /// Bytes of all parts.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Give back what is reserved and not needed now: room of dropped links, room to grow. Takes some time,
    /// and for a moment a second copy of the greatest part; for those who are short of memory.
    ///
    /// # Errors
    /// A graph has no room to be rewritten; it is unchanged then.
    pub fn shrink(&mut self) -> Result<(), CoreError> {
        self.links.shrink();
        self.pages.shrink();
        self.page_registers.shrink();
        self.domains.shrink();
        self.timers.shrink_to_fit();
        self.page_graph.shrink()?;
        self.domain_graph.shrink()?;
        Ok(())
    }
}
