//! A running sum that does not drift.

/// Sum with its rounding error carried beside it (Knuth's two-sum). Each addition then errs by a rounding
/// of the *addend*, not of the total: after 10^9 pushes of 10^-3 that is below 10^-9, where a plain f64
/// that once held 10^6 would be off by up to 10^-1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ExactSum {
    sum: f64,
    carry: f64,
}

impl ExactSum {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let kept = sum - self.sum;
        self.carry += (self.sum - (sum - kept)) + (value - kept);
        self.sum = sum;
    }

    pub(crate) fn value(self) -> f64 {
        self.sum + self.carry
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut total = Self::default();
        values.into_iter().for_each(|value| total.add(value));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_survives_what_was_large() {
        let mut sum = ExactSum::default();
        let mut plain = 0.0;
        for value in [1e16, 1.0, -1e16] {
            sum.add(value);
            plain += value;
        }
        assert!((sum.value() - 1.0).abs() < 1e-15);
        assert!((plain - 1.0f64).abs() > 0.5, "a plain sum loses it");
    }
}
