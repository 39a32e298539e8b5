//! Lets a publisher's sender reports through to us: `webrtc` keeps inbound RTCP to itself unless an
//! interceptor asks for it. They say which RTP time is which wall-clock time, and without them
//! viewers cannot bring sound and picture together.

use std::{collections::VecDeque, time::Instant};

use rtc::{
    interceptor::{Attribute, Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::{Packet as RtcpPacket, sender_report::SenderReport},
    sansio::Protocol,
    shared::error::Error,
};

/// An interceptor that lets through what its test wants. Packets wait in it in either direction
/// only until the chain is drained, which is after each packet.
pub(super) struct LetThrough {
    wanted: fn(&dyn RtcpPacket) -> bool,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl LetThrough {
    pub(super) fn new(wanted: fn(&dyn RtcpPacket) -> bool) -> Self {
        Self {
            wanted,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }

    pub(super) fn sender_reports() -> Self {
        Self::new(|packet| packet.as_any().is::<SenderReport>())
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for LetThrough {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(parts) = &packet.message.packet
            && parts.iter().any(|part| (self.wanted)(&**part))
        {
            packet.message.add(Attribute::DeliverToApplication);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for LetThrough {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
