//! The span of each upgrade, as a subscriber sees it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Metadata, Subscriber, info_span};

use super::kit::*;
use super::net::*;
use crate::peer::tests::kit::*;
use crate::transport::{Transport, TransportConfig};

#[tokio::test(start_paused = true)]
async fn an_accepted_stream_is_upgraded_in_a_span_with_its_address_and_direction() {
    let (recorder, _guard) = Recorder::begin();
    let mut stage = Stage::new(TransportConfig::default());
    let _pair = stage.welcome("192.0.2.7:4000", &node("one")).await;
    let span = "upgrade address=192.0.2.7:4000 direction=inbound";
    assert_eq!(recorder.spans(), [span]);
    assert_eq!(recorder.told_in(span), ["handshake done"]);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_fails_tells_it_in_its_span() {
    let (recorder, _guard) = Recorder::begin();
    let mut stage = Stage::new(TransportConfig::default());
    drop(stage.door.knock("192.0.2.7:4000").await);
    stage.turned_away("192.0.2.7:4000").await;
    let span = "upgrade address=192.0.2.7:4000 direction=inbound";
    assert_eq!(recorder.told_in(span), ["handshake failed"]);
}

#[tokio::test]
async fn a_dialed_address_is_upgraded_in_a_span_with_its_address_and_direction() {
    let mut net = Net::new().await;
    let (recorder, _guard) = Recorder::begin();
    let dialer = Transport::new(node_config("dialer"), unlimited()).unwrap();
    let (dialed, accepted) = net.dialed_by(&dialer).await;
    let _pair = (dialed.unwrap(), accepted.unwrap());
    let address = net.listener.local_addr().unwrap();
    let span = format!("upgrade address={address} direction=outbound");
    assert_eq!(recorder.told_in(&span), ["dialing", "handshake done"]);
}

#[tokio::test]
async fn the_span_of_an_upgrade_is_below_the_one_that_asks_for_it() {
    let net = Net::new().await;
    let (address, cancel) = (net.address(), CancellationToken::new());
    net.listener.close().await;
    let (recorder, _guard) = Recorder::begin();
    let dialing = net.transport.dial(&address, &cancel);
    let caller = info_span!("caller");
    let refused = tracing::Instrument::instrument(dialing, caller).await;
    refused.unwrap_err();
    let host_port = address.host_port();
    let spans = [
        "caller".to_owned(),
        format!("caller > upgrade address={host_port} direction=outbound"),
    ];
    assert_eq!(recorder.spans(), spans);
    assert_eq!(recorder.told_in(&spans[1]), ["dialing"]);
}

/// Keeps the spans that begin on this thread, and what is told in each.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    /// With their fields and the spans above them. The place in the list, from 1, is the id.
    spans: Vec<String>,
    entered: Vec<u64>,
    /// A span and a message.
    told: Vec<(String, String)>,
}

impl Recorder {
    /// Records until the guard is dropped.
    fn begin() -> (Self, DefaultGuard) {
        // While there is one subscriber only, a place in the code that another thread reaches first is asked for that thread, which has none, and
        // stays silent for all.
        static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
        OTHERS.get_or_init(|| [(); 2].map(|()| Dispatch::new(Self::default())));
        let recorder = Self::default();
        let guard = set_default(recorder.clone());
        (recorder, guard)
    }

    fn spans(&self) -> Vec<String> {
        self.0.lock().unwrap().spans.clone()
    }

    fn told_in(&self, span: &str) -> Vec<String> {
        let recorded = self.0.lock().unwrap();
        let told = recorded.told.iter().filter(|(within, _)| within == span);
        told.map(|(_, message)| message.clone()).collect()
    }
}

impl Recorded {
    fn current(&self) -> Option<&str> {
        let id = usize::try_from(*self.entered.last()?).unwrap();
        Some(&self.spans[id - 1])
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut recorded = self.0.lock().unwrap();
        let name = format!("{}{}", attributes.metadata().name(), fields.named);
        let span = match recorded.current() {
            Some(above) => format!("{above} > {name}"),
            None => name,
        };
        recorded.spans.push(span);
        Id::from_u64(recorded.spans.len().try_into().unwrap())
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut recorded = self.0.lock().unwrap();
        let within = recorded.current().unwrap_or_default().to_owned();
        recorded.told.push((within, fields.message));
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.0.lock().unwrap().entered.pop(), Some(span.into_u64()));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

#[derive(Default)]
struct Fields {
    named: String,
    message: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.named += &format!(" {}={value:?}", field.name());
        }
    }
}
