//! The O(1) step equals a fresh derivation, after every observation, in any arrival order.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use linktide_core::event::LossReason;
use linktide_core::links::life::{Evidence, Life, Observation};
use linktide_core::links::register::Registers;
use proptest::prelude::*;

const HOUR: i64 = 3600 * 1_000_000;

fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![
        4 => Just(Evidence::Sighting),
        2 => Just(Evidence::Loss(LossReason::REMOVED_FROM_HTML)),
        1 => Just(Evidence::Loss(LossReason::NOT_FOUND)),
        4 => Just(Evidence::Loss(LossReason::PAGE_ERROR)),
    ]
}

/// Times on a coarse grid, so that equal instants and exact windows are common.
fn history() -> impl Strategy<Value = Vec<(Observation, i64)>> {
    let time = (0i64..14, -1i64..=1).prop_map(|(step, nudge)| step * 24 * HOUR + nudge);
    let one = (time, evidence()).prop_map(|(at, evidence)| Observation { at, evidence });
    prop::collection::vec((one, 0i64..30 * HOUR), 1..40)
}

/// Keep the lives that steps report, as the store would.
fn apply(lives: &mut Vec<Life>, step: linktide_core::links::register::Step) {
    if let Some((started_at, ending)) = step.ended {
        let life = lives.last_mut().unwrap();
        assert_eq!(life.started_at, started_at);
        life.ending = Some(ending);
    }
    if let Some(started) = step.started {
        assert_eq!(started.is_restored, !lives.is_empty());
        lives.push(Life { started_at: started.at, ending: None });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn a_step_equals_a_derivation(history in history()) {
        let mut registers = Registers::default();
        let mut lives: Vec<Life> = Vec::new();
        let mut known: Vec<Observation> = Vec::new();
        let mut clock = i64::MIN + 1;
        for (observation, drift) in history {
            // Other links move the clock too.
            clock = clock.max(observation.at).max(if clock > 0 { clock + drift / 8 } else { clock });
            known.push(observation);
            match registers.observe(observation) {
                Ok(step) => apply(&mut lives, step),
                Err(_late) => (registers, lives) = Registers::derive(known.clone(), clock),
            }
            if let Some((started_at, ending)) = registers.time_out(clock) {
                let life = lives.last_mut().unwrap();
                prop_assert_eq!(life.started_at, started_at);
                life.ending = Some(ending);
            }
            let (fresh, fresh_lives) = Registers::derive(known.clone(), clock);
            prop_assert_eq!(&lives, &fresh_lives);
            prop_assert_eq!(registers, fresh);
            prop_assert_eq!(registers.status, registers.status_by_formula(clock));
        }
    }
}
