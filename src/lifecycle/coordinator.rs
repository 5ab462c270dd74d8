//! The one task that decides: who starts, who stops, and what follows from a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::error::{Cause, NotReady, RunError};
use super::graph::Graph;
use super::node::{Factory, Handler, Node, NodeError, Verdict};
use super::report::Report;
use super::restart::Restarts;
use super::signals::ComponentHandle;

/// Decides, and owns every task.
pub(super) struct Coordinator {
    nodes: Vec<Supervised>,
    graph: Graph,
    stop_timeout: Duration,
    tasks: JoinSet<Event>,
    report: Report,
    is_halting: bool,
}

impl Coordinator {
    pub(super) fn new(nodes: Vec<Node>, graph: Graph, stop_timeout: Duration) -> Self {
        Self {
            nodes: nodes.into_iter().map(Supervised::new).collect(),
            graph,
            stop_timeout,
            tasks: JoinSet::new(),
            report: Report::default(),
            is_halting: false,
        }
    }

    /// Returns when the last node has ended; says whether the program is to be halted.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> (Report, bool) {
        let mut is_told = false;
        loop {
            self.advance();
            if self.nodes.iter().all(Supervised::has_ended) {
                if self.report.stuck.is_empty() {
                    // What is left only watched; who is stuck may not end at all.
                    self.tasks.shutdown().await;
                }
                return (self.report, self.is_halting);
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
                        *deadline = Some(after(self.stop_timeout));
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
        let (token, (tell, told)) = (stop.clone(), oneshot::channel());
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
                *deadline = Some(after(self.stop_timeout));
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
        self.report.add(&node.name, error.clone());
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
                self.report.add(&node.name, NodeError::Stuck);
            }
        }
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

fn after(time: Duration) -> Instant {
    let now = Instant::now();
    // A day is as good as never.
    now.checked_add(time)
        .unwrap_or(now + Duration::from_secs(24 * 60 * 60))
}
