//! Synchronisation between simulated threads. Every object carries a vector clock, so what it orders is known exactly.

mod condvar;
mod event;
mod mutex;
mod semaphore;
mod signal;

pub use condvar::Condvar;
pub use event::Event;
pub use mutex::Mutex;
pub use semaphore::Semaphore;
pub use signal::Signal;
