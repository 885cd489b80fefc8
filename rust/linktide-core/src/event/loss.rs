//! Why a link was lost, small enough to stand in every register.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Fixed reasons, greatest precedence last; a reason's code is its place here.
const FIXED: [&str; 7] =
    ["pageerror", "removedfromhtml", "notcanonical", "noindex", "lostredirect", "pageredirected", "notfound"];

const DROPPED_PREFIX: &str = "dropped:";
const DROPPED_LENGTH: usize = 32;
/// Different `dropped:` reasons one process takes; known vendors have about a dozen.
const DROPPED_SLOTS: usize = 4_096;

/// Names met at run time. A slot is written once, so a code can be read without the lock.
struct Names<const SLOTS: usize> {
    slots: [OnceLock<Box<str>>; SLOTS],
    /// How many slots are taken; held while one is added.
    taken: Mutex<usize>,
}

impl<const SLOTS: usize> Names<SLOTS> {
    const fn new() -> Self {
        Self { slots: [const { OnceLock::new() }; SLOTS], taken: Mutex::new(0) }
    }

    fn get(&self, slot: usize) -> Option<&str> {
        self.slots.get(slot)?.get().map(AsRef::as_ref)
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.slots.iter().map_while(OnceLock::get).position(|known| known.as_ref() == name)
    }

    /// The slot of `name`, a new one if need be; `None` when all are taken.
    fn slot_of(&self, name: &str) -> Option<usize> {
        if let Some(slot) = self.find(name) {
            return Some(slot);
        }
        // Another thread's panic leaves the count right: it is raised after the slot is set.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = self.find(name) {
            return Some(slot);
        }
        let slot = *taken;
        self.slots.get(slot)?.set(name.into()).ok()?;
        *taken += 1;
        Some(slot)
    }
}

/// The only state: names of `dropped:` reasons, added to and never taken from, so that a reason fits in two bytes.
static DROPPED: Names<DROPPED_SLOTS> = Names::new();

/// Why a link was lost. Greater wins at the same instant: `notfound` > `pageredirected` > `lostredirect` > `noindex` >
/// `notcanonical` > `removedfromhtml` > `dropped:…` (among them by bytes) > `pageerror`, which is only a suspicion.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LossReason(u16);

impl LossReason {
    /// A check failed in a way that may pass: a suspect loss.
    pub const PAGE_ERROR: Self = Self(0);
    /// The page answers and no longer holds the link; the default.
    pub const REMOVED_FROM_HTML: Self = Self(1);
    /// The page's canonical is another page.
    pub const NOT_CANONICAL: Self = Self(2);
    /// The page asks not to be indexed.
    pub const NO_INDEX: Self = Self(3);
    /// A redirect on the way of the link went away or leads elsewhere.
    pub const LOST_REDIRECT: Self = Self(4);
    /// The page redirects.
    pub const PAGE_REDIRECTED: Self = Self(5);
    /// The page answers 404 or 410.
    pub const NOT_FOUND: Self = Self(6);

    /// Reads a name: one of the seven, or `dropped:` and 1 to 32 of `a-z`, `0-9`, `_`.
    ///
    /// `None` for every other text, and for a new `dropped:` name once the process has met 4,096 of them.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(code) = FIXED.iter().position(|&fixed| fixed == name) {
            return Some(Self(code as u16));
        }
        let vendor = name.strip_prefix(DROPPED_PREFIX)?;
        let is_word = vendor.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !is_word || !(1..=DROPPED_LENGTH).contains(&vendor.len()) {
            return None;
        }
        DROPPED.slot_of(name).map(|slot| Self((slot + FIXED.len()) as u16))
    }

    /// The name, as in events and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let code = usize::from(self.0);
        let dropped = || DROPPED.get(code.checked_sub(FIXED.len())?);
        FIXED.get(code).copied().or_else(dropped).unwrap_or_default()
    }

    /// True unless it is a suspicion.
    #[must_use]
    pub fn is_firm(self) -> bool {
        self != Self::PAGE_ERROR
    }

    /// Precedence at one instant: 0 for the suspicion, 1 for every `dropped:`, then up to 7 for `notfound`.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self.0 {
            0 => 0,
            code if usize::from(code) < FIXED.len() => code as u8 + 1,
            _ => 1,
        }
    }
}

impl Default for LossReason {
    fn default() -> Self {
        Self::REMOVED_FROM_HTML
    }
}

impl Ord for LossReason {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl PartialOrd for LossReason {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_specification() {
        let names = [
            "pageerror",
            "dropped:a",
            "dropped:a_b",
            "dropped:b",
            "removedfromhtml",
            "notcanonical",
            "noindex",
            "lostredirect",
            "pageredirected",
            "notfound",
        ];
        // Met in an order that is not theirs.
        for name in names.iter().rev() {
            LossReason::parse(name).unwrap();
        }
        let reasons: Vec<LossReason> = names.iter().map(|name| LossReason::parse(name).unwrap()).collect();
        assert!(reasons.is_sorted_by(|a, b| a < b));
        assert_eq!(reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(reasons.iter().filter(|reason| !reason.is_firm()).count(), 1);
    }

    #[test]
    fn constants_bear_their_names() {
        assert_eq!(LossReason::NOT_FOUND.as_str(), "notfound");
        assert_eq!(LossReason::PAGE_REDIRECTED.as_str(), "pageredirected");
        assert_eq!(LossReason::LOST_REDIRECT.as_str(), "lostredirect");
        assert_eq!(LossReason::NO_INDEX.as_str(), "noindex");
        assert_eq!(LossReason::NOT_CANONICAL.as_str(), "notcanonical");
        assert_eq!(LossReason::default().as_str(), "removedfromhtml");
        assert_eq!(LossReason::PAGE_ERROR.as_str(), "pageerror");
    }

    #[test]
    fn other_names_are_none() {
        let long = format!("dropped:{}", "x".repeat(33));
        for name in ["", "dropped:", "dropped:A", "dropped:a b", "dropped:é", "Notfound", "notfound ", &long]
        {
            assert_eq!(LossReason::parse(name), None, "{name}");
        }
        assert!(LossReason::parse(&long[..long.len() - 1]).is_some());
    }

    #[test]
    fn a_full_table_keeps_what_it_knows() {
        let names = Names::<2>::new();
        assert_eq!((names.slot_of("a"), names.slot_of("b")), (Some(0), Some(1)));
        assert_eq!((names.slot_of("c"), names.slot_of("a")), (None, Some(0)));
        assert_eq!((names.get(1), names.get(2)), (Some("b"), None));
    }

    #[test]
    fn threads_agree_on_a_code() {
        let met = |offset: usize| -> Vec<LossReason> {
            (0..50).map(|i| LossReason::parse(&format!("dropped:t{}", (i + offset) % 50)).unwrap()).collect()
        };
        let (mut one, mut two) = std::thread::scope(|scope| {
            let (one, two) = (scope.spawn(|| met(0)), scope.spawn(|| met(25)));
            (one.join().unwrap(), two.join().unwrap())
        });
        one.sort();
        two.sort();
        assert_eq!(one, two);
    }
}
