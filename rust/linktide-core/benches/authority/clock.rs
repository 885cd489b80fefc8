//! CPU time of this thread.

use std::time::Instant;

/// Seconds of CPU this thread has used; wall time where the system does not say.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(self) -> f64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanos = stat.and_then(|stat| stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()));
        nanos.map_or_else(|| self.0.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
    }
}
