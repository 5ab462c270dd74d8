//! The parts of the benches that can be wrong without anybody seeing it in a figure.

#[path = "../benches/support"]
mod support {
    pub(crate) mod framing;
    pub(crate) mod pace;
    pub(crate) mod quantile;
}

mod framing {
    use bytes::Bytes;

    use crate::support::framing::{Cutter, Gather, PIECE};

    #[test]
    fn messages_survive_gathering_and_any_cut() {
        let sizes = [0, 1, 100, PIECE - 4, PIECE, 3 * PIECE + 7, 5, 0, 64];
        let messages = sizes.map(|size| Bytes::from(vec![0xa5; size]));
        let mut gather = Gather::default();
        let mut stream = Vec::new();
        for message in &messages {
            send(&mut gather, message, |piece| {
                stream.extend_from_slice(&piece)
            });
        }
        stream.extend_from_slice(&gather.take());

        for step in [1, 2, 3, 4, 5, 7, 1000, PIECE, stream.len()] {
            let mut cutter = Cutter::default();
            let mut seen = Vec::new();
            for chunk in stream.chunks(step) {
                cutter.feed(chunk, &mut |message: &[u8]| seen.push(message.len()));
            }
            assert_eq!(seen, sizes, "in chunks of {step}");
        }
    }

    #[test]
    fn small_messages_leave_in_full_pieces() {
        let mut gather = Gather::default();
        let message = Bytes::from_static(&[7; 60]);
        let mut pieces = Vec::new();
        for _ in 0..1024 {
            send(&mut gather, &message, |piece| pieces.push(piece.len()));
        }
        assert_eq!(pieces, [PIECE; 4]);
        assert!(gather.take().is_empty());
    }

    fn send(gather: &mut Gather, message: &Bytes, mut leave: impl FnMut(Bytes)) {
        if gather.hold(message) {
            return;
        }
        let mut rest = gather.begin(message);
        while let Some(piece) = gather.next_piece(&mut rest) {
            leave(piece);
        }
        assert!(rest.is_empty());
    }
}

mod pace {
    use std::time::{Duration, Instant};

    use crate::support::pace::Pace;

    const RATE: u64 = 2_500_000;
    const DELAY: Duration = Duration::from_millis(20);

    #[test]
    fn a_busy_link_carries_its_rate_though_its_reader_wakes_late() {
        let start = start();
        let mut pace = Pace::new(RATE, DELAY);
        let mut now = start;
        for _ in 0..1000 {
            now = pace.take(now, 2500).sent + Duration::from_micros(300);
        }
        let taken = pace.take(now, 0).sent.duration_since(start);
        assert_eq!(taken, Duration::from_secs(1));
    }

    #[test]
    fn an_idle_link_saves_nothing_up_beyond_the_slack() {
        let start = start();
        let mut pace = Pace::new(RATE, DELAY);
        pace.take(start, 2500);
        let later = start + Duration::from_secs(5);
        let slot = pace.take(later, 25_000);
        assert_eq!(slot.sent, later + Duration::from_millis(10 - 2));
        assert_eq!(slot.arrived, slot.sent + DELAY);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an origin; all that follows is computed"
    )]
    fn start() -> Instant {
        Instant::now()
    }
}

mod quantile {
    use crate::support::quantile::{median, percentile};

    #[test]
    fn the_nearest_rank_is_taken() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(median(&values), 50.0);
        assert_eq!(percentile(&values, 99), 99.0);
        assert_eq!(percentile(&values, 100), 100.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert!(median(&[]).is_nan());
    }
}
