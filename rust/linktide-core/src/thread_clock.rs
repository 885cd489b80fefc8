//! CPU time of the running thread.

use rustix::time::{ClockId, clock_gettime};

/// A moment of this thread's CPU time. Reading it is a system call: for batches and slices, not for events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadClock(f64);

impl ThreadClock {
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Self(now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64)
    }

    /// Seconds this thread has worked since; it must be the thread that made `self`.
    pub(crate) fn seconds(self) -> f64 {
        Self::now().0 - self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_while_the_thread_works() {
        let clock = ThreadClock::now();
        let mut sum = 0u64;
        while clock.seconds() < 1e-4 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(clock.seconds() >= 1e-4 && sum > 0);
    }
}
