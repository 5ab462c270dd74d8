//! One instance after another: C7 and C9.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::lifecycle::{Component, RestartPolicy, RunError, StartError, run_component};

#[tokio::test(start_paused = true)]
async fn c7_each_instance_is_fresh_and_begins_after_the_end_of_the_one_before() {
    let (diary, made) = (Diary::default(), Cell::new(0));
    let factory = || {
        made.set(made.get() + 1);
        let (number, diary) = (made.get(), diary.clone());
        diary.note(format!("made {number}"));
        Ok(Component::new()
            .worker("fails", move |_| async move {
                if number == 3 {
                    Ok(())
                } else {
                    fail_after(1).await
                }
            })
            .worker("lingers", move |context| async move {
                if number < 3 {
                    context.stopping().await;
                    pass(MOMENT).await;
                }
                diary.note(format!("ended {number}"));
                Ok(())
            }))
    };
    let stop = CancellationToken::new();
    run_component(&stop, factory, |_| true, &RestartPolicy::default())
        .await
        .unwrap();
    let expected = [
        "made 1", "ended 1", "made 2", "ended 2", "made 3", "ended 3",
    ];
    assert_eq!(diary.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn c7_a_factory_that_fails_is_told_at_once() {
    let made = Cell::new(0);
    let factory = || {
        made.set(made.get() + 1);
        Err("no disk".into())
    };
    let (stop, start) = (CancellationToken::new(), Instant::now());
    let error = run_component(&stop, factory, |_| true, &RestartPolicy::default())
        .await
        .unwrap_err();
    assert!(matches!(&error, RunError::Factory(error) if error.to_string() == "no disk"));
    assert_eq!((made.get(), start.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn c7_a_cancel_waits_for_the_end_and_is_no_error_also_between_two_instances() {
    let diary = Diary::default();
    let (stop, start) = (CancellationToken::new(), Instant::now());
    let factory = || {
        let diary = diary.clone();
        Ok(Component::new().worker("slow", |context| async move {
            context.stopping().await;
            pass(MOMENT).await;
            diary.note("ended");
            Ok(())
        }))
    };
    let policy = RestartPolicy::default().with_first_wait(Duration::from_secs(30));
    let cancel = async {
        pass(MOMENT).await;
        stop.cancel();
    };
    let (result, ()) = tokio::join!(run_component(&stop, factory, |_| true, &policy), cancel);
    result.unwrap();
    assert_eq!((diary.count("ended"), start.elapsed()), (1, 2 * MOMENT));

    let (stop, start) = (CancellationToken::new(), Instant::now());
    let factory = || Ok(Component::new().worker("fails", |_| fail_after(0)));
    let cancel = async {
        pass(MOMENT).await;
        stop.cancel();
    };
    let (result, ()) = tokio::join!(run_component(&stop, factory, |_| true, &policy), cancel);
    result.unwrap();
    assert_eq!(start.elapsed(), MOMENT);
}

#[tokio::test(start_paused = true)]
async fn c17_nobody_is_asked_about_a_failure_while_stopping() {
    let stop = CancellationToken::new();
    let factory = || {
        Ok(Component::new().worker("fails", |context| async move {
            context.stopping().await;
            fail_after(1).await
        }))
    };
    let asked = |_: &_| -> bool { panic!("it was asked") };
    let cancel = async { stop.cancel() };
    let policy = RestartPolicy::default();
    let (result, ()) = tokio::join!(run_component(&stop, factory, asked, &policy), cancel);
    assert!(matches!(result, Err(RunError::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_not_fresh_is_an_error_and_not_a_silent_end() {
    // As a factory that keeps its component and lends it again would do.
    let used = Component::new();
    used.run(CancellationToken::new()).await.unwrap();
    let mut used = Some(used);
    let factory = || used.take().ok_or_else(|| "only once".into());
    let stop = CancellationToken::new();
    let result = run_component(&stop, factory, |_| true, &RestartPolicy::default()).await;
    assert!(matches!(
        result,
        Err(RunError::Start(StartError::AlreadyShutDown))
    ));
}

#[tokio::test(start_paused = true)]
async fn c9_a_restart_waits_at_least_the_back_off_and_there_are_no_more_than_the_limit() {
    let second = Duration::from_secs(1);
    let policy = RestartPolicy::default()
        .with_first_wait(second)
        .with_longest_wait(4 * second)
        .with_max_restarts(4, 3600 * second);
    let begun = Rc::new(Cell::new(Vec::new()));
    let factory = || {
        let mut all = begun.take();
        all.push(Instant::now());
        begun.set(all);
        Ok(Component::new().worker("fails", |_| fail_after(0)))
    };
    let stop = CancellationToken::new();
    let error = run_component(&stop, factory, |_| true, &policy)
        .await
        .unwrap_err();
    assert!(
        matches!(error, RunError::RestartLimit { restarts: 4, .. }),
        "{error}"
    );
    let begun = begun.take();
    assert_eq!(begun.len(), 5);
    for (pair, wait) in begun.windows(2).zip([1, 2, 4, 4]) {
        let waited = pair[1] - pair[0];
        // Virtual time goes in milliseconds.
        let most = wait * second * 3 / 2 + Duration::from_millis(2);
        assert!(waited >= wait * second && waited <= most, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn c9_restarts_that_are_long_ago_do_not_count_and_waits_begin_anew() {
    let policy = RestartPolicy::default()
        .with_first_wait(MOMENT)
        .with_max_restarts(1, 60 * MOMENT);
    let made = Cell::new(0);
    let factory = || {
        made.set(made.get() + 1);
        let lives = if made.get() < 5 { 61 } else { 0 };
        Ok(Component::new().worker("fails", move |_| fail_after(lives)))
    };
    let (stop, start) = (CancellationToken::new(), Instant::now());
    let error = run_component(&stop, factory, |_| true, &policy)
        .await
        .unwrap_err();
    assert!(matches!(error, RunError::RestartLimit { restarts: 1, .. }));
    // Four that lived long, each followed by the first wait, and one that did not.
    assert_eq!(made.get(), 5);
    assert!(start.elapsed() < Duration::from_secs(4 * 61 + 4 * 2));
}
