//! Peer exchange, as far as a visitor needs it: ask for addresses, read them, answer such a question.

use bytes::Bytes;
use mconn::ChannelId;
use prost::Message;

/// The channel of peer exchange.
pub(crate) const CHANNEL: ChannelId = ChannelId::new(0x00);

/// Asks for addresses. A node answers the first question at once, and thinks ill of those who ask often.
pub(crate) fn request() -> Bytes {
    encode(Sum::Request(Request {}))
}

/// The answer with these addresses.
pub(crate) fn answer(addresses: Vec<Address>) -> Bytes {
    encode(Sum::Addresses(Addresses { addresses }))
}

/// What a message on the channel says; nothing if it is not of this protocol.
pub(crate) fn decode(message: &[u8]) -> Option<Said> {
    match Exchange::decode(message).ok()?.sum? {
        Sum::Addresses(answer) => Some(Said::Addresses(answer.addresses)),
        Sum::Request(_) => Some(Said::Request),
    }
}

/// What the other side says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Addresses(Vec<Address>),
    Request,
}

/// A peer that the other side knows of.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Address {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) ip: String,
    #[prost(uint32, tag = "3")]
    pub(crate) port: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Exchange {
    #[prost(oneof = "Sum", tags = "1, 2")]
    sum: Option<Sum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Sum {
    #[prost(message, tag = "1")]
    Request(Request),
    #[prost(message, tag = "2")]
    Addresses(Addresses),
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Request {}

#[derive(Clone, PartialEq, Message)]
struct Addresses {
    #[prost(message, repeated, tag = "1")]
    addresses: Vec<Address>,
}

fn encode(sum: Sum) -> Bytes {
    Exchange { sum: Some(sum) }.encode_to_vec().into()
}
