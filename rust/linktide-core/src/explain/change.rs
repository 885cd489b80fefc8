//! What made up the change of a domain's citation between two instants.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};

use super::{InLink, Standing};
use crate::authority::sum::ExactSum;
use crate::error::CoreError;

/// The parts of a change, in the order of [`ChangeRow::parts`].
///
/// With α·x·s before and α·x'·s' after (s = w/W):
/// * `gained`: the edge is there after alone, + α·x'·s'
/// * `lost`: it was there before alone, − α·x·s
/// * `source_rank`: α·(x' − x)·(s + s')/2, the source itself rose or fell
/// * `dilution`: α·(x + x')/2·(w + w')/2·(1/W' − 1/W), the source shares among more, or fewer
/// * `reweighted`: α·(x + x')/2·(w' − w)·(1/W + 1/W')/2, the edge itself weighs more or less (its rel changed)
/// * `prior`: b' − b
///
/// The three of an edge that stays add up to α·(x's' − xs).
pub const PARTS: [&str; 6] = ["gained", "lost", "source_rank", "dilution", "reweighted", "prior"];

/// One in-edge, or the prior, and what it did to the change.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRow {
    /// The linking domain; none for the domain's own prior.
    pub source: Option<Box<str>>,
    /// By [`PARTS`]; what does not apply is 0.
    pub parts: [f64; 6],
    /// The edge before, if it was there.
    pub before: Option<InLink>,
    /// The edge after, if it is there.
    pub after: Option<InLink>,
}

impl ChangeRow {
    /// What the row adds to the change.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.parts.iter().sum()
    }

    fn of_edge(alpha: f64, before: Option<&InLink>, after: Option<&InLink>) -> Self {
        let parts = match (before, after) {
            (None, Some(after)) => [after.passed(alpha), 0.0, 0.0, 0.0, 0.0, 0.0],
            (Some(before), None) => [0.0, -before.passed(alpha), 0.0, 0.0, 0.0, 0.0],
            (Some(before), Some(after)) => staying(alpha, before, after),
            (None, None) => [0.0; 6],
        };
        let source = after.or(before).map(|link| link.source.clone());
        Self { source, parts, before: before.cloned(), after: after.cloned() }
    }
}

fn staying(alpha: f64, before: &InLink, after: &InLink) -> [f64; 6] {
    let middle = |of: fn(&InLink) -> f64| f64::midpoint(of(before), of(after));
    let source_rank = alpha * (after.citation - before.citation) * middle(InLink::share);
    let citation = alpha * middle(|link| link.citation);
    let per_weight = |link: &InLink| 1.0 / link.total;
    let dilution = citation * middle(|link| link.weight) * (per_weight(after) - per_weight(before));
    let reweighted = citation * (after.weight - before.weight) * middle(per_weight);
    [0.0, 0.0, source_rank, dilution, reweighted, 0.0]
}

/// The change of a domain's citation, in parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The domain before.
    pub before: Standing,
    /// The domain after.
    pub after: Standing,
    /// The largest first; only rows that are not 0 throughout.
    pub rows: Vec<ChangeRow>,
}

impl Change {
    /// The change from one standing of a domain to another one of it.
    #[must_use]
    pub fn between(before: Standing, after: Standing) -> Self {
        let alpha = after.alpha;
        let mut rows = Vec::with_capacity(after.in_links.len() + 1);
        let (mut old, mut new) = (before.in_links.iter().peekable(), after.in_links.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.source.cmp(&new.source),
            };
            let was = if order == Ordering::Greater { None } else { old.next() };
            let is = if order == Ordering::Less { None } else { new.next() };
            rows.push(ChangeRow::of_edge(alpha, was, is));
        }
        let prior = after.prior - before.prior;
        rows.push(ChangeRow {
            source: None,
            parts: [0.0, 0.0, 0.0, 0.0, 0.0, prior],
            before: None,
            after: None,
        });
        rows.retain(|row| row.parts.iter().any(|part| *part != 0.0));
        rows.sort_by(|a, b| {
            b.change().abs().total_cmp(&a.change().abs()).then_with(|| a.source.cmp(&b.source))
        });
        Self { before, after, rows }
    }

    /// Citation after less citation before.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.after.citation - self.before.citation
    }

    /// The sum of each part over all rows, by [`PARTS`].
    #[must_use]
    pub fn sums(&self) -> [f64; 6] {
        let mut sums = [ExactSum::default(); 6];
        for row in &self.rows {
            sums.iter_mut().zip(row.parts).for_each(|(sum, part)| sum.add(part));
        }
        sums.map(ExactSum::value)
    }

    /// The rows: `source_domain`, `change`, one column for each of [`PARTS`], and of the edge before and after
    /// `citation_…` of the source, `share_…` and `passed_…`, null where it is not there.
    ///
    /// # Errors
    /// Arrow's, if the columns could not be put together.
    pub fn table(&self) -> Result<RecordBatch, CoreError> {
        let numbers = |of: &dyn Fn(&ChangeRow) -> Option<f64>| -> ArrayRef {
            Arc::new(self.rows.iter().map(of).collect::<Float64Array>())
        };
        let sources = self.rows.iter().map(|row| row.source.as_deref()).collect::<StringArray>();
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![("source_domain", Arc::new(sources)), ("change", numbers(&|row| Some(row.change())))];
        for (at, name) in PARTS.iter().enumerate() {
            columns.push((name, numbers(&|row| row.parts.get(at).copied())));
        }
        let alpha = self.after.alpha;
        let of = |link: &Option<InLink>, value: &dyn Fn(&InLink) -> f64| link.as_ref().map(value);
        columns.extend([
            ("citation_before", numbers(&|row| of(&row.before, &|link| link.citation))),
            ("citation_after", numbers(&|row| of(&row.after, &|link| link.citation))),
            ("share_before", numbers(&|row| of(&row.before, &InLink::share))),
            ("share_after", numbers(&|row| of(&row.after, &InLink::share))),
            ("passed_before", numbers(&|row| of(&row.before, &|link| link.passed(alpha)))),
            ("passed_after", numbers(&|row| of(&row.after, &|link| link.passed(alpha)))),
        ]);
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .map_err(|source| CoreError::Rows { table: "an authority change", source })
    }
}
