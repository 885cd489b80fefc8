//! What a domain's citation would be with other links.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use rustc_hash::FxHashMap;

use super::{SolvedWeb, Standing};
use crate::error::CoreError;
use crate::graph::WeightClass;

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// No link has named the domain.
    #[error("the domain {name:?} is a side of no link; give a registrable domain that the index knows")]
    Unknown {
        /// The name given.
        name: String,
    },
    /// The domain itself among those that gain or lose a link to it.
    #[error("{name:?} cannot gain or lose a link to itself: links within a domain pass it no authority")]
    Itself {
        /// The name given.
        name: String,
    },
    /// One domain among the gained and the lost.
    #[error("{name:?} stands among the gained and among the lost; keep it in one of them")]
    Both {
        /// The name given.
        name: String,
    },
    /// The core's.
    #[error(transparent)]
    Core(#[from] CoreError),
}

/// One link gained or lost.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIfRow {
    /// The linking domain.
    pub source: Box<str>,
    /// Gained, or lost.
    pub is_gained: bool,
    /// Whether any link has named it.
    pub is_known: bool,
    /// Its citation as it is.
    pub citation: f64,
    /// Weight of its edge to the domain as it is, 0 without one.
    pub weight_before: f64,
    /// The same, as it would be.
    pub weight_after: f64,
    /// Sum of the weights of all its edges as it is.
    pub total_before: f64,
    /// The same, as it would be.
    pub total_after: f64,
}

impl WhatIfRow {
    /// What the edge alone would do, first order: α·x·(w'/W' − w/W), x as it is.
    #[must_use]
    pub fn contribution(&self, alpha: f64) -> f64 {
        let share = |weight: f64, total: f64| if total > 0.0 { weight / total } else { 0.0 };
        let before = share(self.weight_before, self.total_before);
        alpha * self.citation * (share(self.weight_after, self.total_after) - before)
    }

    fn has_other_targets(&self) -> bool {
        self.total_before - self.weight_before > 0.0
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    /// The domain as it is.
    pub before: Standing,
    /// The domain as it would be: the changed graph solved exactly.
    pub after: Standing,
    /// Links gained and lost, as named.
    pub rows: Vec<WhatIfRow>,
}

impl WhatIf {
    /// The first-order change: what the edges named do by themselves.
    #[must_use]
    pub fn first_order(&self) -> f64 {
        self.rows.iter().map(|row| row.contribution(self.before.alpha)).sum()
    }

    /// The points that the first-order change would give.
    #[must_use]
    pub fn points_first_order(&self) -> f64 {
        self.before.points_with(self.first_order())
    }

    /// The exact change.
    #[must_use]
    pub fn exact(&self) -> f64 {
        self.after.citation - self.before.citation
    }

    /// Proven bound on |exact − first order|.
    ///
    /// With d the first-order change of every node, exact = (I − αP'ᵀ)⁻¹ d. d is D = `first_order` at the
    /// domain; the other targets of a source that gains a link lose together what it gains, those of one that
    /// loses a link win it. A unit that stands at t adds to the domain α·(share of the last step) for each visit
    /// to one of its in-neighbours. All visits from t come to at most 1/(1−α), so if M is the greatest share of
    /// an in-neighbour that can be visited (somebody links to it), a unit at another node adds at most
    /// g = min(αM/(1−α), α/(1−α²)), and one at the domain comes back by at most α·g. (The second term: the way
    /// out and back takes two steps.)
    #[must_use]
    pub fn error_bound(&self) -> f64 {
        let alpha = self.before.alpha;
        let visited = self.after.in_links.iter().filter(|link| link.is_linked);
        let share = visited.map(super::InLink::share).fold(0.0, f64::max);
        let reach = (alpha * share / (1.0 - alpha)).min(alpha / (1.0 - alpha * alpha));
        let others = self.rows.iter().filter(|row| row.has_other_targets());
        let moved = others.map(|row| row.contribution(alpha));
        let (gains, losses) = moved.fold((0.0, 0.0), |(gains, losses), moved| {
            if moved > 0.0 { (gains + moved, losses) } else { (gains, losses - moved) }
        });
        reach * (alpha * self.first_order().abs() + f64::max(gains, losses))
    }

