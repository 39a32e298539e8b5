//! A room server of a few lines that keeps its word, or breaks it in exactly one way: what the load test
//! must find. It speaks the frames of `docs/PROTOCOL.md` to the load test's own client, and no more.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use serde_json::Value;

/// The message at which a server goes wrong.
const AT: usize = 20;

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A record is delivered twice.
    Double,
    /// A record is not delivered, but those after it are.
    Hole,
    /// A record comes after its successor.
    Disorder,
    /// From some record on nothing is delivered, though acknowledged.
    Lost,
    /// Viewers are shown another text than the history holds.
    Changed,
    /// The history holds another text than was acknowledged and shown.
    NotKept,
    /// A gap is named.
    Gap,
    /// All lines are cut once, with an ack on its way; nothing else is wrong.
    Cut,
    /// … and the positions of before are forgotten.
    CutForgetsPositions,
    /// … and a record is left out of what a resume brings.
    CutSkips,
    /// … and client ids are forgotten, so that what is said again is there twice.
    CutForgetsClientIds,
    /// Who stalls is closed as slow; nothing is wrong.
    Slow,
    /// … with a code that tells it not to come back.
    SlowForGood,
    /// … never.
    SlowStays,
}

impl Fault {
    fn cuts(self) -> bool {
        matches!(
            self,
            Self::Cut | Self::CutForgetsPositions | Self::CutSkips | Self::CutForgetsClientIds
        )
    }
}

/// How a client of the load test that stalls names its device.
const STALLS: &str = "stalls-";

struct Room {
    fault: Fault,
    /// Those who stall: they hear as much as the first messages, which more than fills their buffers.
    stalling: Vec<TcpStream>,
    /// Client id and text; the seq is the index plus one.
    records: Vec<(String, String)>,
    inside: Vec<TcpStream>,
    cut: bool,
}

/// Starts a server that lives as long as the test.
pub(crate) fn serve(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let room = Arc::new(Mutex::new(Room {
        fault,
        stalling: Vec::new(),
        records: Vec::new(),
        inside: Vec::new(),
        cut: false,
    }));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let room = room.clone();
            // A line that breaks is a client that left.
            thread::spawn(move || line(stream, &room));
        }
    });
    address
}

fn line(mut stream: TcpStream, room: &Mutex<Room>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
    let mut stalls = false;
    loop {
        let text = read_frame(&mut stream)?;
        let frame: Value = serde_json::from_slice(&text).expect("the client says JSON");
        let frames = match frame {
            Value::Array(frames) => frames,
            one => vec![one],
        };
        for frame in frames {
            let room = room.lock().expect("no thread panicked");
            stalls |= (frame["device"].as_str()).is_some_and(|it| it.starts_with(STALLS));
            take(room, &mut stream, &frame, stalls)?;
        }
    }
}

