//! Lives of a link, as a pure function of the set of its observations.
//!
//! This is the specification in code: order, duplicates and batch splits cannot matter, because the
//! observations are collapsed by instant and sorted before anything is decided. The O(1) path of
//! [`super::register`] must agree with it; where it cannot, it falls back to this.

use crate::event::LossReason;

/// How long a suspect loss waits for a second word, in µs of event time.
pub const SUSPECT_WINDOW_US: i64 = 72 * 3600 * 1_000_000;

/// What one observation says of a link at its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The link was seen on its page.
    Sighting,
    /// The link is gone, or suspected to be, for this reason.
    Loss(LossReason),
}

impl Evidence {
    /// At one instant the stronger evidence holds: sighting, then firm losses by rank, then suspect.
    #[must_use]
    pub fn is_stronger_than(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Sighting) => false,
            (Self::Sighting, Self::Loss(_)) => true,
            (Self::Loss(a), Self::Loss(b)) => a > b,
        }
    }
}

/// Evidence with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Event time, µs UTC.
    pub at: i64,
    /// What was seen.
    pub evidence: Evidence,
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Last sighting of the life.
    pub last_alive_at: i64,
    /// First loss of the ending.
    pub lost_at: i64,
    /// When the life ended; the life is the half-open interval from its start to here.
    pub confirmed_at: i64,
    /// Reason of the confirming loss; pageerror if time confirmed it.
    pub reason: LossReason,
    /// False if 72 hours of silence confirmed it.
    pub is_confirmed_by_event: bool,
}

/// One life of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// First sighting.
    pub started_at: i64,
    /// None while it runs.
    pub ending: Option<Ending>,
}

/// What runs after the last observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Nothing,
    Live { started_at: i64, last_alive_at: i64 },
    Suspect { started_at: i64, last_alive_at: i64, since: i64 },
}

/// Sort by time and keep, at each instant, the strongest evidence.
pub fn collapse(observations: &mut Vec<Observation>) {
    observations.sort_by(|a, b| {
        a.at.cmp(&b.at).then_with(|| match (a.evidence, b.evidence) {
            (x, y) if x.is_stronger_than(y) => std::cmp::Ordering::Less,
            (x, y) if y.is_stronger_than(x) => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        })
    });
    observations.dedup_by_key(|observation| observation.at);
}

/// Derive the lives of a link from collapsed observations, as of `clock` (event time, µs).
#[must_use]
pub fn lives(collapsed: &[Observation], clock: i64) -> Vec<Life> {
    let mut done = Vec::new();
    let mut running = Running::Nothing;
    for observation in collapsed {
        running = time_out(running, observation.at - 1, &mut done);
        running = step(running, *observation, &mut done);
    }
    match time_out(running, clock, &mut done) {
        Running::Nothing => {}
        Running::Live { started_at, .. } | Running::Suspect { started_at, .. } => {
            done.push(Life { started_at, ending: None });
        }
    }
    done
}

/// End a suspicion whose window closed at or before `now`.
fn time_out(running: Running, now: i64, done: &mut Vec<Life>) -> Running {
    match running {
        Running::Suspect { started_at, last_alive_at, since } if since + SUSPECT_WINDOW_US <= now => {
            let ending = Ending {
                last_alive_at,
                lost_at: since,
                confirmed_at: since + SUSPECT_WINDOW_US,
                reason: LossReason::PAGE_ERROR,
                is_confirmed_by_event: false,
            };
            done.push(Life { started_at, ending: Some(ending) });
            Running::Nothing
        }
        other => other,
    }
}

