//! The registers of a link and the O(1) step that keeps them.
//!
//! A step is taken only where it provably equals a fresh derivation ([`super::life`]): evidence newer than
//! all before it, or evidence without effect. Everything else is [`Late`] and is derived again.

use super::life::{Ending, Evidence, Life, Observation, SUSPECT_WINDOW_US, collapse, lives};
use super::page_register::Losses;
use crate::event::LossReason;

/// "Never" in a time register; smaller than every accepted time.
pub const NEVER: i64 = i64::MIN;

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// No sighting is known.
    Unsighted = 0,
    /// A life runs.
    Live = 1,
    /// A life runs; its last evidence is a loss that may pass.
    Suspect = 2,
    /// The newest life has ended.
    Lost = 3,
}

impl Status {
    /// The status of a code, as the tables have it.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        match code {
            1 => Self::Live,
            2 => Self::Suspect,
            3 => Self::Lost,
            _ => Self::Unsighted,
        }
    }

    /// Live or suspect.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Suspect)
    }
}

/// The evidence cannot be placed in O(1): the link must be derived from its stored observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late;

/// What one step did to the lives of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// The life that ended, by its start.
    pub ended: Option<(i64, Ending)>,
    /// The life that started.
    pub started: Option<Started>,
}

/// A life that started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Its first sighting.
    pub at: i64,
    /// True if the link had a life before.
    pub is_restored: bool,
}

/// Time registers of one link; all µs of event time, [`NEVER`] where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// Last sighting.
    pub last_seen: i64,
    /// Last firm loss.
    pub firm_at: i64,
    /// Greatest suspect time.
    pub suspect_at: i64,
    /// Second greatest distinct suspect time.
    pub suspect_before_at: i64,
    /// Start of the newest life.
    pub started_at: i64,
    /// End of the newest life, or an upper bound of it after a restart; NEVER while it runs.
    pub confirmed_at: i64,
    /// Reason of the last firm loss; meaningless without one.
    pub firm_reason: LossReason,
    /// Where the link stands.
    pub status: Status,
    /// The newest life may not be the first.
    pub has_earlier_life: bool,
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            last_seen: NEVER,
            firm_at: NEVER,
            suspect_at: NEVER,
            suspect_before_at: NEVER,
            started_at: NEVER,
            confirmed_at: NEVER,
            firm_reason: LossReason::PAGE_ERROR,
            status: Status::Unsighted,
            has_earlier_life: false,
        }
    }
}

impl Registers {
    /// Those of a link that was never sighted, on a page that said this of all its links.
    #[must_use]
    pub fn unsighted(losses: &Losses) -> Self {
        let Losses { firm_at, suspect_at, suspect_before_at, firm_reason } = *losses;
        Self { firm_at, suspect_at, suspect_before_at, firm_reason, ..Self::default() }
    }

    /// The loss registers.
    #[must_use]
    pub fn losses(&self) -> Losses {
        let Self { firm_at, suspect_at, suspect_before_at, firm_reason, .. } = *self;
        Losses { firm_at, suspect_at, suspect_before_at, firm_reason }
    }

    /// The instant of all that is known, if that is a sighting and nothing else.
    #[must_use]
    pub fn seen_once(&self) -> Option<i64> {
        let is_seen = self.status == Status::Live && self.started_at == self.last_seen;
        let has_losses =
            [self.firm_at, self.suspect_at, self.suspect_before_at].iter().any(|&at| at != NEVER);
        (is_seen && !has_losses && self.confirmed_at == NEVER && !self.has_earlier_life)
            .then_some(self.last_seen)
    }

    /// Put other loss registers in place of these.
    pub fn set_losses(&mut self, losses: &Losses) {
        let Losses { firm_at, suspect_at, suspect_before_at, firm_reason } = *losses;
        *self = Self { firm_at, suspect_at, suspect_before_at, firm_reason, ..*self };
    }

    /// Take a sighting or a loss in O(1).
    ///
    /// # Errors
    /// [`Late`] if only a fresh derivation can tell; the registers are then unchanged.
    pub fn observe(&mut self, observation: Observation) -> Result<Step, Late> {
        let Observation { at, evidence } = observation;
        if self.is_before(at) {
            return Ok(self.in_order(at, evidence));
        }
        match evidence {
            Evidence::Sighting if self.started_at <= at && at <= self.last_seen => {}
            Evidence::Loss(reason) if self.is_without_effect(at, reason) => self.note_loss(at, reason),
            _ => return Err(Late),
        }
        Ok(Step::default())
    }

    /// The time at which silence confirms the suspicion that stands now.
    #[must_use]
    pub fn timer(&self) -> Option<i64> {
        (self.status == Status::Suspect).then_some(self.suspect_at + SUSPECT_WINDOW_US)
    }

