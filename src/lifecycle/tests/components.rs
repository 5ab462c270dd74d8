//! Components by themselves: C1 to C6, and what dropping one does.

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::lifecycle::{BoxError, Cause, Component, NotReady, RunError, StartError, WorkerContext};

#[tokio::test(start_paused = true)]
async fn c1_ready_comes_with_the_slowest_worker_and_saying_it_again_has_no_effect() {
    let mut component = Component::new();
    for seconds in [0, 3, 1] {
        component = component.worker(format!("{seconds}"), move |context| async move {
            pass(seconds * MOMENT).await;
            (0..100).for_each(|_| context.ready());
            context.stopping().await;
            Ok(())
        });
    }
    let (handle, stop, start) = (component.handle(), CancellationToken::new(), Instant::now());
    let program = async {
        handle.ready().await.unwrap();
        assert_eq!(start.elapsed(), 3 * MOMENT);
        handle.ready().await.unwrap();
        assert!(handle.shutdown_started().now_or_never().is_none());
        stop.cancel();
    };
    let (result, ()) = tokio::join!(component.run(stop.clone()), program);
    result.unwrap();
    // What was so stays so.
    handle.ready().await.unwrap();
    handle.done().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c1_a_component_without_workers_is_ready_and_done_at_once() {
    let component = Component::new();
    let handle = component.handle();
    component.run(CancellationToken::new()).await.unwrap();
    handle.ready().await.unwrap();
    handle.done().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c2_ready_fails_where_a_worker_ends_before_it_and_the_others_go_on() {
    let component = Component::new()
        .worker("early", |_| async { Ok(()) })
        .worker("late", |context| async move {
            pass(MOMENT).await;
            context.ready();
            context.stopping().await;
            Ok(())
        });
    let (handle, stop) = (component.handle(), CancellationToken::new());
    let program = async {
        let worker = "early".to_owned();
        assert_eq!(handle.ready().await, Err(NotReady::Ended { worker }));
        pass(2 * MOMENT).await;
        assert!(handle.done().now_or_never().is_none());
        stop.cancel();
    };
    let (result, ()) = tokio::join!(component.run(stop.clone()), program);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c2_a_worker_that_is_ready_and_ends_in_the_same_moment_was_ready() {
    let component = Component::new().worker("quick", |context| async move {
        context.ready();
        Ok(())
    });
    let handle = component.handle();
    component.run(CancellationToken::new()).await.unwrap();
    handle.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c2_ready_fails_where_the_component_stops_or_goes_before() {
    let stalled = Component::new().worker("stalled", |context| async move {
        context.stopping().await;
        Ok(())
    });
    let (handle, stop) = (stalled.handle(), CancellationToken::new());
    stop.cancel();
    stalled.run(stop).await.unwrap();
    assert!(handle.ready().await.is_err());
    let never = Component::new().worker("never", |_| pending());
    let handle = never.handle();
    drop(never);
    assert_eq!(handle.ready().await, Err(NotReady::Stopped));
    handle.shutdown_started().await;
    handle.done().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c3_done_comes_after_every_worker_and_shutdown_started_is_seen_by_then_in_100_rounds() {
    for round in 0..100_usize {
        let diary = Diary::default();
        let mut component = Component::new();
        for worker in 0..3_usize {
            let diary = diary.clone();
            component = component.worker(format!("{worker}"), move |context| async move {
                context.ready();
                if worker != round % 3 {
                    context.stopping().await;
                }
                diary.note("ended");
                match (worker == round % 3, round % 2) {
                    (true, 0) => Err("on purpose".into()),
                    _ => Ok(()),
                }
            });
        }
        let (handle, stop) = (component.handle(), CancellationToken::new());
        let watch = async {
            let done = handle.done().await;
            assert!(handle.shutdown_started().now_or_never().is_some());
            assert_eq!(diary.count("ended"), 3);
            assert_eq!(done.is_err(), round % 2 == 0);
        };
        let token = stop.clone();
        let cancel = async move {
            if round % 2 == 1 {
                token.cancel();
            }
        };
        let (result, (), ()) = tokio::join!(component.run(stop), watch, cancel);
        assert_eq!(result.is_err(), round % 2 == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn c4_a_second_start_is_refused_while_it_runs_and_after() {
    let component = Component::new().worker("waits", |context| async move {
        context.stopping().await;
        Ok(())
    });
    let stop = CancellationToken::new();
    let again = async {
        let error = component.run(CancellationToken::new()).await.unwrap_err();
        assert!(matches!(error, RunError::Start(StartError::AlreadyRunning)));
        stop.cancel();
    };
    let (result, ()) = tokio::join!(component.run(stop.clone()), again);
    result.unwrap();
    let error = component.run(CancellationToken::new()).await.unwrap_err();
    assert!(matches!(
        error,
        RunError::Start(StartError::AlreadyShutDown)
    ));
}

#[tokio::test(start_paused = true)]
async fn c5_an_error_or_a_panic_is_seen_with_done_and_cancels_the_siblings() {
    for panics in [false, true] {
        let diary = Diary::default();
        let sibling = diary.clone();
        let component = Component::new()
            .worker("sibling", |context: WorkerContext| async move {
                context.stopping().await;
                sibling.note("told");
                pass(MOMENT).await;
                Ok(())
            })
            .worker("fails", move |_| async move {
                pass(MOMENT).await;
                assert!(!panics, "it panics");
                Err("deep down".into())
            });
        let (handle, start) = (component.handle(), Instant::now());
        let watch = async {
            handle.shutdown_started().await;
            assert_eq!(start.elapsed(), MOMENT);
            assert!(handle.done().now_or_never().is_none());
            let failure = handle.done().await.unwrap_err();
            assert_eq!(start.elapsed(), 2 * MOMENT);
            failure
        };
        let (result, seen) = tokio::join!(component.run(CancellationToken::new()), watch);
        let RunError::Failed(failure) = result.unwrap_err() else {
            panic!("something else");
        };
        assert_eq!(failure.worker, "fails");
        assert_eq!(seen.worker, failure.worker);
        match &*failure.cause {
            Cause::Error(error) => assert_eq!(error.to_string(), "deep down"),
            Cause::Panicked { message } => assert_eq!(message, "it panics"),
            Cause::Dropped => panic!("it was not dropped"),
        }
        assert_eq!(failure.source().is_some(), !panics);
        assert_eq!(diary.count("told"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn c5_a_worker_that_panics_before_it_is_a_future_is_a_failure_like_others() {
    let component = Component::new().worker("hasty", |_| {
        panic!("at once");
        #[expect(unreachable_code, reason = "it says which future it would be")]
        async {
            Ok(())
        }
    });
    let error = component.run(CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "worker hasty panicked: at once");
}

#[tokio::test(start_paused = true)]
async fn c6_the_first_failure_is_the_result_and_the_later_ones_are_kept() {
    let late = |context: WorkerContext, seconds: u32| async move {
        context.stopping().await;
        fail_after(seconds).await
    };
    let component = Component::new()
        .worker("third", move |context| late(context, 2))
        .worker("second", move |context| late(context, 1))
        .worker("first", |_| fail_after(1))
        .worker("well", |context| async move {
            context.stopping().await;
            Ok(())
        });
    let error = component.run(CancellationToken::new()).await.unwrap_err();
    let RunError::Failed(failure) = error else {
        panic!("{error}");
    };
    let later: Vec<&str> = failure.later.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        (&*failure.worker, later),
        ("first", vec!["second", "third"])
    );
    assert_eq!(
        failure.to_string(),
        "worker first failed, then second, then third"
    );
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_dropped_at_any_poll_leaves_no_task_and_tells_its_handles() {
    for polls in 1..20 {
        let diary = Diary::default();
        let component = component_of(&diary, 3);
        let handle = component.handle();
        {
            let mut run = Box::pin(component.run(CancellationToken::new()));
            for _ in 0..polls {
                if tokio::time::timeout(Duration::from_millis(700), &mut run)
                    .await
                    .is_ok()
                {
                    break;
                }
            }
        }
        handle.shutdown_started().await;
        let done = handle.done().await;
        tokio::task::yield_now().await;
        assert_eq!((tasks(), diary.count("-")), (0, 3), "after {polls} polls");
        match done {
            Err(failure) => {
                assert!(matches!(*failure.cause, Cause::Dropped));
                assert_eq!(failure.to_string(), "the run of the component was dropped");
            }
            Ok(()) => assert!(polls > 3, "after {polls} polls"),
        }
        let again = component.run(CancellationToken::new()).await.unwrap_err();
        assert!(matches!(
            again,
            RunError::Start(StartError::AlreadyShutDown)
        ));
    }
}

/// Workers that live for a second each, one after the other, and note their ends.
fn component_of(diary: &Diary, workers: u32) -> Component {
    struct Ends(Diary);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.note("-");
        }
    }
    (1..=workers).fold(Component::new(), |component, seconds| {
        let ends = Ends(diary.clone());
        component.worker(format!("{seconds}"), move |context| async move {
            let _ends = ends;
            context.ready();
            pass(seconds * MOMENT).await;
            Ok::<(), BoxError>(())
        })
    })
}
