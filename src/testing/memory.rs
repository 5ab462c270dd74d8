//! Whether a secret is left anywhere in the memory of this process.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::channel;
use std::thread;

use zeroize::{Zeroize, Zeroizing};

/// A secret that is not in memory itself: each of its bytes is stored with other bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masked(pub(crate) &'static [u8; 32]);

impl Masked {
    /// The secret, in memory that is wiped.
    pub(crate) fn reveal(self) -> Box<Zeroizing<[u8; 32]>> {
        let mut clear = Box::new(Zeroizing::new([0; 32]));
        for (clear, masked) in clear.iter_mut().zip(self.0) {
            *clear = masked ^ black_box(MASK);
        }
        clear
    }

    /// How often it is in memory that this process may write.
    pub(crate) fn copies(self) -> usize {
        let memory = File::open("/proc/self/mem").expect("the system shows it");
        let mut page = vec![0; WINDOW + self.0.len() - 1];
        let windows = writable()
            .into_iter()
            .flat_map(|(start, end)| (start..end).step_by(WINDOW));
        windows
            .map(|at| {
                // What another thread gave back meanwhile is gone.
                let read = memory.read_at(&mut page, at).unwrap_or(0);
                let copies = self.count(&page[..read]);
                if copies > 0 {
                    // Or it would be found once more, here.
                    page.zeroize();
                    page.resize(WINDOW + self.0.len() - 1, 0);
                }
                copies
            })
            .sum()
    }

    fn count(self, bytes: &[u8]) -> usize {
        let first = self.0[0] ^ black_box(MASK);
        if !bytes.contains(&first) {
            return 0;
        }
        let starts = (0..bytes.len()).step_by(BLOCK);
        // Asking a block for the first byte is much quicker than comparing at each of its bytes.
        let near =
            starts.filter(|start| bytes[*start..bytes.len().min(start + BLOCK)].contains(&first));
        near.map(|start| self.count_from(&bytes[start..])).sum()
    }

    /// Those that start in the first block.
    fn count_from(self, bytes: &[u8]) -> usize {
        let same = |window: &&[u8]| {
            let mut pairs = window.iter().zip(self.0);
            pairs.all(|(byte, masked)| byte ^ masked == MASK)
        };
        let windows = bytes.windows(self.0.len()).take(BLOCK);
        windows.filter(same).count()
    }
}

/// How often a secret is in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copies {
    /// While a thread has what was made of it.
    pub(crate) held: usize,
    /// After the thread dropped that.
    pub(crate) dropped: usize,
    /// After the thread used its stack for something else.
    pub(crate) later: usize,
}

/// Has a thread make and drop something, and looks for the secrets meanwhile.
pub(crate) fn copies<T, const N: usize>(
    secrets: [Masked; N],
    make: impl FnOnce() -> T + Send,
) -> [Copies; N] {
    let (told, hear) = channel();
    let (tell, may_go_on) = channel::<()>();
    let pause = move || {
        told.send(()).expect("it listens");
        may_go_on.recv().expect("it goes on");
    };
    thread::scope(|scope| {
        scope.spawn(move || {
            let made = make();
            pause();
            drop(made);
            pause();
            use_stack();
            pause();
        });
        let look = || {
            hear.recv().expect("the other thread goes on");
            let copies = secrets.map(Masked::copies);
            tell.send(()).expect("it listens");
            copies
        };
        let (held, dropped, later) = (look(), look(), look());
        std::array::from_fn(|at| Copies {
            held: held[at],
            dropped: dropped[at],
            later: later[at],
        })
    })
}

#[inline(never)]
fn use_stack() {
    black_box([0x5a; 32 * 1024]);
}

/// Where memory is that this process may read and write.
fn writable() -> Vec<(u64, u64)> {
    let maps = fs::read_to_string("/proc/self/maps").expect("the system shows it");
    let range = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let hex = |digits| u64::from_str_radix(digits, 16).ok();
        let wanted = fields.next()?.starts_with("rw");
        wanted.then_some((hex(start)?, hex(end)?))
    };
    maps.lines().filter_map(range).collect()
}

const MASK: u8 = 0xa5;
const WINDOW: usize = 64 * 1024;
const BLOCK: usize = 128;
