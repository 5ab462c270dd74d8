//! The parts of the benches that can be wrong without anybody seeing it in a figure.

mod framing {
    use bytes::Bytes;

    use mconn_benches::framing::{Cutter, Gather, PIECE};

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

    use mconn_benches::pace::Pace;

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
    use mconn_benches::quantile::{median, percentile};

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

mod scheduling {
    use mconn::mux::scheduler::Scheduler;

    use mconn_benches::fairness::Outcome;
    use mconn_benches::go_rule::GoRule;
    use mconn_benches::{picture, scenes};

    #[test]
    fn the_go_rule_takes_the_least_ratio_and_forgets_a_fifth() {
        let mut rule = GoRule::new(&[10, 5]);
        rule.on_pending(0);
        rule.on_pending(1);
        let mut picked = Vec::new();
        for _ in 0..6 {
            picked.extend(rule.pick());
            rule.on_sent(1000, true);
        }
        assert_eq!(picked, [0, 1, 0, 0, 1, 0]);
        rule.on_sent(1000, false);
        rule.decay();
        assert_eq!(rule.pick(), Some(1));
    }

    #[test]
    fn a_newcomer_takes_the_link_under_the_go_rule_only() {
        let scene = scenes::one_wakes();
        let (go, ours) = (
            Outcome::of::<GoRule>(&scene),
            Outcome::of::<Scheduler>(&scene),
        );
        assert!(go.longest_wait() > 15_000, "{}", go.longest_wait());
        assert!(go.longest_silence().as_secs() >= 3);
        assert_eq!(ours.longest_wait(), 1);
    }

    #[test]
    fn few_packets_pass_a_sparse_channel_of_high_priority() {
        let scenes = [
            scenes::sparse_among(9, ""),
            scenes::sparse_among(255, ""),
            scenes::sparse_when_many_wake(),
            scenes::votes(),
        ];
        for scene in scenes {
            let outcome = Outcome::of::<Scheduler>(&scene);
            assert!(outcome.longest_wait() <= 10, "{}", scene.title);
            assert!(outcome.mean_wait() < 0.1, "{}", scene.title);
        }
    }

    #[test]
    fn saturated_channels_get_their_shares() {
        let scene = scenes::all_saturated("", &scenes::STOCK, &[1038, 30, 212], 512_000);
        assert!(Outcome::of::<Scheduler>(&scene).worst_share() < 0.001);
    }

    #[test]
    fn the_committed_picture_is_what_the_rules_do() {
        let drawn = picture::draw(&picture::scenes());
        let committed = include_str!("../fairness.svg");
        assert!(drawn == committed, "draw it anew: see benches/README.md");
    }
}

mod writing {
    use mconn_benches::block::splice;
    use mconn_benches::table::Table;

    #[test]
    fn a_table_is_aligned_or_markdown() {
        let mut table = Table::new(&["work", "µs"]);
        table.push(vec!["echo".to_owned(), "59.3".to_owned()]);
        assert_eq!(table.aligned(), "work    µs\necho  59.3\n");
        let markdown = "| work | µs |\n| --- | ---: |\n| echo | 59.3 |\n";
        assert_eq!(table.markdown(), markdown);
    }

    #[test]
    fn a_block_of_the_readme_is_replaced_and_nothing_else() {
        let readme = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let new = "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n";
        assert_eq!(splice(readme, "x", "new\n").as_deref(), Some(new));
        assert_eq!(splice(new, "x", "new\n").as_deref(), Some(new));
        assert_eq!(splice(readme, "y", "new"), None);
    }
}
