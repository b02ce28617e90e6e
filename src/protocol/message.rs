//! A reply for many clients.

use super::{Dialect, Reply, ReplyBuffer};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// What clients are sent that no request of theirs has asked for. It is put into bytes once for each
/// protocol, however many clients are sent it.
#[derive(Debug)]
pub struct Message {
    reply: Reply,
    resp2: OnceLock<Bytes>,
    resp3: OnceLock<Bytes>,
    text: OnceLock<Bytes>,
}

impl Message {
    /// A message that says this.
    pub fn new(reply: Reply) -> Arc<Message> {
        Arc::new(Message { reply, resp2: OnceLock::new(), resp3: OnceLock::new(), text: OnceLock::new() })
    }

    /// What it says.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// As it is sent. O(length) the first time, O(1) from then on.
    pub fn encoded(&self, dialect: Dialect) -> &Bytes {
        let encoded = match dialect {
            Dialect::Resp2 => &self.resp2,
            Dialect::Resp3 => &self.resp3,
            Dialect::Text => &self.text,
        };
        encoded.get_or_init(|| {
            let mut buffer = ReplyBuffer::new();
            buffer.write(&self.reply, dialect);
            let mut bytes = Vec::with_capacity(buffer.len());
            while !buffer.is_empty() {
                bytes.extend_from_slice(buffer.chunk());
                buffer.advance(buffer.chunk().len());
            }
            bytes.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_is_encoded_once() {
        let large = Bytes::from(vec![b'x'; 20_000]);
        let message = Message::new(Reply::Push(vec![Reply::text("message"), Reply::Bulk(large)]));
        let (resp2, resp3) = (message.encoded(Dialect::Resp2), message.encoded(Dialect::Resp3));
        assert!(resp2.starts_with(b"*2\r\n$7\r\nmessage\r\n$20000\r\nxxx") && resp2.ends_with(b"x\r\n"));
        assert!(resp3.starts_with(b">2\r\n$7\r\n") && resp3.len() == resp2.len());
        assert_eq!(message.encoded(Dialect::Resp2).as_ptr(), resp2.as_ptr());
        assert!(message.encoded(Dialect::Text).starts_with(b"message\nxxx"));
    }
}
