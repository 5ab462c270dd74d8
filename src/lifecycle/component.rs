//! A set of workers that live and end together.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::BoxError;
use super::error::{Cause, Failure, NotReady, RunError, StartError};
use super::signals::{ComponentHandle, Signals};
use crate::lock::lock;

/// Workers that start, become ready, and end together: a future with [`ready`](ComponentHandle::ready).
///
/// It is ready when each worker has said so, and done when each has ended. The first worker that fails, by an error or by a panic, stops the
/// others and is the component's [`Failure`]; those that fail later are kept with it.
pub struct Component {
    /// Its workers are taken by the first run.
    stage: Mutex<Stage>,
    signals: Signals,
}

enum Stage {
    Built(Vec<Worker>),
    Running,
    Done,
}

struct Worker {
    name: String,
    start: Box<dyn FnOnce(WorkerContext) -> Work + Send>,
}

type Work = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

impl Component {
    /// A component without workers, which is ready and done as soon as it runs.
    pub fn new() -> Self {
        Self {
            stage: Mutex::new(Stage::Built(Vec::new())),
            signals: Signals::new(),
        }
    }

    /// One worker more: a task that begins when the component runs, calls [`ready`](WorkerContext::ready) once it is, and returns soon after
    /// [`stopping`](WorkerContext::stopping).
    #[must_use]
    pub fn worker<Working>(
        mut self,
        name: impl Into<String>,
        start: impl FnOnce(WorkerContext) -> Working + Send + 'static,
    ) -> Self
    where
        Working: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let stage = self.stage.get_mut();
        if let Stage::Built(workers) = stage.unwrap_or_else(PoisonError::into_inner) {
            workers.push(Worker {
                name: name.into(),
                start: Box::new(|context| Box::pin(start(context))),
            });
        }
        self
    }

    /// To watch it, before it runs, while it does, and after.
    pub fn handle(&self) -> ComponentHandle {
        self.signals.handle()
    }

    /// Runs the workers until each has ended. Cancelling `stop` tells them to.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with the first failure, which every handle gives as well; [`RunError::Start`] for a component that runs or has run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the workers; handles are told that the component was dropped.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), RunError> {
        let workers = self.start()?;
        let mut ending = Ending {
            component: self,
            result: Err(Failure {
                worker: String::new(),
                cause: Arc::new(Cause::Dropped),
                later: Vec::new(),
            }),
        };
        let mut crew = Crew::start(workers, stop.child_token());
        ending.result = crew.work(&self.signals).await;
        Ok(ending.result.clone()?)
    }

    fn start(&self) -> Result<Vec<Worker>, StartError> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Running) {
            Stage::Built(workers) => Ok(workers),
            Stage::Running => Err(StartError::AlreadyRunning),
            Stage::Done => {
                *stage = Stage::Done;
                Err(StartError::AlreadyShutDown)
            }
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        lock(&self.stage)
    }
}

impl Default for Component {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("handle", &self.handle())
            .finish_non_exhaustive()
    }
}

/// What a worker has of its component.
#[derive(Debug)]
pub struct WorkerContext {
    number: usize,
    has_said: AtomicBool,
    ready: mpsc::Sender<usize>,
    stop: CancellationToken,
}

impl WorkerContext {
    /// Says that this worker is ready. Saying it again has no effect.
    pub fn ready(&self) {
        if !self.has_said.swap(true, Ordering::Relaxed) {
            // There is room for a word of each worker; who does not listen any more is done.
            let _ = self.ready.try_send(self.number);
        }
    }

    /// Waits until the component stops.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Cancelled when the component stops, for those who hand it on.
    pub const fn token(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Says at the end of a run, however it comes, that the component is done.
struct Ending<'a> {
    component: &'a Component,
    result: Result<(), Failure>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        *self.component.stage() = Stage::Done;
        self.component.signals.done(self.result.clone());
    }
}

/// The workers of a component that runs; dropping it aborts them.
struct Crew {
    tasks: JoinSet<Result<(), BoxError>>,
    /// Those that have not ended.
    workers: HashMap<Id, Busy>,
    ready: mpsc::Receiver<usize>,
    stop: CancellationToken,
    failures: Vec<(String, Arc<Cause>)>,
}

struct Busy {
    number: usize,
    name: String,
    is_ready: bool,
}

impl Crew {
    fn start(all: Vec<Worker>, stop: CancellationToken) -> Self {
        let (said, ready) = mpsc::channel(all.len().max(1));
        let (mut tasks, mut workers) = (JoinSet::new(), HashMap::new());
        for (number, Worker { name, start }) in all.into_iter().enumerate() {
            let context = WorkerContext {
                number,
                has_said: AtomicBool::new(false),
                ready: said.clone(),
                stop: stop.clone(),
            };
            // Also what a worker does before it is a future is caught where it panics.
            let task = tasks.spawn(async move { start(context).await });
            let busy = Busy {
                number,
                name,
                is_ready: false,
            };
            workers.insert(task.id(), busy);
        }
        Self {
            tasks,
            workers,
            ready,
            stop,
            failures: Vec::new(),
        }
    }

    /// Returns when the last worker has ended.
    async fn work(&mut self, signals: &Signals) -> Result<(), Failure> {
        let mut is_stopping = false;
        while !self.workers.is_empty() {
            self.tell_ready(signals);
            let stop = self.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    signals.stopping();
                }
                Some(number) = self.ready.recv() => self.on_ready(number),
                Some(ended) = self.tasks.join_next_with_id() => {
                    // What it said before it ended may not have been heard yet.
                    while let Ok(number) = self.ready.try_recv() {
                        self.on_ready(number);
                    }
                    self.tell_ready(signals);
                    self.on_end(ended, signals);
                }
            }
        }
        self.tell_ready(signals);
        signals.stopping();
        let mut failures = std::mem::take(&mut self.failures).into_iter();
        let Some((worker, cause)) = failures.next() else {
            return Ok(());
        };
        Err(Failure {
            worker,
            cause,
            later: failures.collect(),
        })
    }

    fn on_ready(&mut self, number: usize) {
        let said = self.workers.values_mut().find(|it| it.number == number);
        if let Some(worker) = said {
            worker.is_ready = true;
        }
    }

    /// Those that ended unready have decided it already.
    fn tell_ready(&self, signals: &Signals) {
        if self.workers.values().all(|it| it.is_ready) {
            signals.decide_ready(Ok(()));
        }
    }

    fn on_end(&mut self, ended: Result<(Id, Result<(), BoxError>), JoinError>, signals: &Signals) {
        let (id, cause) = match ended {
            Ok((id, Ok(()))) => (id, None),
            Ok((id, Err(error))) => (id, Some(Cause::Error(error))),
            Err(error) => {
                let id = error.id();
                let payload = error.try_into_panic();
                (id, payload.ok().map(|it| Cause::of_panic(&*it)))
            }
        };
        let Some(worker) = self.workers.remove(&id) else {
            return;
        };
        let name = worker.name;
        if !worker.is_ready {
            let worker = name.clone();
            signals.decide_ready(Err(NotReady::Ended { worker }));
        }
        if let Some(cause) = cause {
            self.failures.push((name, Arc::new(cause)));
            self.stop.cancel();
        }
    }
}