    /// The rows: `source_domain`, `change` (gained or lost), `is_known`, `citation`, `weight_before`,
    /// `weight_after`, `out_weight_before`, `out_weight_after`, `contribution`.
    ///
    /// # Errors
    /// Arrow's, if the columns could not be put together.
    pub fn table(&self) -> Result<RecordBatch, CoreError> {
        let rows = &self.rows;
        let numbers = |of: &dyn Fn(&WhatIfRow) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(rows.iter().map(of)))
        };
        let sources = StringArray::from_iter_values(rows.iter().map(|row| &*row.source));
        let change = |row: &WhatIfRow| if row.is_gained { "gained" } else { "lost" };
        let changes = StringArray::from_iter_values(rows.iter().map(change));
        let known = rows.iter().map(|row| Some(row.is_known)).collect::<BooleanArray>();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("source_domain", Arc::new(sources)),
            ("change", Arc::new(changes)),
            ("is_known", Arc::new(known)),
            ("citation", numbers(&|row| row.citation)),
            ("weight_before", numbers(&|row| row.weight_before)),
            ("weight_after", numbers(&|row| row.weight_after)),
            ("out_weight_before", numbers(&|row| row.total_before)),
            ("out_weight_after", numbers(&|row| row.total_after)),
            ("contribution", numbers(&|row| row.contribution(self.before.alpha))),
        ];
        RecordBatch::try_from_iter(columns).map_err(|source| CoreError::Rows { table: "a what-if", source })
    }
}

impl SolvedWeb {
    /// What the domain would have if each of `gained` had a followed link to it and none of `lost` had any.
    /// A name given twice counts once. A domain that no link has named may be gained: it stands at its prior.
    ///
    /// # Errors
    /// The domain is unknown, or a list names it, or both lists name the same domain.
    pub fn what_if(
        &self,
        domain_name: &str,
        gained: &[String],
        lost: &[String],
    ) -> Result<WhatIf, WhatIfError> {
        let unknown = || WhatIfError::Unknown { name: domain_name.to_owned() };
        let domain_key = self.known_key(domain_name).ok_or_else(unknown)?;
        if let Some(name) = gained.iter().chain(lost).find(|name| *name == domain_name) {
            return Err(WhatIfError::Itself { name: name.clone() });
        }
        let mut seen: FxHashMap<&str, bool> = FxHashMap::default();
        let mut named: Vec<(&str, bool)> = Vec::with_capacity(gained.len() + lost.len());
        for (names, is_gained) in [(gained, true), (lost, false)] {
            for name in names {
                match seen.insert(name, is_gained) {
                    None => named.push((name, is_gained)),
                    Some(before) if before == is_gained => {}
                    Some(_) => return Err(WhatIfError::Both { name: name.clone() }),
                }
            }
        }
        let keys: Vec<u64> = named.iter().map(|(name, _)| self.key_of(name)).chain([domain_key]).collect();
        let (mut changed, mut nodes) = self.editable(&keys)?;
        let Some(target) = nodes.pop() else { return Err(unknown()) };
        let mut rows = Vec::with_capacity(named.len());
        for ((name, is_gained), (source, source_key)) in named.into_iter().zip(nodes.into_iter().zip(keys)) {
            let weight = |web: &Self| web.graph().link_weight(source, target).unwrap_or(0.0);
            let (weight_before, total_before) = (weight(&changed), changed.graph().out_weight(source));
            // The first class is that of followed links, which weigh most.
            let class = is_gained.then_some(WeightClass::FIRST);
            changed.set_edge(source, target, class)?;
            rows.push(WhatIfRow {
                source: name.into(),
                is_gained,
                is_known: self.known_key(name).is_some(),
                citation: self.citation_of(source_key),
                weight_before,
                weight_after: weight(&changed),
                total_before,
                total_after: changed.graph().out_weight(source),
            });
        }
        changed.solve_again()?;
        Ok(WhatIf { before: self.standing_of(domain_key), after: changed.standing_of(domain_key), rows })
    }
}
