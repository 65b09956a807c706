//! The last look at jobs whose intent is durable, in the moment in which their requests may leave.

use super::dispatcher::{Dispatcher, Ready, RowStream, is_late};
use super::engine::{Engine, OnWire, Task};
use crate::event::Ledger;
use crate::model::Latency;
use std::sync::Arc;
use tokio::time::Instant;

impl<L: Ledger> Engine<'_, L> {
    /// Sends what is cleared. What may not leave any more is withdrawn: the run is stopping, its window is closed, the breaker
    /// has opened. What may not leave yet stays: there is no token or no free place, or the server has asked for a pause.
    pub(super) fn clear<S: RowStream>(&mut self, dispatcher: &mut Dispatcher<S>) -> Vec<Task> {
        if self.cleared.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        // A wait for the disk, for a token or for a place may have been long.
        let wall = self.wall();
        if !self.is_running() || self.keep_schedule(wall, now, true).is_some() || !self.is_running() {
            for ready in std::mem::take(&mut self.cleared) {
                self.withdraw(ready, dispatcher);
            }
            return Vec::new();
        }
        let shut = self.take_cleared(|ready| dispatcher.is_shut_to(ready, now));
        for ready in shut {
            self.withdraw(ready, dispatcher);
        }
        let Some(token) = self.token.usable(now).filter(|_| dispatcher.paused(now).is_none()).cloned() else {
            return Vec::new();
        };
        for ready in self.take_cleared(|ready| is_late(&ready.job, wall)) {
            self.too_late(&ready, dispatcher);
        }
        let free = dispatcher.places(now).saturating_sub(self.on_wire.len());
        let waiting = self.cleared.split_off(free.min(self.cleared.len()));
        let send = |ready: Ready| {
            let number = ready.job.number;
            let (job, access) = (Arc::clone(&ready.job), Arc::clone(&token.access));
            let task = Task::Bridge { job, access, generation: token.generation };
            let queue = Latency::measured(now.saturating_duration_since(ready.due));
            self.on_wire.insert(number, OnWire { ready, queue, sent_at: now });
            task
        };
        std::mem::replace(&mut self.cleared, waiting).into_iter().map(send).collect()
    }

    /// Takes those out of the cleared ones for which this holds; the others keep their order.
    fn take_cleared(&mut self, out: impl Fn(&Ready) -> bool) -> Vec<Ready> {
        let (taken, left) = std::mem::take(&mut self.cleared).into_iter().partition(out);
        self.cleared = left;
        taken
    }
}
