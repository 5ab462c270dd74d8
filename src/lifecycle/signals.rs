//! What is known of a component from outside: ready, stopping, done.

use std::sync::Arc;

use tokio::sync::watch;

use super::error::{Failure, NotReady};

/// Watches a component. Clones are the same; each question may be asked at any time and by anybody, and is answered from what is so
/// by then.
#[derive(Clone, Debug)]
pub struct ComponentHandle(watch::Receiver<State>);

impl ComponentHandle {
    /// Waits until every worker has said that it is ready.
    ///
    /// # Errors
    ///
    /// [`NotReady`] as soon as that cannot come any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.when(|state| state.ready.clone())
            .await
            .unwrap_or(Err(NotReady::Stopped))
    }

    /// Waits until the component stops, because it was told to, because a worker failed, or because all have ended. That is so before
    /// [`done`](Self::done).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn shutdown_started(&self) {
        self.when(|state| state.is_stopping.then_some(())).await;
    }

    /// Waits until every worker has ended, or has been aborted because the component's run was dropped.
    ///
    /// # Errors
    ///
    /// The failure, if there was one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn done(&self) -> Result<(), Failure> {
        self.when(|state| state.done.clone())
            .await
            .unwrap_or(Ok(()))
    }

    /// What there is, once it is there; nothing if the component went without ever having run.
    async fn when<T>(&self, what: impl Fn(&State) -> Option<T>) -> Option<T> {
        let mut state = self.0.clone();
        let seen = state.wait_for(|state| what(state).is_some()).await;
        seen.ok().and_then(|state| what(&state))
    }
}

/// The other side of its handles.
#[derive(Clone, Debug)]
pub(super) struct Signals(Arc<watch::Sender<State>>);

impl Signals {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    pub(super) fn handle(&self) -> ComponentHandle {
        ComponentHandle(self.0.subscribe())
    }

    /// Says whether it is ready, unless that is decided already.
    pub(super) fn decide_ready(&self, ready: Result<(), NotReady>) {
        self.0.send_if_modified(|state| {
            let is_open = state.ready.is_none();
            state.ready.get_or_insert(ready);
            is_open
        });
    }

    pub(super) fn stopping(&self) {
        self.0
            .send_if_modified(|state| !std::mem::replace(&mut state.is_stopping, true));
    }

    /// Says how it ended, and with that all that has not been said: in one step, so that nobody sees it done and does not know why.
    pub(super) fn done(&self, result: Result<(), Failure>) {
        self.0.send_if_modified(|state| {
            let is_open = state.done.is_none();
            state.ready.get_or_insert(Err(NotReady::Stopped));
            state.is_stopping = true;
            state.done.get_or_insert(result);
            is_open
        });
    }
}

#[derive(Debug, Default)]
struct State {
    ready: Option<Result<(), NotReady>>,
    is_stopping: bool,
    done: Option<Result<(), Failure>>,
}
