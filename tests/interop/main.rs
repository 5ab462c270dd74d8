//! Proof against the real thing: connections between mconn and the MConnection of two CometBFT releases over loopback
//! TCP. README.md says what is proven and how this is run. Unlike all other tests these use real clocks and need Go.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod checksum;
mod go;
mod keepalive;
mod live;
mod messages;
mod nodes;
mod ours;
mod program;
mod recorded;
mod secret;
mod session;
mod sizes;
mod stock_node;
mod stop;
mod switch;
mod ten_channels;
mod traffic;
mod transport;
mod violations;

/// Each scenario is a test of its own against each release, without and with encryption as listed.
macro_rules! against_both_releases {
    ($name:ident, $encrypted:literal, $($module:ident::$scenario:ident),+ $(,)?) => {
        mod $name {
            mod v0_38_25 {
                against_both_releases! { V0_38_25, $encrypted => $($module::$scenario),+ }
            }
            mod v1_0_1 {
                against_both_releases! { V1_0_1, $encrypted => $($module::$scenario),+ }
            }
        }
    };
    ($release:ident, $encrypted:literal => $($module:ident::$scenario:ident),+) => {
        const REMOTE: crate::go::Remote = crate::go::Remote {
            release: crate::program::Release::$release,
            encrypted: $encrypted,
        };
        $(#[tokio::test] async fn $scenario() { crate::$module::$scenario(REMOTE).await })+
    };
}

against_both_releases! {
    plain, false,
    checksum::go_accepts_checksums,
    checksum::we_miss_the_checksum_where_required,
    keepalive::go_ends_a_silent_peer,
    keepalive::ping_pong_beside_traffic,
    keepalive::ping_pong_cycles,
    keepalive::we_end_a_silent_peer,
    recorded::go_refuses_what_was_recorded,
    recorded::we_refuse_what_was_recorded,
    sizes::empty_messages_from_go,
    sizes::every_size_on_the_edge_ids,
    sizes::every_size_on_the_stock_channels,
    sizes::the_exact_limit_of_go,
    stop::our_stop_loses_nothing,
    stop::our_stop_under_a_limit_loses_nothing,
    stop::the_abrupt_stop_of_go_ends_the_connection,
    stop::the_flush_stop_of_go_loses_nothing,
    stop::the_flush_stop_of_go_under_a_limit_loses_nothing,
    ten_channels::ten_channels_limited_by_both,
    ten_channels::ten_channels_limited_by_go,
    ten_channels::ten_channels_limited_by_us,
    ten_channels::ten_channels_unlimited,
    violations::go_refuses_a_misconfigured_connection_of_ours,
    violations::go_refuses_every_violation,
    violations::we_refuse_a_misconfigured_connection_of_go,
    violations::we_refuse_every_violation,
    violations::we_refuse_packets_of_the_encoder_of_go,
}

against_both_releases! {
    encrypted, true,
    checksum::go_accepts_checksums,
    checksum::we_miss_the_checksum_where_required,
    keepalive::go_ends_a_silent_peer,
    keepalive::ping_pong_beside_traffic,
    keepalive::ping_pong_cycles,
    keepalive::we_end_a_silent_peer,
    live::a_stock_node_for_two_minutes,
    recorded::go_refuses_what_was_recorded,
    recorded::we_refuse_what_was_recorded,
    secret::an_echo_and_its_end,
    secret::every_write_size_against_every_read_size,
    secret::go_refuses_what_is_no_handshake,
    secret::we_refuse_what_is_no_handshake,
    sizes::empty_messages_from_go,
    sizes::every_size_on_the_edge_ids,
    sizes::every_size_on_the_stock_channels,
    sizes::the_exact_limit_of_go,
    stop::our_stop_loses_nothing,
    stop::our_stop_under_a_limit_loses_nothing,
    stop::the_abrupt_stop_of_go_ends_the_connection,
    stop::the_flush_stop_of_go_loses_nothing,
    stop::the_flush_stop_of_go_under_a_limit_loses_nothing,
    ten_channels::ten_channels_for_a_minute,
    switch::a_broadcast_reaches_each_node_of_go_in_order,
    switch::a_full_switch_refuses_nodes_of_go_at_once,
    switch::a_persistent_node_of_go_is_back_after_each_end,
    switch::sessions_begin_and_end_with_both,
    switch::two_that_dial_each_other_at_once_meet,
    transport::a_duplicate_id_is_refused,
    transport::both_refuse_the_incompatible,
    transport::both_refuse_themselves,
    transport::filters_refuse,
    transport::node_info_and_messages_cross,
    transport::we_refuse_an_invalid_node_info,
    transport::wrong_ids_are_refused,
    violations::go_refuses_a_misconfigured_connection_of_ours,
    violations::go_refuses_every_violation,
    violations::we_refuse_a_misconfigured_connection_of_go,
    violations::we_refuse_every_violation,
    violations::we_refuse_packets_of_the_encoder_of_go,
}

/// Where the Go programs are.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
