//! The send queue against what it promises, over random sequences of calls.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::send_queue::{Bounds, NoRoom, Occupancy, Room, SendQueue};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn bounds_order_and_waiters_hold_over_any_sequence_of_calls(
        messages in 1usize..6,
        bytes in 1usize..60,
        steps in prop::collection::vec(step(), 0..120),
        close in any::<bool>(),
    ) {
        let bounds = Bounds { messages, bytes };
        let queue = SendQueue::new(bounds);
        let mut world = World::new(&queue, bounds);
        for step in steps {
            world.take_step(&step);
            world.check();
        }
        if close {
            world.close();
        }
        world.wind_up();
    }
}

#[test]
fn an_empty_queue_admits_one_item_of_any_size() {
    let queue = SendQueue::new(bounds(4, 10));
    assert_eq!(queue.try_push(1, 1000), Ok(true));
    assert_eq!(queue.try_push(2, 0), Err((NoRoom::Full, 2)));
    queue.take_run(&mut VecDeque::new());
    assert_eq!(
        queue.try_push(2, 0),
        Err((NoRoom::Full, 2)),
        "it is not released"
    );
    queue.release(1, 1000);
    assert_eq!(queue.try_push(2, 0), Ok(true));
    assert_eq!(queue.try_push(3, 10), Ok(false));
    assert_eq!(queue.try_push(4, 1), Err((NoRoom::Full, 4)));
}

#[test]
fn a_closed_queue_gives_what_is_left_and_takes_nothing() {
    let queue = SendQueue::new(bounds(10, 10));
    assert_eq!(queue.try_push(1, 1), Ok(true));
    let room = queue.try_reserve(1).unwrap();
    queue.close();
    assert_eq!(queue.try_push(2, 1), Err((NoRoom::Closed, 2)));
    assert_eq!(queue.try_reserve(1).map(|_| ()), Err(NoRoom::Closed));
    assert_eq!(room.push(3, 1), Err(3), "it is given back");
    let mut run = VecDeque::new();
    queue.take_run(&mut run);
    assert_eq!(run, [1]);
}

#[test]
fn any_of_very_many_who_wait_can_leave_the_line() {
    let queue = SendQueue::new(bounds(1, 10));
    assert_eq!(queue.try_push(1, 1), Ok(true));
    let mut cx = Context::from_waker(Waker::noop());
    let mut line: Vec<_> = (0..64_000).map(|_| Box::pin(queue.reserve(1))).collect();
    for waiting in &mut line {
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
    }
    // From behind, and then every other one of those in front.
    line.truncate(32_000);
    let mut at = 0;
    line.retain(|_| {
        at += 1;
        at % 2 == 0
    });
    queue.take_run(&mut VecDeque::new());
    queue.release(1, 1);
    let mut first = line.remove(0);
    let Poll::Ready(Some(room)) = first.as_mut().poll(&mut cx) else {
        panic!("the first in line is next");
    };
    assert!(
        line.iter_mut()
            .all(|waiting| waiting.as_mut().poll(&mut cx).is_pending())
    );
    drop((line, room));
    assert_eq!(queue.occupancy(), Occupancy::default());
}

#[test]
fn room_without_its_guard_stays_counted_and_can_be_given_back() {
    let queue = SendQueue::new(bounds(2, 10));
    let len = queue.try_reserve(7).unwrap().keep();
    assert_eq!(
        queue.occupancy(),
        Occupancy {
            messages: 1,
            bytes: 7
        }
    );
    assert_eq!(queue.room(len).push(1, 5), Ok(true));
    assert_eq!(
        queue.occupancy(),
        Occupancy {
            messages: 1,
            bytes: 5
        }
    );
    let len = queue.try_reserve(3).unwrap().keep();
    drop(queue.room(len));
    assert_eq!(
        queue.occupancy(),
        Occupancy {
            messages: 1,
            bytes: 5
        }
    );
}

#[test]
fn room_of_any_size_is_given_back() {
    for len in [0, 1, usize::MAX - 1, usize::MAX] {
        let queue = SendQueue::<u64>::new(bounds(2, 10));
        drop(queue.try_reserve(len).unwrap());
        assert_eq!(queue.occupancy(), Occupancy::default());
    }
}

