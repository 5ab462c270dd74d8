//! Channels that the peer did not advertise.

use tokio::io::duplex;

use super::kit::*;
use crate::config::Config;
use crate::driver::{Audience, Connection};
use crate::driver::{ReserveError, SendError, TrySendError};

#[tokio::test(start_paused = true)]
async fn every_way_of_sending_where_nobody_listens_gives_the_message_back() {
    let (io, _peer) = duplex(64);
    let mut connection = Connection::new(io, Config::default());
    let (sender, _) = connection
        .open_toward(Audience::NotListening, bulk())
        .unwrap();
    let message = numbered(1, 10);
    assert_eq!(
        sender.send(message.clone()).await,
        Err(SendError::NotAdvertised(message.clone()))
    );
    assert_eq!(
        sender.try_send(message.clone()),
        Err(TrySendError::NotAdvertised(message.clone()))
    );
    assert_eq!(
        sender.send_tracked(message.clone()).await.unwrap_err(),
        SendError::NotAdvertised(message)
    );
    assert_eq!(
        sender.reserve(10).await.unwrap_err(),
        ReserveError::NotAdvertised
    );
}
