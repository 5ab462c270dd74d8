//! Looking up host names.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use super::zone::at_port;
use super::{Host, HostName, HostPort};
use crate::error::Fault;
use crate::tcp;

/// Looks up names. [`SystemResolver`] asks the system; an own one may ask elsewhere, keep answers, or refuse.
///
/// Only names are asked for, never IP addresses; and only names from the program or its configuration, never such as a peer
/// states, so that no peer chooses what is looked up.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a name, best first. What they have for a port does not matter: the one that is dialed takes its place. Of a
    /// link-local IPv6 address the scope id says through which interface it is reached; of another it is not looked at. Dropping the future
    /// must give up.
    fn lookup<'a>(&'a self, name: &'a HostName) -> Lookup<'a>;
}

/// What [`Resolver::lookup`] gives.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

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
        Box::pin(tcp::lookup((name.as_str().to_owned(), 0)))
    }
}

/// The socket addresses of a host at its port: at most 16, each once, in the resolver's order.
///
/// An IP address is its own answer, without the resolver, and the interface that a link-local one names is looked up by the system. CometBFT uses the first answer only, keeps it for ever and waits for it without
/// limit; here the caller can try one after the other, and ask again.
///
/// # Errors
///
/// If the resolver fails, has no address, or takes longer than `timeout`; if there is no such interface.
///
/// # Cancel safety
///
/// Dropping the future gives the lookup up.
pub async fn resolve(
    resolver: &dyn Resolver,
    address: &HostPort,
    timeout: Duration,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let (host, port) = (|| address.host().to_string(), address.port());
    let answer = tokio::time::timeout(timeout, answer(resolver, address)).await;
    let found = answer
        .map_err(|_| ResolveError::Timeout {
            host: host(),
            after: timeout,
        })?
        .map_err(|error| ResolveError::Failed {
            host: host(),
            error,
        })?;
    let mut addresses = Vec::new();
    for found in found {
        let address = at_port(found, port);
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(ResolveError::NoAddress { host: host() });
    }
    Ok(addresses)
}

async fn answer(resolver: &dyn Resolver, address: &HostPort) -> io::Result<Vec<SocketAddr>> {
    match address.host() {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, address.port())]),
        Host::LinkLocal(link_local) => Ok(vec![link_local.at(address.port()).await?]),
        Host::Name(name) => resolver.lookup(name).await,
    }
}

/// A name without an address, or a link-local address without its interface.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The resolver failed, or there is no such interface.
    #[error("looking up {host} failed: {error}")]
    Failed {
        /// The name, or the link-local address with its zone.
        host: String,
        /// What the resolver says.
        error: io::Error,
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

impl ResolveError {
    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Failed { .. } | Self::NoAddress { .. } => Fault::Transport,
            Self::Timeout { .. } => Fault::Silence,
        }
    }
}

/// Each may cost a whole dial timeout, and no host needs more.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::{IpAddr, Ipv4Addr, SocketAddrV6};
    use std::sync::Mutex;

    use super::*;

    /// Answers with a list, an error, or never, and keeps what it was asked.
    #[derive(Debug, Default)]
    struct Scripted {
        answer: Option<Result<Vec<SocketAddr>, io::ErrorKind>>,
        asked: Mutex<Vec<String>>,
    }

    impl Scripted {
        fn new(answer: Result<Vec<SocketAddr>, io::ErrorKind>) -> Self {
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
        let resolver = Scripted::new(Ok(answer.map(somewhere).to_vec()));
        let found = ask(&resolver).await.unwrap();
        let expected = ["10.0.0.2:26656", "[::1]:26656", "10.0.0.1:26656"];
        assert_eq!(found, expected.map(|text| text.parse().unwrap()));
        assert_eq!(*resolver.asked.lock().unwrap(), ["seed.example.com"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_answers_is_cut() {
        let answer = (0..1000u32).map(|n| (Ipv4Addr::from_bits(n), 0).into());
        let answer = answer.collect();
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
        let ResolveError::Failed { error, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
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
        let found = resolve(&SystemResolver::new(), &address, MINUTE).await;
        assert!(found.unwrap().iter().all(|found| found.ip().is_loopback()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_keeps_its_scope_where_that_decides() {
        let scoped = |ip: &str, port, scope| -> SocketAddr {
            SocketAddrV6::new(ip.parse().unwrap(), port, 7, scope).into()
        };
        let answer = vec![
            scoped("fe80::1", 1, 2),
            scoped("fe80::1", 2, 3),
            scoped("2001:db8::1", 3, 2),
            scoped("::ffff:10.0.0.1", 4, 2),
        ];
        let found = ask(&Scripted::new(Ok(answer))).await.unwrap();
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "[fe80::1%2]:26656",
            "[fe80::1%3]:26656",
            "[2001:db8::1]:26656",
            "10.0.0.1:26656",
        ];
        assert_eq!(texts, expected);
    }

    #[tokio::test]
    async fn a_link_local_address_keeps_its_interface() {
        let resolver = Scripted::new(Err(io::ErrorKind::Other));
        let ask = async |text: &str| resolve(&resolver, &text.parse().unwrap(), MINUTE).await;
        let found = ask("[fe80::1%3]:80").await.unwrap();
        assert_eq!(found[0].to_string(), "[fe80::1%3]:80");
        #[cfg(target_os = "linux")]
        {
            let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
            let found = ask("[fe80::1%lo]:80").await.unwrap();
            assert_eq!(
                found[0].to_string(),
                format!("[fe80::1%{}]:80", index.trim())
            );
        }
        let error = ask("[fe80::1%no-such-if]:80").await.unwrap_err();
        assert!(matches!(error, ResolveError::Failed { .. }), "{error:?}");
        assert!(error.to_string().contains("fe80::1%no-such-if"), "{error}");
        assert!(resolver.asked.lock().unwrap().is_empty());
    }

    /// At a port that does not matter.
    fn somewhere(ip: &str) -> SocketAddr {
        (ip.parse::<IpAddr>().unwrap(), 1).into()
    }

    async fn ask(resolver: &Scripted) -> Result<Vec<SocketAddr>, ResolveError> {
        let address = "Seed.example.com:26656".parse().unwrap();
        resolve(resolver, &address, TIMEOUT).await
    }

    const TIMEOUT: Duration = Duration::from_secs(5);
    const MINUTE: Duration = Duration::from_secs(60);
}
