use clap::Parser;

use super::{Cli, show};

#[tokio::test]
async fn a_town_gets_over_a_kill_and_a_partition_and_every_note_reaches_whom_it_can() {
    let cli = Cli::parse_from(["node", "--nodes", "4", "--millis", "150"]);
    let summary = show(&cli).await.unwrap();
    assert_eq!((summary.lost, summary.overdue), (0, 0), "{summary}");
    assert!(
        summary.notes >= 40 && summary.heard > summary.notes,
        "{summary}"
    );
    assert!(summary.reconnected.is_some());
}
