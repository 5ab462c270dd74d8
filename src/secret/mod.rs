//! SecretConnection: an encrypted and authenticated byte stream over any byte stream, in the wire format of CometBFT.

mod identity;

pub use identity::{Identity, IdentityError, PublicKey};
