//! From an authority value to the 0 to 100 people read.

use super::Threshold;

/// Changes whenever [`Scale::points`] would give another number for the same authority.
pub const SCALE_VERSION: u32 = 1;

/// Powers of ten of citation authority that fill the scale. Frozen per [`SCALE_VERSION`].
pub const SCALE_DECADES: f64 = 8.0;

/// Powers of ten of trust that fill the scale: two above the prior of a seed, four below.
pub const TRUST_DECADES: f64 = 6.0;

/// The share of a seed's prior that scores 0.
const TRUST_FLOOR: f64 = 1e-4;

/// How a vector's values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// 100 · log10(x / b) / 8: a node without followed in-links scores exactly 0, and unrelated nodes do not
    /// move it, for x is not normalised. b is the vector's default prior (not the node's own, else a known
    /// strong domain without links would score 0).
    Citation,
    /// 100 · (log10(t / b) + 4) / 6: a seed that nobody links to scores 66.7, what holds a ten-thousandth of
    /// that scores 0. Also free of the number of nodes and of seeds.
    Trust,
}

impl Scale {
    /// Points of a value, kept within 0 and 100. `base` is 1 − α.
    #[must_use]
    pub fn points(self, value: f64, base: f64) -> f64 {
        let floor = self.floor(base);
        if !(value > 0.0 && floor > 0.0) {
            return 0.0;
        }
        (100.0 * (value / floor).log10() / self.decades()).clamp(0.0, 100.0)
    }

    /// The greatest value that scores 0.
    #[must_use]
    pub fn floor(self, base: f64) -> f64 {
        match self {
            Self::Citation => base,
            Self::Trust => base * TRUST_FLOOR,
        }
    }

    fn decades(self) -> f64 {
        match self {
            Self::Citation => SCALE_DECADES,
            Self::Trust => TRUST_DECADES,
        }
    }

    /// How far points may be from the exact ones if the value is off by this share of it.
    #[must_use]
    pub fn bound_in_points(self, relative: f64) -> f64 {
        100.0 * (1.0 + relative).log10() / self.decades()
    }
}

/// The share by which a drained value may be off.
#[must_use]
pub fn relative_bound(epsilon: f64, threshold: Threshold) -> f64 {
    match threshold {
        Threshold::Const => epsilon,
        Threshold::Relative => 2.0 * epsilon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn scores_stay_on_the_scale() {
        let points = |x, base| Scale::Citation.points(x, base);
        assert!(near(points(0.15, 0.15), 0.0));
        assert!(near(points(0.1, 0.15), 0.0));
        assert!(near(points(0.15e4, 0.15), 50.0));
        assert!(near(points(0.15e9, 0.15), 100.0));
        assert!(near(points(0.0, 0.15), 0.0));
        assert!(near(points(f64::NAN, 0.15), 0.0));
        assert!(near(points(1.0, 0.0), 0.0));
    }

    #[test]
    fn a_lone_seed_stands_at_two_thirds_of_the_trust_scale() {
        let points = |t| Scale::Trust.points(t, 0.15);
        assert!(near(points(0.15), 200.0 / 3.0));
        assert!(near(points(0.15e-4), 0.0));
        assert!(near(points(1e-9), 0.0));
        assert!(near(points(15.0), 100.0));
    }

    #[test]
    fn one_percent_is_a_twentieth_of_a_point() {
        let bound = |threshold| Scale::Citation.bound_in_points(relative_bound(1e-2, threshold));
        assert!((bound(Threshold::Const) - 0.054).abs() < 1e-4);
        assert!((bound(Threshold::Relative) - 0.1075).abs() < 1e-4);
    }
}