fn step(running: Running, observation: Observation, done: &mut Vec<Life>) -> Running {
    let at = observation.at;
    match (observation.evidence, running) {
        (Evidence::Sighting, Running::Nothing) => Running::Live { started_at: at, last_alive_at: at },
        (Evidence::Sighting, Running::Live { started_at, .. } | Running::Suspect { started_at, .. }) => {
            Running::Live { started_at, last_alive_at: at }
        }
        (Evidence::Loss(_), Running::Nothing) => Running::Nothing,
        (Evidence::Loss(reason), Running::Live { started_at, last_alive_at }) => {
            if reason.is_firm() {
                done.push(ended(started_at, last_alive_at, at, at, reason));
                Running::Nothing
            } else {
                Running::Suspect { started_at, last_alive_at, since: at }
            }
        }
        (Evidence::Loss(reason), Running::Suspect { started_at, last_alive_at, since }) => {
            done.push(ended(started_at, last_alive_at, since, at, reason));
            Running::Nothing
        }
    }
}

fn ended(started_at: i64, last_alive_at: i64, lost_at: i64, confirmed_at: i64, reason: LossReason) -> Life {
    let ending = Ending { last_alive_at, lost_at, confirmed_at, reason, is_confirmed_by_event: true };
    Life { started_at, ending: Some(ending) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: i64 = 3600 * 1_000_000;

    fn run(list: &[(i64, Evidence)], clock: i64) -> Vec<Life> {
        let mut observations: Vec<_> =
            list.iter().map(|&(at, evidence)| Observation { at: at * H, evidence }).collect();
        collapse(&mut observations);
        lives(&observations, clock * H)
    }

    const SEEN: Evidence = Evidence::Sighting;
    const GONE: Evidence = Evidence::Loss(LossReason::REMOVED_FROM_HTML);
    const NOT_FOUND: Evidence = Evidence::Loss(LossReason::NOT_FOUND);
    const ERROR: Evidence = Evidence::Loss(LossReason::PAGE_ERROR);

    #[test]
    fn a_sighting_starts_and_a_firm_loss_ends() {
        let lives = run(&[(1, SEEN), (5, SEEN), (9, GONE)], 9);
        assert_eq!(lives.len(), 1);
        let ending = lives[0].ending.unwrap();
        assert_eq!((ending.last_alive_at, ending.lost_at, ending.confirmed_at), (5 * H, 9 * H, 9 * H));
    }

    #[test]
    fn a_suspect_waits_and_time_confirms_it() {
        assert_eq!(run(&[(1, SEEN), (5, ERROR)], 76)[0].ending, None);
        let ending = run(&[(1, SEEN), (5, ERROR)], 77)[0].ending.unwrap();
        assert!(!ending.is_confirmed_by_event);
        assert_eq!((ending.lost_at, ending.confirmed_at), (5 * H, 77 * H));
    }

    #[test]
    fn the_window_is_closed_at_its_end() {
        assert_eq!(run(&[(1, SEEN), (5, ERROR), (77, SEEN)], 300)[0].ending, None);
        let ending = run(&[(1, SEEN), (5, ERROR), (77, NOT_FOUND)], 300)[0].ending.unwrap();
        assert_eq!(ending.reason, LossReason::NOT_FOUND);
        assert!(ending.is_confirmed_by_event);
        let two = run(&[(1, SEEN), (5, ERROR), (78, SEEN)], 300);
        assert_eq!(two.len(), 2);
        assert!(!two[0].ending.unwrap().is_confirmed_by_event);
    }

    #[test]
    fn a_second_suspect_confirms_with_its_own_time() {
        let ending = run(&[(1, SEEN), (5, ERROR), (6, ERROR)], 6)[0].ending.unwrap();
        assert_eq!(
            (ending.lost_at, ending.confirmed_at, ending.reason),
            (5 * H, 6 * H, LossReason::PAGE_ERROR)
        );
    }

    #[test]
    fn at_one_instant_a_sighting_wins_and_then_the_stronger_reason() {
        assert_eq!(run(&[(1, SEEN), (1, GONE)], 1)[0].ending, None);
        let ending = run(&[(1, SEEN), (2, GONE), (2, NOT_FOUND), (2, ERROR)], 2)[0].ending.unwrap();
        assert_eq!(ending.reason, LossReason::NOT_FOUND);
    }

    #[test]
    fn a_loss_without_a_life_changes_nothing() {
        assert!(run(&[(1, GONE), (2, ERROR)], 500).is_empty());
    }
}
