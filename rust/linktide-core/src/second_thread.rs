//! Helping threads that may be refused: the system gives none where memory or the number of threads is short.

use std::thread::{Builder, Scope, ScopedJoinHandle};

/// A thread that helps, if the system gives one. Whoever asks takes from the same work and so does all of it alone
/// if not.
pub(crate) fn helping<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, work).ok()
}

/// What it made; its panic goes on here.
pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