fn take(
    mut room: MutexGuard<'_, Room>,
    stream: &mut TcpStream,
    frame: &Value,
    stalls: bool,
) -> std::io::Result<()> {
    let i = &frame["i"];
    match frame["op"].as_str().expect("an op") {
        "hello" => say(stream, i, "{}"),
        "join" => {
            say(stream, i, &room.joined(&frame["since"]))?;
            let line = stream.try_clone()?;
            match stalls {
                true => room.stalling.push(line),
                false => room.inside.push(line),
            }
            Ok(())
        }
        "history" => {
            let after = frame["after"].as_u64().expect("a seq") as usize;
            let end = room.records.len().min(after + 200);
            let page = room.all(after + 1..=end, true);
            let is_end = end == room.records.len();
            say(stream, i, &format!(r#"{{"page":[{page}],"end":{is_end}}}"#))
        }
        "pub" => match room.publish(frame) {
            Some(ack) => say(stream, i, &ack),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

impl Room {
    /// As the real server writes it: the seq first.
    fn record(&self, s: usize, from_disk: bool) -> String {
        let mut text = self.records[s - 1].1.clone();
        let changed = match self.fault {
            Fault::Changed => !from_disk,
            Fault::NotKept => from_disk,
            _ => false,
        };
        if changed && s == AT {
            text.push('!');
        }
        format!(
            r#"{{"s":{s},"t":1,"u":{{"id":"m_1","name":"n","mark":"member"}},"k":"msg","b":{{"text":"{text}"}}}}"#
        )
    }

    fn all(&self, seqs: RangeInclusive<usize>, from_disk: bool) -> String {
        let records: Vec<String> = seqs.map(|s| self.record(s, from_disk)).collect();
        records.join(",")
    }

    fn joined(&self, since: &Value) -> String {
        let last = self.records.len();
        let forgets = self.fault == Fault::CutForgetsPositions;
        let (resumed, from) = match since["s"].as_u64() {
            Some(seq) if !forgets => ("full", seq as usize),
            _ => ("fresh", last),
        };
        let left_out = usize::from(self.fault == Fault::CutSkips && resumed == "full");
        let records = self.all(from + 1 + left_out..=last, false);
        format!(
            r#"{{"a":7,"room":"r","title":"r","e":"k1","s":{last},"resumed":"{resumed}","ev":[{records}],"more":false,"state":{{}},"can":[],"mark":"member"}}"#
        )
    }

    /// Keeps and delivers a message; its ack, unless all lines are cut just then.
    fn publish(&mut self, frame: &Value) -> Option<String> {
        let cid = frame["cid"].as_str().expect("a client id").to_owned();
        let known = self.records.iter().position(|it| it.0 == cid);
        if let Some(at) = known.filter(|_| self.fault != Fault::CutForgetsClientIds) {
            return Some(format!(r#"{{"s":{},"t":1,"v":"dup"}}"#, at + 1));
        }
        let text = frame["text"].as_str().expect("a text").to_owned();
        self.records.push((cid, text));
        let s = self.records.len();
        if self.fault.cuts() && s >= AT && !self.cut {
            self.cut = true;
            for stream in self.inside.drain(..) {
                // It may be closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
            return None;
        }
        if s == 3 * AT {
            self.close_stalling();
        }
        for seq in self.order(s) {
            let record = self.record(seq, false);
            self.deliver(&format!(
                r#"{{"op":"ev","a":7,"s":[{seq},{seq}],"ev":[{record}]}}"#
            ));
        }
        if self.fault == Fault::Gap && s == AT {
            self.deliver(&format!(r#"{{"op":"gap","a":7,"from":{s},"to":{s}}}"#));
        }
        Some(format!(r#"{{"s":{s},"t":1,"v":"new"}}"#))
    }

    /// Which seqs are delivered when `s` is there.
    fn order(&self, s: usize) -> Vec<usize> {
        match self.fault {
            Fault::Double if s == AT => vec![s, s],
            Fault::Hole | Fault::Gap | Fault::Disorder if s == AT => vec![],
            Fault::Disorder if s == AT + 1 => vec![s, AT],
            Fault::Lost if s >= AT => vec![],
            _ => vec![s],
        }
    }

    fn close_stalling(&mut self) {
        let code: u16 = match self.fault {
            Fault::Slow => 4008,
            Fault::SlowForGood => 4500,
            _ => return,
        };
        let [high, low] = code.to_be_bytes();
        for mut stream in self.stalling.drain(..) {
            // It may be closed already.
            let _ = stream.write_all(&[0x88, 2, high, low]);
        }
    }

    fn deliver(&mut self, text: &str) {
        if self.records.len() <= AT {
            for stream in &mut self.stalling {
                // Who is gone hears nothing.
                let _ = write_frame(stream, text.as_bytes());
            }
        }
        self.inside
            .retain_mut(|stream| write_frame(stream, text.as_bytes()).is_ok());
    }
}

fn say(stream: &mut TcpStream, i: &Value, ok: &str) -> std::io::Result<()> {
    write_frame(stream, format!(r#"{{"i":{i},"ok":{ok}}}"#).as_bytes())
}

fn write_frame(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(n @ 0..=125) => frame.push(n as u8),
        Ok(n) => {
            frame.push(126);
            frame.extend(n.to_be_bytes());
        }
        Err(_) => {
            frame.push(127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend(text);
    stream.write_all(&frame)
}

/// A text of the client, unmasked.
fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    assert_eq!(head[0], 0x81, "the client says whole texts");
    let length = match head[1] & 0x7f {
        126 => {
            let mut more = [0; 2];
            stream.read_exact(&mut more)?;
            usize::from(u16::from_be_bytes(more))
        }
        127 => panic!("the client says nothing so long"),
        n => usize::from(n),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask)?;
    let mut text = vec![0; length];
    stream.read_exact(&mut text)?;
    for (byte, key) in text.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Ok(text)
}
