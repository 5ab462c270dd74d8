//! Conversations of stock nodes as they came from the socket.

use tokio::io::AsyncReadExt;

use super::kit::*;
use super::line::fed;
use crate::secret::Identity;
use crate::secret::internals::*;
use crate::testing::{hex, number, recorded, recorded_bytes, text};

#[test]
fn what_a_stock_node_sealed_is_opened() {
    for node in ["node-session-v0.38.25", "node-session-v1.0.1"] {
        let index = recorded(&format!("{node}-sealed"));
        let head = &index["head"];
        let stream = recorded_bytes(&format!("{node}-sealed.bin"));
        assert_eq!(sha256(&stream), hex(text(&head["sha256"])));
        assert_eq!(stream.len(), 35 + number(&head["frames"]) * SEALED_FRAME);

        let seed = hex(text(&head["recorder"]["seed"])).try_into().unwrap();
        let scalar = hex(text(&head["recorder"]["scalar"])).try_into().unwrap();
        let io = fed(&stream).in_pieces(1460);
        io.incoming.close();
        let (info, packets) = run(async {
            let identity = Identity::from_seed(&seed).unwrap();
            let own = ephemeral(&scalar);
            let stream = handshake_as(Mode::Symmetric, io, &identity, own).await;
            let mut stream = stream.unwrap();
            let key = stream.remote_key().as_bytes();
            assert_eq!(key[..], hex(text(&head["node_public_key"])));
            let mut info = vec![0; hex(text(&head["node_info"])).len()];
            stream.read_exact(&mut info).await.unwrap();
            let (packets, end) = read_all(&mut stream, 4096).await;
            end.unwrap();
            (info, packets)
        });
        assert_eq!(info, hex(text(&head["node_info"])));
        let wanted = recorded_bytes(&format!("{node}.bin"));
        assert!(packets.len() > 10_000);
        assert!(wanted.starts_with(&packets));
    }
}