    /// End the running suspicion if its window closed at or before `now`.
    pub fn time_out(&mut self, now: i64) -> Option<(i64, Ending)> {
        let confirmed_at = self.timer().filter(|&due| due <= now)?;
        let ending = self.ending(self.suspect_at, confirmed_at, LossReason::PAGE_ERROR, false);
        Some(self.end(ending))
    }

    /// Derive the registers and lives from all observations of the link, in any order, as of `clock`.
    #[must_use]
    pub fn derive(mut observations: Vec<Observation>, clock: i64) -> (Self, Vec<Life>) {
        let mut registers = Self::default();
        for observation in &observations {
            match observation.evidence {
                Evidence::Sighting => registers.last_seen = registers.last_seen.max(observation.at),
                Evidence::Loss(reason) => registers.note_loss(observation.at, reason),
            }
        }
        collapse(&mut observations);
        let lives = lives(&observations, clock);
        registers.has_earlier_life = lives.len() > 1;
        if let Some(newest) = lives.last() {
            registers.started_at = newest.started_at;
            registers.confirmed_at = newest.ending.map_or(NEVER, |ending| ending.confirmed_at);
            registers.status = match newest.ending {
                Some(_) => Status::Lost,
                None if registers.suspect_at > registers.last_seen => Status::Suspect,
                None => Status::Live,
            };
        }
        (registers, lives)
    }

    /// True if evidence of this time is later than all there is, and than the end of the newest life.
    #[must_use]
    pub fn is_before(&self, at: i64) -> bool {
        at > self.last_evidence() && at > self.confirmed_at
    }

    fn last_evidence(&self) -> i64 {
        self.last_seen.max(self.firm_at).max(self.suspect_at)
    }

    fn in_order(&mut self, at: i64, evidence: Evidence) -> Step {
        let mut step = Step { ended: self.time_out(at - 1), started: None };
        match evidence {
            Evidence::Sighting => {
                if !self.status.is_live() {
                    let is_restored = self.last_seen != NEVER;
                    step.started = Some(Started { at, is_restored });
                    self.started_at = at;
                    self.confirmed_at = NEVER;
                    self.has_earlier_life |= is_restored;
                }
                self.status = Status::Live;
                self.last_seen = at;
            }
            Evidence::Loss(reason) => {
                match self.status {
                    Status::Live if !reason.is_firm() => self.status = Status::Suspect,
                    Status::Live => step.ended = Some(self.end(self.ending(at, at, reason, true))),
                    Status::Suspect => {
                        step.ended = Some(self.end(self.ending(self.suspect_at, at, reason, true)));
                    }
                    Status::Unsighted | Status::Lost => {}
                }
                self.note_loss(at, reason);
            }
        }
        step
    }

    fn ending(&self, lost_at: i64, confirmed_at: i64, reason: LossReason, by_event: bool) -> Ending {
        Ending {
            last_alive_at: self.last_seen,
            lost_at,
            confirmed_at,
            reason,
            is_confirmed_by_event: by_event,
        }
    }

    fn end(&mut self, ending: Ending) -> (i64, Ending) {
        self.status = Status::Lost;
        self.confirmed_at = ending.confirmed_at;
        (self.started_at, ending)
    }

    /// A loss that is not newer than all evidence, but cannot change a life.
    fn is_without_effect(&self, at: i64, reason: LossReason) -> bool {
        let has_no_life_before = self.last_seen == NEVER || (!self.has_earlier_life && at < self.started_at);
        let is_outshone = at == self.last_seen || at == self.started_at;
        let is_in_dead_gap = self.status == Status::Lost && at > self.confirmed_at;
        let is_known = if reason.is_firm() {
            at == self.firm_at && reason <= self.firm_reason
        } else {
            at == self.suspect_at || at == self.suspect_before_at
        };
        has_no_life_before || is_outshone || is_in_dead_gap || is_known
    }

    /// Move the loss registers.
    fn note_loss(&mut self, at: i64, reason: LossReason) {
        let mut losses = self.losses();
        losses.note(at, reason);
        self.set_losses(&losses);
    }

    /// The status that the registers alone give, for any arrival order (the formula kept for ever).
    #[must_use]
    pub fn status_by_formula(&self, clock: i64) -> Status {
        if self.last_seen == NEVER {
            Status::Unsighted
        } else if self.firm_at > self.last_seen {
            Status::Lost
        } else if self.suspect_at <= self.last_seen {
            Status::Live
        } else if self.suspect_before_at > self.last_seen || self.suspect_at + SUSPECT_WINDOW_US <= clock {
            Status::Lost
        } else {
            Status::Suspect
        }
    }
}
