//! HTTP/2 on the server's side, frame by frame (RFC 9113): only so can a server misbehave exactly.

use super::peer::Wire;

/// The largest frame that is allowed without asking (RFC 9113 section 4.2).
const MAX_FRAME: usize = 16 * 1024;
/// Frame types that are met here.
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
/// Flags: an acknowledgement, or the end of a stream.
const ACK_OR_END: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Error codes of RFC 9113 section 7.
pub(crate) const NO_ERROR: u32 = 0x0;
pub(crate) const PROTOCOL_ERROR: u32 = 0x1;
pub(crate) const INTERNAL_ERROR: u32 = 0x2;
pub(crate) const REFUSED_STREAM: u32 = 0x7;
pub(crate) const CANCEL: u32 = 0x8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 0xb;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 0xd;

/// `:status` in the static table of HPACK (RFC 7541, appendix A).
pub(crate) const STATUS_200: u8 = 0x88;
pub(crate) const STATUS_404: u8 = 0x8d;
pub(crate) const STATUS_500: u8 = 0x8e;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Ends one stream.
pub(crate) fn rst(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// Ends the connection: streams above `last` were not taken.
pub(crate) fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// An answer of a status alone.
pub(crate) fn answer(stream: u32, status: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | ACK_OR_END, stream, &[status])
}

/// The head of an answer, with a body to come.
pub(crate) fn answer_head(stream: u32, status: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[status])
}

/// An answer with this much in its head, in as many frames as that takes.
pub(crate) fn long_answer(stream: u32, bytes: usize) -> Vec<u8> {
    let mut block = vec![STATUS_200];
    for _ in 0..bytes / 100 {
        // A literal header without indexing (RFC 7541 section 6.2.2): a name of one byte, a value of a hundred.
        block.extend([0x00, 1, b'x', 100]);
        block.extend([b'y'; 100]);
    }
    let pieces: Vec<&[u8]> = block.chunks(MAX_FRAME).collect();
    let frames = pieces.iter().enumerate().map(|(index, piece)| {
        let kind = if index == 0 { HEADERS } else { CONTINUATION };
        let end_of_head = if index + 1 == pieces.len() { END_HEADERS } else { 0 };
        let end_of_stream = if index == 0 { ACK_OR_END } else { 0 };
        frame(kind, end_of_head | end_of_stream, stream, piece)
    });
    frames.flatten().collect()
}

/// A piece of a body.
pub(crate) fn data(stream: u32, bytes: &[u8], last: bool) -> Vec<u8> {
    frame(DATA, if last { ACK_OR_END } else { 0 }, stream, bytes)
}

/// A connection that has begun.
pub(crate) struct Session {
    pub(crate) wire: Wire,
}

impl Session {
    /// Reads the client's preface and sends ours; `None`: this client speaks something else, or is gone.
    pub(crate) fn begin(mut wire: Wire) -> Option<Self> {
        let preface = wire.exactly(24)?;
        assert_eq!(preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        wire.send(&frame(SETTINGS, 0, 0, &[]));
        Some(Self { wire })
    }

    fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head = self.wire.exactly(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let payload = self.wire.exactly(usize::try_from(length).unwrap())?;
        match (head[3], head[4] & ACK_OR_END) {
            (SETTINGS, 0) => drop(self.wire.send(&frame(SETTINGS, ACK_OR_END, 0, &[]))),
            (PING, 0) => drop(self.wire.send(&frame(PING, ACK_OR_END, 0, &payload))),
            _ => {}
        }
        Some((head[3], head[4], stream, payload))
    }

    /// Reads up to the head of the next request, and gives its stream.
    pub(crate) fn head(&mut self) -> Option<u32> {
        loop {
            if let (HEADERS, _, stream, _) = self.next()? {
                return Some(stream);
            }
        }
    }

    /// Reads the next request to its end, which has its effect now, and gives its stream.
    pub(crate) fn request(&mut self) -> Option<u32> {
        let (stream, body) = self.request_without_effect()?;
        self.wire.acted(body);
        Some(stream)
    }

    /// The same for a server that will refuse it.
    pub(crate) fn request_without_effect(&mut self) -> Option<(u32, Vec<u8>)> {
        let mut body = Vec::new();
        loop {
            let (kind, flags, stream, payload) = self.next()?;
            if kind == DATA {
                body.extend(payload);
            }
            if matches!(kind, DATA | HEADERS) && flags & ACK_OR_END != 0 {
                return Some((stream, body));
            }
        }
    }

    /// Sends, and reads until the client is gone.
    pub(crate) fn send_and_drain(&mut self, bytes: &[u8]) {
        self.wire.send(bytes);
        while self.next().is_some() {}
    }
}
