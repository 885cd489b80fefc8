//! CPU time of this thread, beside wall time.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// A moment in CPU time of this thread and on the wall clock.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    cpu: f64,
    wall: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { cpu: cpu_seconds(ClockId::ThreadCPUTime), wall: Instant::now() }
    }

    /// CPU seconds this thread has used since.
    pub(crate) fn seconds(self) -> f64 {
        cpu_seconds(ClockId::ThreadCPUTime) - self.cpu
    }

    /// Seconds that went by.
    pub(crate) fn wall_seconds(self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }
}

/// CPU seconds of all threads of this process, those that ended included.
pub(crate) fn process_seconds() -> f64 {
    cpu_seconds(ClockId::ProcessCPUTime)
}

fn cpu_seconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}
