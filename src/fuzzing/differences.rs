//! The ways in which Go's packet decoder, and so ours, departs from prost's; found in the bytes, without either of them.

/// A rule of Go's decoder that prost does not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A field 15 in a message packet that is not a `fixed32` is an unknown field; prost, whose schema has it, refuses it.
    ChecksumWireType,
    /// A packet without a member is refused; prost gives a packet without one.
    EmptyPacket,
    /// Groups may be nested at will; prost gives up at a depth of about 100.
    GroupDepth,
    /// The number at a group's end need not be the one at its start.
    GroupEnd,
    /// Inside a group a field number may be 0.
    GroupTag,
    /// The second of two `packet_msg` replaces the first; prost merges them.
    RepeatedMsg,
    /// The tenth byte of a varint may have surplus bits, which are dropped.
    SurplusBits,
    /// A tag may have more than 32 bits; the field number is cut to 32 bits.
    WideTag,
}

/// A packet as it stands on the wire, looked at closely.
#[derive(Debug, Default)]
pub(crate) struct Anatomy<'a> {
    /// What of it falls under a difference.
    pub(crate) found: Vec<Difference>,
    /// The pings, pongs and messages in it.
    pub(crate) members: Vec<Member<'a>>,
    /// Whether Go accepts it.
    pub(crate) legal: bool,
}

/// A ping (1), pong (2) or message (3) inside a packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Member<'a> {
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
    pub(crate) channel: u64,
    pub(crate) eof: bool,
    pub(crate) data: &'a [u8],
}

impl<'a> Anatomy<'a> {
    /// Looks at a packet up to its end or to what no decoder could pass.
    pub(crate) fn of(body: &'a [u8]) -> Self {
        let mut anatomy = Self::default();
        let whole = anatomy.packet(body).is_some();
        anatomy.legal = whole && !anatomy.members.is_empty();
        let mut pairs = anatomy.members.windows(2);
        if pairs.any(|pair| pair[0].number == 3 && pair[1].number == 3) {
            anatomy.found.push(Difference::RepeatedMsg);
        }
        if whole && !anatomy.legal {
            anatomy.found.push(Difference::EmptyPacket);
        }
        anatomy
    }

    fn packet(&mut self, body: &'a [u8]) -> Option<()> {
        let mut rest = body;
        while !rest.is_empty() {
            let (number, wire_type) = self.legal_tag(&mut rest)?;
            if number > 3 {
                self.value(wire_type, number, &mut rest)?;
                continue;
            }
            let mut member = Member {
                number,
                bytes: self.delimited(&mut rest).filter(|_| wire_type == 2)?,
                ..Member::default()
            };
            self.member(&mut member)?;
            self.members.push(member);
        }
        Some(())
    }

    fn member(&mut self, member: &mut Member<'a>) -> Option<()> {
        let mut rest = member.bytes;
        while !rest.is_empty() {
            let (number, wire_type) = self.legal_tag(&mut rest)?;
            match (member.number, number) {
                (3, 1) => member.channel = self.varint(&mut rest).filter(|_| wire_type == 0)?,
                (3, 2) => member.eof = self.varint(&mut rest).filter(|_| wire_type == 0)? != 0,
                (3, 3) => member.data = self.delimited(&mut rest).filter(|_| wire_type == 2)?,
                _ => {
                    if (member.number, number) == (3, 15) && wire_type != 5 {
                        self.found.push(Difference::ChecksumWireType);
                    }
                    self.value(wire_type, number, &mut rest)?;
                }
            }
        }
        Some(())
    }

    /// Outside of groups field numbers are positive.
    fn legal_tag(&mut self, rest: &mut &'a [u8]) -> Option<(u64, u64)> {
        let (number, wire_type) = self.tag(rest)?;
        (1..1 << 31)
            .contains(&number)
            .then_some((number, wire_type))
    }

    fn tag(&mut self, rest: &mut &'a [u8]) -> Option<(u64, u64)> {
        let tag = self.varint(rest)?;
        if tag > u64::from(u32::MAX) {
            self.found.push(Difference::WideTag);
        }
        Some((tag >> 3 & u64::from(u32::MAX), tag & 7))
    }

    fn value(&mut self, wire_type: u64, number: u64, rest: &mut &'a [u8]) -> Option<()> {
        match wire_type {
            0 => self.varint(rest).map(drop),
            1 => take(rest, 8).map(drop),
            2 => self.delimited(rest).map(drop),
            3 => self.group(number, rest),
            5 => take(rest, 4).map(drop),
            _ => None,
        }
    }

    fn group(&mut self, number: u64, rest: &mut &'a [u8]) -> Option<()> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            if open.len() > SURELY_NESTED {
                self.found.push(Difference::GroupDepth);
            }
            let (number, wire_type) = self.tag(rest)?;
            if number == 0 {
                self.found.push(Difference::GroupTag);
            }
            match wire_type {
                3 => open.push(number),
                4 => {
                    if number != innermost {
                        self.found.push(Difference::GroupEnd);
                    }
                    open.pop();
                }
                _ => self.value(wire_type, number, rest)?,
            }
        }
        Some(())
    }

    fn delimited(&mut self, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let len = self.varint(rest)?;
        take(rest, usize::try_from(len).ok()?)
    }

    fn varint(&mut self, rest: &mut &'a [u8]) -> Option<u64> {
        let last = rest.iter().take(10).position(|byte| byte & 0x80 == 0)?;
        let bytes = take(rest, last + 1)?;
        if bytes.get(9).is_some_and(|&tenth| tenth > 1) {
            self.found.push(Difference::SurplusBits);
        }
        let groups = bytes.iter().rev().map(|byte| u64::from(byte & 0x7f));
        Some(groups.fold(0, |value, group| value << 7 | group))
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

/// Prost's limit is 100, the messages around the groups included.
const SURELY_NESTED: usize = 95;