#[test]
fn who_waits_for_the_end_is_told_at_it_and_after_it() {
    let queue = SendQueue::<u64>::new(bounds(1, 1));
    let mut cx = Context::from_waker(Waker::noop());
    let mut early = Box::pin(queue.closed());
    assert!(early.as_mut().poll(&mut cx).is_pending());
    queue.close();
    assert!(early.as_mut().poll(&mut cx).is_ready());
    assert!(Box::pin(queue.closed()).as_mut().poll(&mut cx).is_ready());
}

#[test]
fn no_room_is_lost_where_cancellations_meet_grants_on_other_threads() {
    let queue = SendQueue::new(bounds(1, 100));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..20_000 {
                    let mut reserve = Box::pin(queue.reserve(10));
                    let mut cx = Context::from_waker(Waker::noop());
                    let room = reserve.as_mut().poll(&mut cx);
                    // Where the room is held for a while, the others wait for it.
                    for _ in 0..round % 50 {
                        std::hint::spin_loop();
                    }
                    drop(reserve);
                    drop(room);
                }
            });
        }
    });
    assert_eq!(queue.occupancy(), Occupancy::default());
    assert_eq!(queue.try_push(1, 1), Ok(true));
}

#[derive(Clone, Debug)]
enum Step {
    TryPush(usize),
    /// Begins to wait for room.
    Wait(usize),
    /// Polls, or cancels, one of those who wait.
    Poll(Index),
    Cancel(Index),
    /// Uses room for an item that is shorter by some bytes, or gives it up.
    Push(Index, usize),
    GiveUp(Index),
    Take,
    /// Gives back room for so many of the items that were taken.
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..40).prop_map(Step::TryPush),
        3 => (0usize..80).prop_map(Step::Wait),
        2 => any::<Index>().prop_map(Step::Poll),
        1 => any::<Index>().prop_map(Step::Cancel),
        2 => (any::<Index>(), 0usize..10).prop_map(|(room, less)| Step::Push(room, less)),
        1 => any::<Index>().prop_map(Step::GiveUp),
        2 => Just(Step::Take),
        3 => (1usize..4).prop_map(Step::Release),
    ]
}

/// Everything that the callers of a queue know.
struct World<'a> {
    queue: &'a SendQueue<u64>,
    bounds: Bounds,
    closed: bool,
    next: u64,
    /// Accepted and not taken, in order, with their lengths.
    items: VecDeque<(u64, usize)>,
    /// Lengths of what was taken and not released.
    taken: VecDeque<usize>,
    /// In order of arrival.
    waiters: Vec<Waiting<'a>>,
    rooms: Vec<Room<'a, u64>>,
}

struct Waiting<'a> {
    len: usize,
    answered: Arc<Flag>,
    reserve: Pin<Box<dyn Future<Output = Option<Room<'a, u64>>> + 'a>>,
}

impl Waiting<'_> {
    fn is_answered(&self) -> bool {
        self.answered.0.load(Ordering::Relaxed)
    }
}

impl<'a> World<'a> {
    const fn new(queue: &'a SendQueue<u64>, bounds: Bounds) -> Self {
        Self {
            queue,
            bounds,
            closed: false,
            next: 0,
            items: VecDeque::new(),
            taken: VecDeque::new(),
            waiters: Vec::new(),
            rooms: Vec::new(),
        }
    }

    fn take_step(&mut self, step: &Step) {
        match step {
            Step::TryPush(len) => self.try_push(*len),
            Step::Wait(len) => self.wait(*len),
            Step::Poll(which) if !self.waiters.is_empty() => {
                self.poll(which.index(self.waiters.len()));
            }
            Step::Cancel(which) if !self.waiters.is_empty() => {
                drop(self.waiters.remove(which.index(self.waiters.len())));
            }
            Step::Push(which, less) if !self.rooms.is_empty() => {
                let room = self.rooms.remove(which.index(self.rooms.len()));
                self.push(room, *less);
            }
            Step::GiveUp(which) if !self.rooms.is_empty() => {
                drop(self.rooms.remove(which.index(self.rooms.len())));
            }
            Step::Take => self.take(),
            Step::Release(messages) => self.release(*messages),
            _ => {}
        }
    }

    fn try_push(&mut self, len: usize) {
        let fits = self.queue.occupancy().fits(len, self.bounds);
        let somebody_waits = self.waiters.iter().any(|waiter| !waiter.is_answered());
        let wanted = match (self.closed, fits && !somebody_waits) {
            (true, _) => Err((NoRoom::Closed, self.next)),
            (false, false) => Err((NoRoom::Full, self.next)),
            (false, true) => Ok(self.items.is_empty()),
        };
        assert_eq!(self.queue.try_push(self.next, len), wanted);
        if wanted.is_ok() {
            self.items.push_back((self.next, len));
            self.next += 1;
        }
    }

