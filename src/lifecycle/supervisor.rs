//! Runs a graph of nodes.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::error::{Cause, GraphError, NotReady, RunError};
use super::graph::Graph;
use super::node::{Factory, Handler, Node, NodeError, Verdict};
use super::report::{NodeFailure, Report};
use super::restart::Restarts;
use super::signals::ComponentHandle;

/// Runs nodes that depend on each other.
///
/// A node starts when all that it depends on are ready, and is told to stop when all that depend on it have ended. A node that ends by itself,
/// and is not restarted, takes those that depend on it along. One task decides all of this; nodes neither ask it nor wait for its answers.
#[must_use = "nothing runs before it does"]
pub struct Supervisor {
    nodes: Vec<Supervised>,
    graph: Graph,
    stop_timeout: Duration,
    release: Option<Release>,
}

type Release = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Supervisor {
    /// A supervisor of these nodes, in any order.
    ///
    /// # Errors
    ///
    /// Two nodes of one name, a dependency that is none of them, or a circle.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Self, GraphError> {
        let nodes: Vec<Node> = nodes.into_iter().collect();
        let edges: Vec<_> = nodes
            .iter()
            .map(|node| (node.name.as_str(), node.dependencies.as_slice()))
            .collect();
        let graph = Graph::new(&edges)?;
        Ok(Self {
            nodes: nodes.into_iter().map(Supervised::new).collect(),
            graph,
            stop_timeout: STOP_TIMEOUT,
            release: None,
        })
    }

    /// Bounds the time from telling a node to stop to its end. Default 10 s; then it is aborted and named in the [`Report`], and the nodes
    /// that it depends on are told.
    pub const fn with_stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// What ends a halt ([`Verdict::SpinHalt`]): a signal that the program waits for, for example.
    pub fn halt_release(mut self, release: impl Future<Output = ()> + Send + 'static) -> Self {
        self.release = Some(Box::pin(release));
        self
    }

    /// Runs the nodes until each has ended: because `stop` was cancelled, because of a verdict, or by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts every node.
    pub async fn run(self, stop: CancellationToken) -> Report {
        let release = self.release;
        let mut coordinator = Coordinator {
            nodes: self.nodes,
            graph: self.graph,
            stop_timeout: self.stop_timeout,
            tasks: JoinSet::new(),
            report: Report::default(),
            is_halting: false,
        };
        coordinator.run(&stop).await;
        let mut report = coordinator.report;
        if let (true, Some(release)) = (coordinator.is_halting, release) {
            report.halted = true;
            release.await;
        }
        report
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("nodes", &self.nodes.len())
            .field("stop_timeout", &self.stop_timeout)
            .finish_non_exhaustive()
    }
}

/// A node, and what is going on with it.
struct Supervised {
    name: String,
    /// Out while an instance runs.
    factory: Option<Factory>,
    handler: Handler,
    restarts: Restarts,
    state: State,
    /// Whether it shall stop for good.
    is_unwanted: bool,
    /// Tells the instances of a node apart.
    instance: u64,
}

enum State {
    /// For its dependencies, or for the end of a back-off.
    Waiting,
    Running {
        task: AbortHandle,
        stop: CancellationToken,
        is_ready: bool,
        /// When it was told to stop, it must have ended by then.
        deadline: Option<Instant>,
        /// Why it was told to, if it was for a fault of its own.
        not_ready: Option<NotReady>,
    },
    BackingOff,
    Ended,
}

impl Supervised {
    fn new(node: Node) -> Self {
        Self {
            name: node.name,
            factory: Some(node.factory),
            handler: node.handler,
            restarts: Restarts::new(node.restart),
            state: State::Waiting,
            is_unwanted: false,
            instance: 0,
        }
    }

    const fn is_ready(&self) -> bool {
        matches!(self.state, State::Running { is_ready: true, .. })
    }

    const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn is_task(&self, id: Id) -> bool {
        matches!(&self.state, State::Running { task, .. } if task.id() == id)
    }

    const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Running { deadline, .. } => deadline,
            _ => None,
        }
    }

    /// A panicking handler has said that all shall stop.
    fn ask(&mut self, error: &NodeError) -> Verdict {
        let ask = AssertUnwindSafe(|| (self.handler)(error));
        catch_unwind(ask).unwrap_or(Verdict::Shutdown)
    }
}

