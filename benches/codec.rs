//! The packet codec by payload, with and without the optional checksum.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use mconn::ChannelId;
use mconn::packet::{MsgHeader, checksum, decode, encode_msg, max_packet};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    run(&mut criterion, "packet::encode", encode);
    run(&mut criterion, "packet::decode", read);
    run(&mut criterion, "packet::checksum", check);
    criterion.final_summary();
}

fn run(criterion: &mut Criterion, name: &str, bench: fn(&mut BenchmarkGroup<'_, WallTime>, &[u8])) {
    let mut group = criterion.benchmark_group(name);
    group
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for payload in PAYLOADS {
        group.throughput(Throughput::Bytes(payload as u64));
        bench(&mut group, &vec![0x5a; payload]);
    }
    group.finish();
}

/// Into a buffer that has room, as the batches of a connection have.
fn encode(group: &mut BenchmarkGroup<'_, WallTime>, data: &[u8]) {
    for checked in [false, true] {
        let mut out = Vec::with_capacity(2 * data.len() + 64);
        group.bench_function(name(data, checked), |bencher| {
            bencher.iter(|| {
                out.clear();
                encode_msg(
                    &MsgHeader::new(CHANNEL)
                        .with_eof(true)
                        .with_checksum(checked),
                    black_box(data),
                    &mut out,
                )
            });
        });
    }
}

/// What a receiver that requires no checksum does: one that is there is passed over.
fn read(group: &mut BenchmarkGroup<'_, WallTime>, data: &[u8]) {
    for checked in [false, true] {
        let mut framed = Vec::new();
        encode_msg(
            &MsgHeader::new(CHANNEL)
                .with_eof(true)
                .with_checksum(checked),
            data,
            &mut framed,
        );
        let max = max_packet(data.len()) + ROOM;
        group.bench_function(name(data, checked), |bencher| {
            bencher.iter(|| decode(black_box(&framed), max).map(|found| found.is_some()));
        });
    }
}

fn check(group: &mut BenchmarkGroup<'_, WallTime>, data: &[u8]) {
    group.bench_function(format!("payload={}", data.len()), |bencher| {
        bencher.iter(|| checksum(CHANNEL, true, black_box(data)));
    });
}

fn name(data: &[u8], checked: bool) -> String {
    let suffix = if checked { "/checksum" } else { "" };
    format!("payload={}{suffix}", data.len())
}

/// From a control message over a vote to a full packet, and what two peers could agree on beyond it.
const PAYLOADS: [usize; 6] = [0, 16, 200, 1024, 4096, 16 * 1024];
const CHANNEL: ChannelId = ChannelId::new(0x21);
/// For the checksum field, and for the length prefixes that it may lengthen.
const ROOM: usize = 8;
