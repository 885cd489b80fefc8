//! What the tables keep of pages, read column by column.

use arrow_array::types::{TimestampMicrosecondType, UInt64Type};
use arrow_array::{PrimitiveArray, RecordBatch};

use super::Index;
use super::input::{Texts, at, numbers, texts};
use crate::error::CoreError;
use crate::event::LossReason;
use crate::links::page_register::Losses;
use crate::links::register::NEVER;

impl Index {
    /// Take loss registers of pages, before the links: `page_key`, and those of [`LossColumns`].
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub fn restore_pages(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let keys = numbers::<UInt64Type>(batch, "page_key")?;
        let losses = LossColumns::of(batch)?;
        for row in 0..batch.num_rows() {
            self.page_registers.restore(keys.value(row), &losses.get(row));
        }
        Ok(())
    }

    /// Take the contents of pages that are stored: `set_id`.
    ///
    /// # Errors
    /// The column is missing or of another type.
    pub fn restore_page_sets(&mut self, batch: &RecordBatch) -> Result<(), CoreError> {
        let sets = numbers::<UInt64Type>(batch, "set_id")?;
        for &set_id in sets.values() {
            self.page_registers.add_set(set_id);
        }
        Ok(())
    }
}

/// `firm_loss_at`, `firm_loss_reason`, `suspect_at`, `suspect_before_at`; null where there is none.
pub(super) struct LossColumns<'a> {
    firm_at: &'a PrimitiveArray<TimestampMicrosecondType>,
    firm_reason: Texts<'a>,
    suspect_at: &'a PrimitiveArray<TimestampMicrosecondType>,
    suspect_before_at: &'a PrimitiveArray<TimestampMicrosecondType>,
}

impl<'a> LossColumns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self, CoreError> {
        Ok(Self {
            firm_at: numbers(batch, "firm_loss_at")?,
            firm_reason: texts(batch, "firm_loss_reason")?,
            suspect_at: numbers(batch, "suspect_at")?,
            suspect_before_at: numbers(batch, "suspect_before_at")?,
        })
    }

    pub(super) fn get(&self, row: usize) -> Losses {
        let time = |column: &PrimitiveArray<TimestampMicrosecondType>| at(column, row).unwrap_or(NEVER);
        let reason = self.firm_reason.get(row).and_then(LossReason::parse);
        Losses {
            firm_at: time(self.firm_at),
            firm_reason: reason.unwrap_or(LossReason::PAGE_ERROR),
            suspect_at: time(self.suspect_at),
            suspect_before_at: time(self.suspect_before_at),
        }
    }
}
