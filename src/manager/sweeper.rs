//! Deletes what has expired, now and then, without anyone asking.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::SessionManager;
use super::patience::jittered;
use crate::events;

/// A task that sweeps for as long as its manager is in use: begun with the first session, ended with the manager.
#[derive(Debug, Default)]
pub(super) struct Sweeper(Mutex<Option<JoinHandle<()>>>);

impl Sweeper {
    /// Begins to sweep, unless a task does already. One that ended with its runtime is begun again.
    // behaviour 14
    pub(super) fn start(&self, manager: &SessionManager) {
        let Some(interval) =
            manager.0.settings.sweep_interval.filter(|_| manager.store().is_ok_and(|store| store.wants_sweeping()))
        else {
            return;
        };
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (engine, random) = (Arc::downgrade(&manager.0), manager.random().clone());
        *task = Some(runtime.spawn(async move {
            loop {
                // Between three and five quarters, so that processes on one store do not sweep in step.
                let pause = (interval - interval / 4).saturating_add(jittered(interval / 2, &random));
                tokio::time::sleep(pause).await;
                let Some(engine) = engine.upgrade() else { return };
                let manager = SessionManager(engine);
                // An error is no reason to stop.
                if let Err(error) = manager.sweep().await {
                    events::sweep_failed(&error);
                }
                #[cfg(feature = "metrics")]
                if let Ok(live) = manager.count().await {
                    events::metrics::live(live);
                }
            }
        }));
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(task) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}
