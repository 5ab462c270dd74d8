//! Up to five workers that get ready, end, fail and panic in any order, and a parent that cancels, against a model that is asked at every step.

use futures::FutureExt;
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::{Component, NotReady, RunError};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ready(usize),
    End(usize),
    Fail(usize),
    Panic(usize),
    Cancel,
}

fn step(workers: usize) -> impl Strategy<Value = Step> {
    let one = 0..workers;
    prop_oneof![
        4 => one.clone().prop_map(Step::Ready),
        2 => one.clone().prop_map(Step::End),
        1 => one.clone().prop_map(Step::Fail),
        1 => one.prop_map(Step::Panic),
        1 => Just(Step::Cancel),
    ]
}

/// What a worker is told to do.
enum Order {
    End,
    Fail,
    Panic,
}

/// What must be so.
#[derive(Debug)]
struct Model {
    ready: Vec<bool>,
    alive: Vec<bool>,
    /// Decided once.
    component_ready: Option<bool>,
    stopping: bool,
    failures: Vec<usize>,
}

impl Model {
    fn new(workers: usize) -> Self {
        Self {
            ready: vec![false; workers],
            alive: vec![true; workers],
            component_ready: None,
            stopping: false,
            failures: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ready(worker) if self.alive[worker] => self.ready[worker] = true,
            Step::End(worker) => self.end(worker),
            Step::Fail(worker) | Step::Panic(worker) if self.alive[worker] => {
                self.failures.push(worker);
                self.stopping = true;
                self.end(worker);
            }
            Step::Cancel => self.stopping = true,
            _ => {}
        }
        if self.ready.iter().all(|it| *it) {
            self.component_ready.get_or_insert(true);
        }
        self.stopping |= self.is_done();
    }

    fn end(&mut self, worker: usize) {
        if std::mem::replace(&mut self.alive[worker], false) && !self.ready[worker] {
            self.component_ready.get_or_insert(false);
        }
    }

    fn is_done(&self) -> bool {
        self.alive.iter().all(|it| !it)
    }
}

proptest! {
    #[test]
    fn a_component_is_at_every_step_what_the_model_says(
        (workers, steps) in (1..=5_usize).prop_flat_map(|workers| {
            (Just(workers), prop::collection::vec(step(workers), 0..30))
        }),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(walk(workers, &steps));
    }
}

async fn walk(workers: usize, steps: &[Step]) {
    let mut model = Model::new(workers);
    let (mut component, mut readies, mut orders) = (Component::new(), Vec::new(), Vec::new());
    for worker in 0..workers {
        let (ready, be_ready) = oneshot::channel::<()>();
        let (order, ordered) = oneshot::channel();
        readies.push(Some(ready));
        orders.push(Some(order));
        component = component.worker(worker.to_string(), |context| async move {
            let mut ordered = ordered;
            tokio::select! {
                biased;
                Ok(()) = be_ready => {
                    context.ready();
                    obey(ordered.await.unwrap())
                }
                order = &mut ordered => obey(order.unwrap()),
            }
        });
    }
    let (handle, stop) = (component.handle(), CancellationToken::new());
    let mut run = Box::pin(component.run(stop.clone()));
    let mut result = None;
    for step in steps {
        match *step {
            Step::Ready(worker) if model.alive[worker] => {
                readies[worker].take().map(|it| it.send(()));
            }
            Step::End(worker) => drop(orders[worker].take().map(|it| it.send(Order::End))),
            Step::Fail(worker) => drop(orders[worker].take().map(|it| it.send(Order::Fail))),
            Step::Panic(worker) => drop(orders[worker].take().map(|it| it.send(Order::Panic))),
            Step::Cancel => stop.cancel(),
            Step::Ready(_) => {}
        }
        model.step(*step);
        // Until nobody has anything to do.
        for _ in 0..20 {
            tokio::task::yield_now().await;
            if result.is_none() {
                result = (&mut run).now_or_never();
            }
        }
        check(&model, &handle, result.as_ref());
    }
}

fn obey(order: Order) -> Result<(), crate::lifecycle::BoxError> {
    match order {
        Order::End => Ok(()),
        Order::Fail => Err("told to".into()),
        Order::Panic => std::panic::resume_unwind(Box::new("told to")),
    }
}

fn check(
    model: &Model,
    handle: &crate::lifecycle::ComponentHandle,
    result: Option<&Result<(), RunError>>,
) {
    let ready = handle.ready().now_or_never();
    match model.component_ready {
        None => assert_eq!(ready, None, "{model:?}"),
        Some(true) => assert_eq!(ready, Some(Ok(())), "{model:?}"),
        Some(false) => assert!(
            matches!(ready, Some(Err(NotReady::Ended { .. }))),
            "{ready:?} {model:?}"
        ),
    }
    let stopping = handle.shutdown_started().now_or_never().is_some();
    assert_eq!(stopping, model.stopping, "{model:?}");
    let done = handle.done().now_or_never();
    assert_eq!(done.is_some(), model.is_done(), "{model:?}");
    assert_eq!(result.is_some(), model.is_done(), "{model:?}");
    let (Some(done), Some(result)) = (done, result) else {
        return;
    };
    assert_eq!(done.is_ok(), result.is_ok());
    let names: Vec<String> = model.failures.iter().map(ToString::to_string).collect();
    match done {
        Ok(()) => assert_eq!(names.len(), 0),
        Err(failure) => {
            let later = failure.later.iter().map(|(name, _)| name.clone());
            let told: Vec<String> = std::iter::once(failure.worker.clone())
                .chain(later)
                .collect();
            assert_eq!(told, names);
        }
    }
}
