//! Looking up host names.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use super::address::{Host, HostName, HostPort};
use crate::tcp;

/// Looks up names. [`SystemResolver`] asks the system; an own one may ask elsewhere, keep answers, or refuse.
///
/// Only names are asked for, never IP addresses; and only names from the program or its configuration, never such as a peer
/// states, so that no peer chooses what is looked up.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a name, best first. Dropping the future must give up.
    fn lookup<'a>(&'a self, name: &'a HostName) -> Lookup<'a>;
}

/// What [`Resolver::lookup`] gives.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// The resolver of the system, as [`tcp::lookup`] asks it: a lookup that was given up holds up nobody's end.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemResolver;

impl SystemResolver {
    /// The system's resolver.
    pub const fn new() -> Self {
        Self
    }
}

impl Resolver for SystemResolver {
    fn lookup<'a>(&'a self, name: &'a HostName) -> Lookup<'a> {
        Box::pin(async move {
            let found = tcp::lookup((name.as_str().to_owned(), 0)).await?;
            Ok(found.iter().map(SocketAddr::ip).collect())
        })
    }
}

/// The socket addresses of a host at its port: at most 16, each once, in the resolver's order.
///
/// An IP address is its own answer, without the resolver. CometBFT uses the first answer only, keeps it for ever and waits for it without
/// limit; here the caller can try one after the other, and ask again.
///
/// # Errors
///
/// If the resolver fails, has no address, or takes longer than `timeout`.
///
/// # Cancel safety
///
/// Dropping the future gives the lookup up.
pub async fn resolve(
    resolver: &dyn Resolver,
    address: &HostPort,
    timeout: Duration,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let name = match address.host() {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, address.port())]),
        Host::Name(name) => name,
    };
    let host = || name.to_string();
    let answer = tokio::time::timeout(timeout, resolver.lookup(name)).await;
    let found = answer
        .map_err(|_| ResolveError::Timeout {
            host: host(),
            after: timeout,
        })?
        .map_err(|source| ResolveError::Failed {
            host: host(),
            source,
        })?;
    let mut addresses = Vec::new();
    for ip in found {
        let address = SocketAddr::new(ip.to_canonical(), address.port());
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(ResolveError::NoAddress { host: host() });
    }
    Ok(addresses)
}

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The resolver failed.
    #[error("looking up {host} failed: {source}")]
    Failed {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The name exists and has no address.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The resolver took too long.
    #[error("{host} was not found within {after:?}")]
    Timeout {
        /// The name.
        host: String,
        /// The time that it was given.
        after: Duration,
    },
}

/// Each may cost a whole dial timeout, and no host needs more.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;

    use super::*;

    /// Answers with a list, an error, or never, and keeps what it was asked.
    #[derive(Debug, Default)]
    struct Scripted {
        answer: Option<Result<Vec<IpAddr>, io::ErrorKind>>,
        asked: Mutex<Vec<String>>,
    }

    impl Scripted {
        fn new(answer: Result<Vec<IpAddr>, io::ErrorKind>) -> Self {
            Self {
                answer: Some(answer),
                ..Self::default()
            }
        }
    }

    impl Resolver for Scripted {
        fn lookup<'a>(&'a self, name: &'a HostName) -> Lookup<'a> {
            self.asked.lock().unwrap().push(name.to_string());
            Box::pin(async move {
                match &self.answer {
                    Some(answer) => answer.clone().map_err(io::Error::from),
                    None => pending().await,
                }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_literal_is_its_own_answer() {
        let resolver = Scripted::new(Err(io::ErrorKind::Other));
        for (text, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
        ] {
            let found = resolve(&resolver, &text.parse().unwrap(), Duration::ZERO).await;
            assert_eq!(found.unwrap(), [expected.parse().unwrap()]);
        }
        assert!(resolver.asked.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn answers_keep_their_order_and_come_once_each() {
        let answer = ["10.0.0.2", "::1", "10.0.0.2", "::ffff:10.0.0.2", "10.0.0.1"];
        let resolver = Scripted::new(Ok(answer.map(|ip| ip.parse().unwrap()).to_vec()));
        let found = ask(&resolver).await.unwrap();
        let expected = ["10.0.0.2:26656", "[::1]:26656", "10.0.0.1:26656"];
        assert_eq!(found, expected.map(|text| text.parse().unwrap()));
        assert_eq!(*resolver.asked.lock().unwrap(), ["seed.example.com"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_answers_is_cut() {
        let answer = (0..1000u32).map(|n| IpAddr::V4(n.into())).collect();
        let found = ask(&Scripted::new(Ok(answer))).await.unwrap();
        assert_eq!(found.len(), 16);
        assert_eq!(found[15], "0.0.0.15:26656".parse().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_an_error_that_names_the_host() {
        let error = ask(&Scripted::new(Ok(Vec::new()))).await.unwrap_err();
        assert!(matches!(error, ResolveError::NoAddress { .. }));
        assert_eq!(error.to_string(), "seed.example.com has no address");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_keeps_its_cause() {
        let resolver = Scripted::new(Err(io::ErrorKind::ConnectionRefused));
        let error = ask(&resolver).await.unwrap_err();
        assert!(error.to_string().contains("seed.example.com"));
        let source = std::error::Error::source(&error).unwrap();
        let source: &io::Error = source.downcast_ref().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_resolver_is_given_up() {
        let start = tokio::time::Instant::now();
        let error = ask(&Scripted::default()).await.unwrap_err();
        assert!(matches!(error, ResolveError::Timeout { after, .. } if after == TIMEOUT));
        assert!(error.to_string().contains("seed.example.com"));
        assert_eq!(start.elapsed(), TIMEOUT);
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        let address = "localhost:26656".parse().unwrap();
        let found = resolve(&SystemResolver::new(), &address, Duration::from_secs(60)).await;
        assert!(found.unwrap().iter().all(|found| found.ip().is_loopback()));
    }

    async fn ask(resolver: &Scripted) -> Result<Vec<SocketAddr>, ResolveError> {
        let address = "Seed.example.com:26656".parse().unwrap();
        resolve(resolver, &address, TIMEOUT).await
    }

    const TIMEOUT: Duration = Duration::from_secs(5);
}
