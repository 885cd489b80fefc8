//! From an authority value to the 0 to 100 people read.

use super::Threshold;

/// Changes whenever [`display_score`] would give another number for the same authority.
pub const SCALE_VERSION: u32 = 1;

/// Powers of ten of authority that fill the scale. Frozen per [`SCALE_VERSION`].
pub const SCALE_DECADES: f64 = 8.0;

/// Score of a node: 100 · log10(x / b) / 8, kept within 0 and 100. `base` is the vector's default prior
/// (not the node's own, else a known strong domain without links would score 0). A node without followed
/// in-links scores exactly 0, and unrelated nodes do not move it, for x is not normalised.
#[must_use]
pub fn display_score(x: f64, base: f64) -> f64 {
    if !(x > 0.0 && base > 0.0) {
        return 0.0;
    }
    (100.0 * (x / base).log10() / SCALE_DECADES).clamp(0.0, 100.0)
}

/// How far a drained score may be from the exact one, in points of the scale.
#[must_use]
pub fn bound_in_points(epsilon: f64, threshold: Threshold) -> f64 {
    let relative = match threshold {
        Threshold::Const => epsilon,
        Threshold::Relative => 2.0 * epsilon,
    };
    100.0 * (1.0 + relative).log10() / SCALE_DECADES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_stay_on_the_scale() {
        let near = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(near(display_score(0.15, 0.15), 0.0));
        assert!(near(display_score(0.1, 0.15), 0.0));
        assert!(near(display_score(0.15e4, 0.15), 50.0));
        assert!(near(display_score(0.15e9, 0.15), 100.0));
        assert!(near(display_score(0.0, 0.15), 0.0));
        assert!(near(display_score(f64::NAN, 0.15), 0.0));
        assert!(near(display_score(1.0, 0.0), 0.0));
    }

    #[test]
    fn one_percent_is_a_twentieth_of_a_point() {
        assert!((bound_in_points(1e-2, Threshold::Const) - 0.054).abs() < 1e-4);
        assert!((bound_in_points(1e-2, Threshold::Relative) - 0.1075).abs() < 1e-4);
    }
}
