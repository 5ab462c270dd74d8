//! Graphs of nodes: C8, C11 to C15, C17, on the graph A <- B <- C, A <- D, and E alone.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::lifecycle::{Component, Node, NodeError, Report, RunError, Supervisor, Verdict};

#[tokio::test(start_paused = true)]
async fn c8_each_verdict_stops_exactly_the_nodes_that_it_must() {
    let cases = [
        (Verdict::Restart, "B"),
        (Verdict::Stop, "BC"),
        (Verdict::StopParents, "ABCD"),
        (Verdict::Shutdown, "ABCDE"),
        (Verdict::SpinHalt, "ABCDE"),
    ];
    for (verdict, stopped) in cases {
        let diary = Diary::default();
        let stop = CancellationToken::new();
        let nodes = family(&diary).map(|node| match verdict {
            // Only B fails, and once.
            _ if node.name == "B" => node.on_failure(move |_| verdict),
            _ => node.on_failure(|error| panic!("asked about {error}")),
        });
        let run = Supervisor::new(nodes).unwrap().run(stop.clone());
        let mut run = Box::pin(run);
        let early = timeout(30 * MOMENT, &mut run).await;
        for name in ["A", "B", "C", "D", "E"] {
            let ends = diary.count(&format!("-{name}"));
            assert_eq!(
                ends,
                usize::from(stopped.contains(name)),
                "{verdict:?} {name}"
            );
        }
        let begins = diary.count("+B");
        assert_eq!(begins, if verdict == Verdict::Restart { 2 } else { 1 });
        assert_eq!(early.is_ok(), stopped.len() == 5, "{verdict:?}");
        let report = match early {
            Ok(report) => report,
            Err(_) => {
                stop.cancel();
                run.await
            }
        };
        assert_eq!(failed(&report), ["B"]);
        assert_eq!(tasks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn c8_beyond_the_limit_of_restarts_a_node_stops_with_its_dependants() {
    let diary = Diary::default();
    let policy = crate::lifecycle::RestartPolicy::default().with_max_restarts(3, 3600 * MOMENT);
    let failing = diary
        .node_with("B", |_| fail_after(1))
        .depends_on(["A"])
        .on_failure(|_| Verdict::Restart)
        .with_restart(policy);
    let nodes = [diary.node("A"), failing, diary.node("C").depends_on(["B"])];
    let stop = CancellationToken::new();
    let run = Supervisor::new(nodes).unwrap().run(stop.clone());
    let mut run = Box::pin(run);
    assert!(timeout(60 * MOMENT, &mut run).await.is_err());
    assert_eq!((diary.count("+B"), diary.count("-B")), (4, 4));
    assert_eq!((diary.count("-C"), diary.count("-A")), (1, 0));
    stop.cancel();
    assert_eq!(failed(&run.await), ["B"; 4]);
}

#[tokio::test(start_paused = true)]
async fn c11_a_dependant_begins_only_after_all_its_dependencies_are_ready_20_times() {
    for _ in 0..20 {
        let (diary, stop, start) = (Diary::default(), CancellationToken::new(), Instant::now());
        let slow = {
            let diary = diary.clone();
            Node::new("slow", move || {
                let diary = diary.clone();
                Ok(Component::new().worker("work", |context| async move {
                    pass(7 * MOMENT).await;
                    diary.note("slow is ready");
                    context.ready();
                    context.stopping().await;
                    Ok(())
                }))
            })
        };
        let last = diary.node("last").depends_on(["slow", "quick"]);
        let nodes = [last, slow, diary.node("quick")];
        let cancel = async {
            pass(10 * MOMENT).await;
            stop.cancel();
        };
        let run = Supervisor::new(nodes).unwrap().run(stop.clone());
        let (report, ()) = tokio::join!(run, cancel);
        assert!(report.is_clean(), "{report}");
        assert!(diary.place("slow is ready") < diary.place("+last"));
        assert_eq!(start.elapsed(), 12 * MOMENT);
    }
}

#[tokio::test(start_paused = true)]
async fn c12_dependants_have_ended_before_their_dependency_is_told_to_stop_40_times() {
    for round in 0..40 {
        let (diary, stop) = (Diary::default(), CancellationToken::new());
        let cancel = async {
            // Also while some are still starting.
            pass(round * MOMENT / 8).await;
            stop.cancel();
        };
        let nodes = quiet_family(&diary);
        let run = Supervisor::new(nodes).unwrap().run(stop.clone());
        let (report, ()) = tokio::join!(run, cancel);
        assert!(report.is_clean(), "{report}");
        for (dependant, dependency) in [("B", "A"), ("C", "B"), ("D", "A")] {
            if diary.count(&format!("+{dependant}")) == 1 {
                let ended = diary.place(&format!("-{dependant}"));
                assert!(
                    ended < diary.place(&format!("!{dependency}")),
                    "round {round}"
                );
            }
        }
        assert_eq!(tasks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn c13_a_shutdown_gives_the_first_error_after_every_node_has_ended() {
    let diary = Diary::default();
    let nodes = family(&diary).map(|node| node.on_failure(|_| Verdict::Shutdown));
    let report = Supervisor::new(nodes)
        .unwrap()
        .run(CancellationToken::new())
        .await;
    for name in ["A", "B", "C", "D", "E"] {
        diary.place(&format!("-{name}"));
    }
    let failure = report.into_result().unwrap_err();
    assert_eq!(failure.to_string(), "node B: worker work failed");
    let source = std::error::Error::source(&failure).unwrap();
    assert_eq!(source.to_string(), "failed after 5");
}

#[tokio::test(start_paused = true)]
async fn c14_a_node_that_fails_while_stopping_is_told_and_holds_nobody_up() {
    let (diary, stop) = (Diary::default(), CancellationToken::new());
    let failing = Node::new("failing", || {
        Ok(Component::new().worker("work", |context| async move {
            context.ready();
            context.stopping().await;
            fail_after(0).await
        }))
    })
    .depends_on(["A"])
    .on_failure(|error| panic!("asked about {error}"));
    let run = Supervisor::new([diary.node("A"), failing])
        .unwrap()
        .run(stop.clone());
    let cancel = async {
        pass(3 * MOMENT).await;
        stop.cancel();
    };
    let (report, ()) = tokio::join!(run, cancel);
    assert_eq!(failed(&report), ["failing"]);
    diary.place("-A");
}

#[tokio::test(start_paused = true)]
async fn c14_a_node_that_hangs_while_stopping_is_aborted_at_the_timeout_and_named() {
    let (diary, stop, start) = (Diary::default(), CancellationToken::new(), Instant::now());
    let hanging = Node::new("hanging", || {
        Ok(Component::new().worker("work", |context| async move {
            context.ready();
            pending().await
        }))
    })
    .depends_on(["A"]);
    let supervisor = Supervisor::new([diary.node("A"), hanging]).unwrap();
    let run = supervisor.with_stop_timeout(5 * MOMENT).run(stop.clone());
    let cancel = async {
        pass(3 * MOMENT).await;
        stop.cancel();
    };
    let (report, ()) = tokio::join!(run, cancel);
    assert_eq!(report.stuck, ["hanging"]);
    assert!(matches!(report.failures[0].error, NodeError::Stuck));
    // Three until the stop, five until it is aborted, and one for A.
    assert_eq!(start.elapsed(), 9 * MOMENT);
    diary.place("!A");
    tokio::task::yield_now().await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn c15_a_failing_factory_reaches_its_handler_and_a_restart_asks_it_again() {
    for panics in [false, true] {
        let (diary, mut tries) = (Diary::default(), 0);
        let asked = diary.clone();
        let only = Node::new("only", move || {
            tries += 1;
            assert!(!panics, "in the factory");
            if tries < 3 {
                return Err(format!("try {tries}").into());
            }
            Ok(Component::new())
        })
        .on_failure(move |error| {
            asked.note(error.to_string());
            // One that panicked is gone, so that this is a stop for it.
            let is_panic = matches!(error, NodeError::Panicked { .. });
            assert!(is_panic || matches!(error, NodeError::Run(RunError::Factory(_))));
            Verdict::Restart
        });
        let run = Supervisor::new([only])
            .unwrap()
            .run(CancellationToken::new());
        let report = run.await;
        if panics {
            assert_eq!(diary.entries(), ["its factory panicked: in the factory"]);
            assert_eq!(failed(&report), ["only"]);
        } else {
            assert_eq!(diary.entries(), ["the component cannot be made"; 2]);
            assert_eq!(failed(&report), ["only", "only"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn c15_a_clean_end_stops_the_dependants_and_the_supervisor_returns_when_all_have_ended() {
    let (diary, start) = (Diary::default(), Instant::now());
    let short = Node::new("short", || {
        Ok(Component::new().worker("work", |context| async move {
            context.ready();
            pass(5 * MOMENT).await;
            Ok(())
        }))
    });
    let nodes = [short, diary.node("after").depends_on(["short"])];
    let run = Supervisor::new(nodes)
        .unwrap()
        .run(CancellationToken::new());
    let report = run.await;
    assert!(report.is_clean(), "{report}");
    diary.place("-after");
    assert_eq!(start.elapsed(), 6 * MOMENT);
    let empty = Supervisor::new([]).unwrap().run(CancellationToken::new());
    assert!(empty.await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn c2_a_node_that_will_never_be_ready_is_stopped_and_its_handler_asked() {
    let diary = Diary::default();
    let asked = diary.clone();
    let unready = Node::new("unready", || {
        Ok(Component::new()
            .worker("early", |_| async { Ok(()) })
            .worker("other", |context| async move {
                context.ready();
                context.stopping().await;
                Ok(())
            }))
    })
    .on_failure(move |error| {
        assert!(matches!(error, NodeError::NotReady(_)), "{error}");
        asked.note("asked");
        Verdict::Stop
    });
    let nodes = [unready, diary.node("after").depends_on(["unready"])];
    let report = Supervisor::new(nodes)
        .unwrap()
        .run(CancellationToken::new())
        .await;
    assert_eq!(failed(&report), ["unready"]);
    assert_eq!(diary.entries(), ["asked"]);
}

#[tokio::test(start_paused = true)]
async fn c17_handlers_are_not_asked_about_nodes_that_are_being_stopped() {
    let (diary, asked) = (Diary::default(), Diary::default());
    let nodes = ["A", "B", "C"].map(|name| {
        let (asked, entry) = (asked.clone(), name.to_owned());
        let node = Node::new(name, || {
            Ok(Component::new().worker("work", |context| async move {
                context.ready();
                tokio::select! {
                    () = context.stopping() => fail_after(1).await,
                    failed = fail_after(4) => failed,
                }
            }))
        });
        node.on_failure(move |_| {
            asked.note(entry.clone());
            Verdict::Shutdown
        })
    });
    let [a, b, c] = nodes;
    let nodes = [a, b.depends_on(["A"]), c.depends_on(["B"]), diary.node("D")];
    let report = Supervisor::new(nodes)
        .unwrap()
        .run(CancellationToken::new())
        .await;
    // All fail in the same moment, so that the first is the only one which was not being stopped.
    assert_eq!(asked.entries().len(), 1);
    assert_eq!(report.failures.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_has_said_shutdown() {
    let diary = Diary::default();
    let nodes = family(&diary).map(|node| node.on_failure(|_| panic!("in the handler")));
    let report = Supervisor::new(nodes)
        .unwrap()
        .run(CancellationToken::new())
        .await;
    assert_eq!(failed(&report), ["B"]);
    diary.place("-E");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_dropped_at_any_moment_leaves_no_task() {
    for quarter in 0..60 {
        let diary = Diary::default();
        let nodes = family(&diary).map(|node| node.on_failure(|_| Verdict::Restart));
        let run = Supervisor::new(nodes)
            .unwrap()
            .run(CancellationToken::new());
        let _ = timeout(quarter * Duration::from_millis(250), run).await;
        tokio::task::yield_now().await;
        assert_eq!(tasks(), 0, "after {quarter} quarters");
        for name in ["A", "B", "C", "D", "E"] {
            let begins = diary.count(&format!("+{name}"));
            assert_eq!(begins, diary.count(&format!("-{name}")), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_runs_on_several_threads_as_well() {
    for _ in 0..20 {
        let stop = CancellationToken::new();
        let nodes = ["A", "B", "C"].map(|name| {
            Node::new(name, || {
                Ok(Component::new().worker("work", |context| async move {
                    context.ready();
                    context.stopping().await;
                    Ok(())
                }))
            })
        });
        let [a, b, c] = nodes;
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let mut tell = Some(tell);
        let last = Node::new("last", move || {
            drop(tell.take());
            Ok(Component::new().worker("work", |context| async move {
                context.stopping().await;
                Ok(())
            }))
        });
        let nodes = [
            last.depends_on(["C"]),
            c.depends_on(["B"]),
            b.depends_on(["A"]),
            a,
        ];
        let mut run = tokio::task::JoinSet::new();
        run.spawn(Supervisor::new(nodes).unwrap().run(stop.clone()));
        let _ = told.await;
        stop.cancel();
        let report = run.join_next().await.unwrap().unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

/// A <- B <- C, A <- D, and E alone. B's first instance fails five seconds after it was ready.
fn family(diary: &Diary) -> [Node; 5] {
    let [a, _, c, d, e] = quiet_family(diary);
    let b = diary.node_with("B", async |instance| match instance {
        1 => fail_after(5).await,
        _ => Ok(()),
    });
    [a, b.depends_on(["A"]), c, d, e]
}

fn quiet_family(diary: &Diary) -> [Node; 5] {
    [
        diary.node("A"),
        diary.node("B").depends_on(["A"]),
        diary.node("C").depends_on(["B"]),
        diary.node("D").depends_on(["A"]),
        diary.node("E"),
    ]
}

/// The nodes that failed, in order.
fn failed(report: &Report) -> Vec<&str> {
    report.failures.iter().map(|it| it.node.as_str()).collect()
}
