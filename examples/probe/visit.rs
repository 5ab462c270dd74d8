//! Finds the way in, and talks.

use std::sync::Arc;
use std::time::Duration;

use mconn::Config;
use mconn::node::{Incompatible, key};
use mconn::peer::HandshakeError;
use mconn::secret::Identity;
use mconn::transport::{AttemptError, DialError, Peer, Transport, TransportConfig, UpgradeError};
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Target};
use crate::conversation;
use crate::failure::Failure;
use crate::identity::node;
use crate::report::Report;

/// Visits the node for as long as was asked for.
pub(crate) async fn run(
    target: &Target,
    cli: &Cli,
    stop: &CancellationToken,
    report: &mut Report,
) -> Result<(), Failure> {
    report.dialing(target);
    let peer = dial(target, cli, stop, report).await?;
    report.peer(&peer);
    conversation::hold(peer, cli.duration(), stop, report).await
}

/// Dials, and once more with what the node said where it belongs to another network or has another block protocol.
async fn dial(
    target: &Target,
    cli: &Cli,
    stop: &CancellationToken,
    report: &mut Report,
) -> Result<Peer, Failure> {
    let identity = Arc::new(match &cli.key {
        Some(path) => {
            let key = key::load(path).map_err(|error| Failure::Key {
                path: path.clone(),
                error,
            })?;
            if let Some(warning) = key.warning {
                eprintln!("warning: {warning}");
            }
            key.identity
        }
        None => Identity::generate()?,
    });
    let mut network = cli.network.clone();
    let mut block_protocol = BLOCK_PROTOCOL;
    loop {
        let name = network.as_deref().unwrap_or_default();
        let node = node(identity.clone(), name, block_protocol, "probe").connection(settings()?);
        let transport = Transport::new(node.build()?, TransportConfig::default())?;
        let failed = match attempt(&transport, target, stop).await {
            Ok(peer) => return Ok(peer),
            Err(failed) => failed,
        };
        match incompatible(&failed) {
            Some(Incompatible::Network { theirs, .. }) if network.is_none() => {
                report.learned("network", theirs.raw());
                network = Some(theirs.raw().to_owned());
            }
            Some(Incompatible::Block { theirs, .. }) if block_protocol == BLOCK_PROTOCOL => {
                report.learned("block protocol", &theirs.to_string());
                block_protocol = *theirs;
            }
            _ => return Err(failed.into()),
        }
        // It may not have noticed yet that the first visit is over.
        tokio::time::sleep(BETWEEN_VISITS).await;
    }
}

async fn attempt(
    transport: &Transport,
    target: &Target,
    stop: &CancellationToken,
) -> Result<Peer, DialError> {
    match target {
        Target::Anyone(address) => transport.dial_anyone(address, stop).await,
        Target::Peer(address) => transport.dial(address, stop).await,
    }
}

fn incompatible(error: &DialError) -> Option<&Incompatible> {
    error
        .attempts()
        .iter()
        .find_map(|attempt| match &attempt.error {
            AttemptError::Upgrade(UpgradeError::Handshake(HandshakeError::Incompatible(which))) => {
                Some(which)
            }
            _ => None,
        })
}

/// Pings often, so that there is a round-trip time to show.
fn settings() -> Result<Config, Failure> {
    let config = Config::builder()
        .ping_interval(PING_INTERVAL)
        .pong_timeout(PONG_TIMEOUT);
    Ok(config.build()?)
}

const BLOCK_PROTOCOL: u64 = 11;
const BETWEEN_VISITS: Duration = Duration::from_millis(200);
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// Must be below the interval. Anything that comes counts, so only a node that says nothing at all is given up.
const PONG_TIMEOUT: Duration = Duration::from_millis(1900);