    fn wait(&mut self, len: usize) {
        let somebody_waits = self.waiters.iter().any(|waiter| !waiter.is_answered());
        let answered = Arc::new(Flag::default());
        let mut reserve = Box::pin(self.queue.reserve(len));
        let waker = Waker::from(answered.clone());
        match reserve.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(room) => {
                assert!(room.is_none() || !somebody_waits, "in order of arrival");
                self.rooms.extend(room);
            }
            Poll::Pending => self.waiters.push(Waiting {
                len,
                answered,
                reserve,
            }),
        }
    }

    fn poll(&mut self, at: usize) {
        let waiter = &mut self.waiters[at];
        let waker = Waker::from(waiter.answered.clone());
        let polled = waiter
            .reserve
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        assert_eq!(polled.is_ready(), waiter.is_answered());
        if let Poll::Ready(room) = polled {
            assert!(room.is_some() || self.closed);
            self.waiters.remove(at);
            self.rooms.extend(room);
        }
    }

    fn push(&mut self, room: Room<'a, u64>, less: usize) {
        let len = room.len().saturating_sub(less);
        match room.push(self.next, len) {
            Ok(first) => {
                assert!(!self.closed);
                assert_eq!(first, self.items.is_empty());
                self.items.push_back((self.next, len));
                self.next += 1;
            }
            Err(item) => assert!(self.closed && item == self.next, "it is given back"),
        }
    }

    fn take(&mut self) {
        let mut run = VecDeque::new();
        self.queue.take_run(&mut run);
        let (items, lens): (Vec<u64>, Vec<usize>) = self.items.drain(..).unzip();
        assert_eq!(run, items, "in the order of acceptance");
        self.taken.extend(lens);
    }

    fn release(&mut self, messages: usize) {
        let messages = messages.min(self.taken.len());
        let bytes = self.taken.drain(..messages).sum();
        self.queue.release(messages, bytes);
    }

    fn close(&mut self) {
        self.queue.close();
        self.closed = true;
        assert!(self.waiters.iter().all(Waiting::is_answered));
    }

    fn check(&self) {
        let Occupancy { messages, bytes } = self.queue.occupancy();
        let Bounds {
            messages: most,
            bytes: most_bytes,
        } = self.bounds;
        assert!(messages <= most && (bytes <= most_bytes || messages == 1));
        let granted = self
            .waiters
            .iter()
            .take_while(|waiter| waiter.is_answered());
        let granted: Vec<usize> = granted.map(|waiter| waiter.len).collect();
        let later = &self.waiters[granted.len()..];
        assert!(
            !later.iter().any(Waiting::is_answered),
            "in order of arrival"
        );
        // Nothing will be released but by those who hold room, who may wait for this one.
        if let (true, true, Some(next)) =
            (self.items.is_empty(), self.taken.is_empty(), later.first())
        {
            assert!(
                !self.queue.occupancy().fits(next.len, self.bounds),
                "it waits for nothing"
            );
        }
        let lens = self.items.iter().map(|(_, len)| *len);
        let lens = lens.chain(self.taken.iter().copied());
        let lens = lens.chain(self.rooms.iter().map(Room::len)).chain(granted);
        let lens: Vec<usize> = lens.collect();
        assert_eq!((messages, bytes), (lens.len(), lens.iter().sum()));
        assert_eq!(self.queue.accepted(), self.next);
    }

    /// Everybody finishes what they began: nobody waits for ever, and no room is lost.
    fn wind_up(&mut self) {
        for _ in 0..200 {
            let answered = self.waiters.iter().position(Waiting::is_answered);
            if let Some(at) = answered {
                self.poll(at);
            }
            while let Some(room) = self.rooms.pop() {
                self.push(room, 0);
            }
            self.take();
            self.release(usize::MAX);
        }
        assert!(self.waiters.is_empty(), "somebody waits for ever");
        assert_eq!(self.queue.occupancy(), Occupancy::default());
        assert!(format!("{:?}", self.queue).contains("waiters: {}"));
    }
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const fn bounds(messages: usize, bytes: usize) -> Bounds {
    Bounds { messages, bytes }
}
