//! The inbox against what it promises.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;

use super::kit::bulk;
use crate::config::Config;
use crate::driver::commons::Commons;
use crate::driver::inbox::{Inbox, Tally};

#[test]
fn the_receiver_is_woken_when_it_sleeps_and_not_otherwise() {
    let inbox = inbox();
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let (cx, mut run) = (Context::from_waker(&waker), VecDeque::new());
    assert_eq!(inbox.poll_run(&cx, &mut run), Poll::Pending);
    assert!(inbox.push_run(&mut messages(2)));
    assert!(flag.was_raised());
    assert!(inbox.push_run(&mut messages(1)));
    assert!(!flag.was_raised(), "it is awake");
    assert_eq!(inbox.poll_run(&cx, &mut run), Poll::Ready(true));
    assert_eq!(run.len(), 3);
    run.clear();
    assert_eq!(inbox.poll_run(&cx, &mut run), Poll::Pending);
    inbox.close();
    assert!(flag.was_raised());
    assert_eq!(inbox.poll_run(&cx, &mut run), Poll::Ready(false));
}

#[test]
fn a_closed_inbox_gives_what_is_left_and_takes_nothing() {
    let inbox = inbox();
    assert!(inbox.push_run(&mut messages(1)));
    inbox.close();
    let mut refused = messages(2);
    assert!(!inbox.push_run(&mut refused));
    assert_eq!(refused.len(), 2, "it is left as it was");
    let mut run = VecDeque::new();
    assert!(inbox.take_run(&mut run));
    assert_eq!(run.len(), 1);
    run.clear();
    assert!(!inbox.take_run(&mut run));
}

#[test]
fn many_messages_are_taken_in_short_runs_and_in_order() {
    let inbox = inbox();
    let all = messages(1000);
    assert!(inbox.push_run(&mut all.clone()));
    let (mut run, mut taken) = (VecDeque::new(), Vec::new());
    while taken.len() < 1000 {
        assert!(inbox.take_run(&mut run));
        assert!((1..=256).contains(&run.len()));
        assert!(run.capacity() <= 512);
        taken.extend(run.drain(..));
    }
    assert_eq!(all, taken);
}

#[test]
fn what_a_receiver_leaves_behind_is_gone_and_counted_apart() {
    let inbox = inbox();
    let mut taken = Tally::default();
    taken.add(5);
    inbox.on_taken(taken);
    assert_eq!((inbox.gone(), inbox.discarded()), (taken, 0));
    assert!(inbox.push_run(&mut messages(3)));
    inbox.leave(messages(4), taken);
    let mut gone = taken;
    (0..3).for_each(|n| gone.add(n));
    (0..4).for_each(|n| gone.add(n));
    assert_eq!((inbox.gone(), inbox.discarded()), (gone, 7));
    assert!(!inbox.push_run(&mut messages(1)));
}

/// Of as many bytes as there are before each.
fn messages(count: usize) -> VecDeque<Bytes> {
    (0..count).map(|len| Bytes::from(vec![7; len])).collect()
}

fn inbox() -> Inbox {
    Inbox::new(&bulk(), Arc::new(Commons::new(Config::default())))
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Flag {
    /// Whether it was raised since the last call.
    fn was_raised(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