struct Coordinator {
    nodes: Vec<Supervised>,
    graph: Graph,
    stop_timeout: Duration,
    tasks: JoinSet<Event>,
    report: Report,
    is_halting: bool,
}

/// What the task of a node, or one that watches it, came to.
enum Event {
    Ended {
        node: usize,
        factory: Factory,
        result: Result<(), RunError>,
    },
    Readiness {
        node: usize,
        instance: u64,
        ready: Result<(), NotReady>,
    },
    BackedOff {
        node: usize,
    },
}

impl Coordinator {
    /// Returns when the last node has ended.
    async fn run(&mut self, stop: &CancellationToken) {
        let mut is_told = false;
        loop {
            self.advance();
            if self.nodes.iter().all(Supervised::has_ended) {
                if self.report.stuck.is_empty() {
                    // What is left only watched; who is stuck may not end at all.
                    self.tasks.shutdown().await;
                }
                return;
            }
            let deadline = self.nodes.iter().filter_map(Supervised::deadline).min();
            tokio::select! {
                biased;
                () = stop.cancelled(), if !is_told => {
                    is_told = true;
                    self.stop_all();
                }
                Some(event) = self.tasks.join_next_with_id() => self.on_event(event),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.abort_late(Instant::now());
                }
            }
        }
    }

    /// Does what can be done now: starts what is wanted and whose dependencies are ready, stops what is not and whose dependants have ended.
    fn advance(&mut self) {
        loop {
            let ended: Vec<bool> = self.nodes.iter().map(Supervised::has_ended).collect();
            let ready: Vec<bool> = self.nodes.iter().map(Supervised::is_ready).collect();
            let has = |flags: &[bool], node: &usize| flags.get(*node).copied().unwrap_or_default();
            let mut has_changed = false;
            for number in 0..self.nodes.len() {
                let dependencies = self.graph.dependencies(number);
                let may_stop = self
                    .graph
                    .dependants(number)
                    .iter()
                    .all(|it| has(&ended, it));
                let may_start = dependencies.iter().all(|it| has(&ready, it));
                let is_orphan = dependencies.iter().any(|it| has(&ended, it));
                let Some(node) = self.nodes.get_mut(number) else {
                    continue;
                };
                node.is_unwanted |= is_orphan && !node.has_ended();
                match &mut node.state {
                    State::Waiting | State::BackingOff if node.is_unwanted => {
                        node.state = State::Ended;
                        has_changed = true;
                    }
                    State::Running { stop, deadline, .. }
                        if node.is_unwanted && may_stop && deadline.is_none() =>
                    {
                        stop.cancel();
                        *deadline = Some(Instant::now() + self.stop_timeout);
                    }
                    State::Waiting if may_start => self.start(number),
                    _ => {}
                }
            }
            if !has_changed {
                return;
            }
        }
    }

    fn start(&mut self, number: usize) {
        let Some(node) = self.nodes.get_mut(number) else {
            return;
        };
        let Some(mut factory) = node.factory.take() else {
            return;
        };
        node.instance += 1;
        node.restarts.begin(Instant::now());
        let (instance, stop) = (node.instance, CancellationToken::new());
        let (token, (tell, told)) = (stop.clone(), tokio::sync::oneshot::channel());
        let task = self.tasks.spawn(async move {
            let result = match factory() {
                Ok(component) => {
                    let _ = tell.send(component.handle());
                    component.run(token).await
                }
                Err(error) => Err(RunError::Factory(error.into())),
            };
            Event::Ended {
                node: number,
                factory,
                result,
            }
        });
        self.tasks.spawn(async move {
            let handle: Result<ComponentHandle, _> = told.await;
            let ready = match handle {
                Ok(handle) => handle.ready().await,
                Err(_) => Err(NotReady::Stopped),
            };
            Event::Readiness {
                node: number,
                instance,
                ready,
            }
        });
        node.state = State::Running {
            task,
            stop,
            is_ready: false,
            deadline: None,
            not_ready: None,
        };
    }

    fn on_event(&mut self, event: Result<(Id, Event), JoinError>) {
        match event {
            Ok((
                _,
                Event::Ended {
                    node,
                    factory,
                    result,
                },
            )) => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.factory = Some(factory);
                }
                self.on_end(node, result.map_err(NodeError::from));
            }
            Ok((
                _,
                Event::Readiness {
                    node,
                    instance,
                    ready,
                },
            )) => {
                self.on_readiness(node, instance, ready);
            }
            Ok((_, Event::BackedOff { node })) => {
                if let Some(node) = self.nodes.get_mut(node) {
                    if matches!(node.state, State::BackingOff) {
                        node.state = State::Waiting;
                    }
                }
            }
            Err(error) => {
                let node = self.nodes.iter().position(|it| it.is_task(error.id()));
                // Whose task was aborted has been told already.
                if let (Some(node), Ok(payload)) = (node, error.try_into_panic()) {
                    if let Cause::Panicked { message } = Cause::of_panic(&*payload) {
                        let message = message.into();
                        self.on_end(node, Err(NodeError::Panicked { message }));
                    }
                }
            }
        }
    }

    fn on_readiness(&mut self, number: usize, of: u64, ready: Result<(), NotReady>) {
        let Some(node) = self.nodes.get_mut(number) else {
            return;
        };
        let State::Running {
            is_ready,
            stop,
            deadline,
            not_ready,
            ..
        } = &mut node.state
        else {
            return;
        };
        if node.instance != of {
            return;
        }
        match ready {
            Ok(()) => *is_ready = true,
            // It will never be, and whoever waits for it would wait for ever.
            Err(error @ NotReady::Ended { .. }) if deadline.is_none() => {
                stop.cancel();
                *deadline = Some(Instant::now() + self.stop_timeout);
                *not_ready = Some(error);
            }
            Err(_) => {}
        }
    }

    /// The instance of a node has ended.
    fn on_end(&mut self, number: usize, result: Result<(), NodeError>) {
        let Some(node) = self.nodes.get_mut(number) else {
            return;
        };
        let State::Running {
            stop, not_ready, ..
        } = std::mem::replace(&mut node.state, State::Ended)
        else {
            return;
        };
        let was_told = stop.is_cancelled() && not_ready.is_none();
        let result = match (result, not_ready) {
            (Ok(()), Some(error)) => Err(error.into()),
            (result, _) => result,
        };
        let Err(error) = result else {
            return;
        };
        self.report.failures.push(NodeFailure {
            node: node.name.clone(),
            error: error.clone(),
        });
        if was_told || node.is_unwanted {
            return;
        }
        match node.ask(&error) {
            Verdict::Restart => self.restart(number),
            Verdict::Stop => {}
            Verdict::StopParents => {
                let down = self.graph.with_dependencies(number);
                self.stop(&self.graph.with_dependants(&down));
            }
            Verdict::Shutdown => self.stop_all(),
            Verdict::SpinHalt => {
                self.is_halting = true;
                self.stop_all();
            }
        }
    }

    fn restart(&mut self, number: usize) {
        let Some(node) = self.nodes.get_mut(number) else {
            return;
        };
        // Beyond the limit it stays ended.
        if let (Ok(wait), true) = (node.restarts.next(Instant::now()), node.factory.is_some()) {
            node.state = State::BackingOff;
            self.tasks.spawn(async move {
                sleep(wait).await;
                Event::BackedOff { node: number }
            });
        }
    }

    fn stop(&mut self, nodes: &[usize]) {
        for number in nodes {
            if let Some(node) = self.nodes.get_mut(*number) {
                node.is_unwanted = true;
            }
        }
    }

    fn stop_all(&mut self) {
        self.nodes.iter_mut().for_each(|it| it.is_unwanted = true);
    }

    /// Gives up on those whose time to stop is over.
    fn abort_late(&mut self, now: Instant) {
        for node in &mut self.nodes {
            let State::Running {
                task,
                deadline: Some(deadline),
                ..
            } = &node.state
            else {
                continue;
            };
            if *deadline <= now {
                task.abort();
                node.state = State::Ended;
                self.report.stuck.push(node.name.clone());
                self.report.failures.push(NodeFailure {
                    node: node.name.clone(),
                    error: NodeError::Stuck,
                });
            }
        }
    }
}

/// Long enough to flush what is there, short enough for who waits at a prompt.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
