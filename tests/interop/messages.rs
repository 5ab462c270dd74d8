//! What a stock node says on some of its channels, as far as it is looked at here (CometBFT specification, "P2P messages").

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Nothing {}

/// Of `Message` in CometBFT's consensus protocol, the one that is looked at.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConsensusMessage {
    #[prost(message, tag = "1")]
    pub(crate) new_round_step: Option<NewRoundStep>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewRoundStep {
    #[prost(int64, tag = "1")]
    pub(crate) height: i64,
    #[prost(int32, tag = "2")]
    pub(crate) round: i32,
    #[prost(uint32, tag = "3")]
    pub(crate) step: u32,
}

/// `Message` of peer exchange.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PexMessage {
    #[prost(message, tag = "1")]
    pub(crate) request: Option<Nothing>,
    #[prost(message, tag = "2")]
    pub(crate) addresses: Option<PexAddrs>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PexAddrs {
    #[prost(message, repeated, tag = "1")]
    pub(crate) addresses: Vec<NetAddress>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NetAddress {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) ip: String,
    #[prost(uint32, tag = "3")]
    pub(crate) port: u32,
}

/// Of `Message` in the blocksync protocol, a question and its answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlocksyncMessage {
    #[prost(message, tag = "1")]
    pub(crate) request: Option<BlockRequest>,
    #[prost(message, tag = "3")]
    pub(crate) response: Option<BlockResponse>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlockRequest {
    #[prost(int64, tag = "1")]
    pub(crate) height: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BlockResponse {
    #[prost(message, tag = "1")]
    pub(crate) block: Option<Block>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Block {
    #[prost(message, tag = "1")]
    pub(crate) header: Option<Header>,
    #[prost(message, tag = "4")]
    pub(crate) last_commit: Option<Commit>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Header {
    #[prost(string, tag = "2")]
    pub(crate) chain_id: String,
    #[prost(int64, tag = "3")]
    pub(crate) height: i64,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) last_commit_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) data_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) validators_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) next_validators_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) consensus_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) app_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    pub(crate) last_results_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "13")]
    pub(crate) evidence_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "14")]
    pub(crate) proposer_address: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Commit {
    #[prost(int64, tag = "1")]
    pub(crate) height: i64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) signatures: Vec<Nothing>,
}
