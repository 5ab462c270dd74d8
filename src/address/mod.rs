//! Who and where peers are: ids, hosts, addresses, their classes and groups, and the addresses of names.

mod error;
mod group;
mod host;
mod id;
pub mod ip;
mod peer_addr;
mod peer_text;
mod resolve;
#[cfg(test)]
pub(crate) mod testing;
mod zone;

pub use error::{AddressError, HostNameError, ZoneError};
pub(crate) use group::{Group, Subscriber};
pub use host::{Host, HostName};
pub use id::{PeerId, PeerIdError};
pub use peer_addr::{HostPort, PeerAddr};
pub(crate) use peer_text::Excerpt;
pub use peer_text::PeerText;
pub use resolve::{Lookup, ResolveError, Resolver, SystemResolver, resolve};
pub use zone::LinkLocal;
