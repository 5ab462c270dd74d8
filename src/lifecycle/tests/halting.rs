//! The halt that waits for a release: C16. And what is not done: C18.

use std::future::{Future, pending};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::lifecycle::{Supervisor, Verdict};

#[tokio::test(start_paused = true)]
async fn c16_a_halt_ends_all_nodes_ignores_the_root_and_gives_the_first_error_at_its_release() {
    let (diary, stop) = (Diary::default(), CancellationToken::new());
    let (release, released) = oneshot::channel::<()>();
    let mut run = pin!(
        failing(&diary)
            .halt_release(async { drop(released.await) })
            .run(stop.clone())
    );
    assert!(timeout(60 * MOMENT, run.as_mut()).await.is_err());
    diary.place("-other");
    assert_eq!(tasks(), 0);
    stop.cancel();
    assert!(timeout(60 * MOMENT, run.as_mut()).await.is_err());
    // Without work it is not even woken.
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    assert!(
        run.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    pass(3600 * MOMENT).await;
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
    release.send(()).unwrap();
    let report = run.await;
    assert!(report.halted);
    assert_eq!(report.into_result().unwrap_err().node, "failing");
}

#[tokio::test(start_paused = true)]
async fn c16_without_a_release_a_halt_is_a_shutdown() {
    let diary = Diary::default();
    let report = failing(&diary).run(CancellationToken::new()).await;
    assert!(!report.halted);
    assert_eq!(report.failures.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_release_is_not_waited_for_where_nothing_halted() {
    let (diary, stop) = (Diary::default(), CancellationToken::new());
    let supervisor = Supervisor::new([diary.node("only")]).unwrap();
    stop.cancel();
    let report = supervisor.halt_release(pending()).run(stop).await;
    assert!(report.is_clean() && !report.halted);
}

#[test]
fn c18_it_installs_no_signal_handler_and_starts_no_runtime() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lifecycle");
    let mut read = 0;
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["signal::", "Runtime", "runtime::", "block_on", "thread::"] {
                assert!(!text.contains(word), "{word} in {}", path.display());
            }
            read += 1;
        }
    }
    assert!(read >= 9);
}

/// One node that fails at three seconds, and another.
fn failing(diary: &Diary) -> Supervisor {
    let failing = diary
        .node_with("failing", |_| fail_after(2))
        .on_failure(|_| Verdict::SpinHalt);
    Supervisor::new([failing, diary.node("other")]).unwrap()
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
