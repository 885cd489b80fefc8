//! Messages of a client, cut off whole and looked over before the library reads them: it trusts the lengths and
//! counts inside a message, and reads on into the next one.

use crate::Refusal;

/// Bytes of the length that every message has.
const LENGTH: usize = 4;

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Longer than it may be.
    TooLong,
    /// Its parts do not make up the whole: nothing after it can be trusted.
    Malformed,
    /// A text in it is none; the next message may be sound.
    NotUtf8,
}

impl Flaw {
    /// What the client is told.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::TooLong => Refusal::new("08P01", "the message is too long"),
            Self::Malformed => Refusal::new("08P01", "invalid message format"),
            Self::NotUtf8 => Refusal::new("22021", "invalid byte sequence for encoding \"UTF8\""),
        }
    }
}

/// The bytes of the first message with its head; none while too little of it is here to tell.
///
/// The first message of a connection, `is_first`, has no byte for its type.
///
/// # Errors
/// [`Flaw::TooLong`] above `most` bytes, [`Flaw::Malformed`] for a length that is none.
pub(crate) fn size_of(here: &[u8], is_first: bool, most: usize) -> Result<Option<usize>, Flaw> {
    let head = usize::from(!is_first);
    let Some(told) = here.get(head..).and_then(|rest| rest.first_chunk::<LENGTH>()) else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*told)).map_err(|_| Flaw::Malformed)?;
    if length < LENGTH {
        return Err(Flaw::Malformed);
    }
    if length > most {
        return Err(Flaw::TooLong);
    }
    Ok(Some(head + length))
}

/// Look over a whole message, its head included, other than the first of a connection.
///
/// # Errors
/// [`Flaw`]
pub(crate) fn check(message: &[u8]) -> Result<(), Flaw> {
    let (Some(kind), Some(body)) = (message.first(), message.get(1 + LENGTH..)) else {
        return Err(Flaw::Malformed);
    };
    let mut body = Body(body);
    match kind {
        b'Q' | b'f' => body.text()?,
        b'P' => {
            body.text()?;
            body.text()?;
            body.numbers(4)?;
        }
        b'B' => body.bind()?,
        b'C' | b'D' => {
            body.skip(1)?;
            body.text()?;
        }
        b'E' => {
            body.text()?;
            body.skip(4)?;
        }
        // Bytes that only who asked for them can read, or nothing.
        b'p' | b'd' => return Ok(()),
        b'c' | b'H' | b'S' | b'X' => {}
        _ => return Err(Flaw::Malformed),
    }
    if body.0.is_empty() { Ok(()) } else { Err(Flaw::Malformed) }
}

/// Tell whether the body of a password message begins an exchange: a name, a length and so many bytes.
pub(crate) fn is_initial_response(body: &[u8]) -> bool {
    let mut body = Body(body);
    body.text().is_ok() && body.value().is_ok() && body.0.is_empty()
}

/// What is left of a message.
struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn skip(&mut self, count: usize) -> Result<(), Flaw> {
        self.0 = self.0.get(count..).ok_or(Flaw::Malformed)?;
        Ok(())
    }

    /// A text and the zero at its end.
    fn text(&mut self) -> Result<(), Flaw> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Flaw::Malformed)?;
        let text = self.0.get(..end).unwrap_or_default();
        let is_text = std::str::from_utf8(text).is_ok();
        self.skip(end + 1)?;
        if is_text { Ok(()) } else { Err(Flaw::NotUtf8) }
    }

    fn count(&mut self) -> Result<usize, Flaw> {
        let count = self.0.first_chunk::<2>().map(|told| u16::from_be_bytes(*told)).ok_or(Flaw::Malformed)?;
        self.skip(2)?;
        Ok(usize::from(count))
    }

    /// A count and so many numbers of `width` bytes.
    fn numbers(&mut self, width: usize) -> Result<(), Flaw> {
        let count = self.count()?;
        self.skip(count * width)
    }

    /// A length and so many bytes; a negative length is a null.
    fn value(&mut self) -> Result<(), Flaw> {
        let length =
            self.0.first_chunk::<4>().map(|told| i32::from_be_bytes(*told)).ok_or(Flaw::Malformed)?;
        self.skip(4)?;
        match length {
            -1 => Ok(()),
            _ => self.skip(usize::try_from(length).map_err(|_| Flaw::Malformed)?),
        }
    }

    fn bind(&mut self) -> Result<(), Flaw> {
        self.text()?;
        self.text()?;
        self.numbers(2)?;
        for _ in 0..self.count()? {
            self.value()?;
        }
        self.numbers(2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + LENGTH).unwrap();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn sizes_are_told_as_soon_as_they_can_be() {
        assert_eq!(size_of(b"Q\0\0\0", false, 100), Ok(None));
        assert_eq!(size_of(b"Q\0\0\0\x08", false, 100), Ok(Some(9)));
        assert_eq!(size_of(b"\0\0\0\x08", true, 100), Ok(Some(8)));
        assert_eq!(size_of(b"Q\0\0\0\x03", false, 100), Err(Flaw::Malformed));
        assert_eq!(size_of(b"Q\xff\xff\xff\xff", false, 100), Err(Flaw::Malformed));
        assert_eq!(size_of(b"Q\x7f\xff\xff\xff", false, 100), Err(Flaw::TooLong));
    }

    #[test]
    fn messages_are_sound_only_if_their_parts_are_the_whole() {
        let sound: [(u8, &[u8]); 8] = [
            (b'Q', b"select 1\0"),
            (b'P', b"\0select 1\0\0\x01\0\0\0\x17"),
            (b'B', b"\0\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\0"),
            (b'D', b"S\0"),
            (b'C', b"Pname\0"),
            (b'E', b"\0\0\0\0\x01"),
            (b'S', b""),
            (b'd', b"anything"),
        ];
        for (kind, body) in sound {
            assert_eq!(check(&message(kind, body)), Ok(()), "{}", char::from(kind));
            for cut in 0..body.len() {
                let is_raw = kind == b'd';
                assert_eq!(check(&message(kind, &body[..cut])).is_ok(), is_raw, "{} {cut}", char::from(kind));
            }
            assert_eq!(check(&message(kind, &[body, b"x".as_slice()].concat())).is_ok(), kind == b'd');
        }
        assert_eq!(check(&message(b'Q', b"\xff\0")), Err(Flaw::NotUtf8));
        assert_eq!(check(&message(b'P', b"\0\0\xff\xff")), Err(Flaw::Malformed));
        assert_eq!(check(&message(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0")), Err(Flaw::Malformed));
        assert_eq!(check(&message(b'?', b"")), Err(Flaw::Malformed));
        assert!(is_initial_response(b"SCRAM-SHA-256\0\0\0\0\x01n"));
        assert!(!is_initial_response(b"SCRAM-SHA-256\0\x7f\0\0\x01n"));
        assert!(!is_initial_response(b"SCRAM-SHA-256\0\xff\0\0\x01n"));
        assert!(!is_initial_response(b""));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_look(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = check(&bytes);
            let _ = is_initial_response(&bytes);
            let _ = size_of(&bytes, true, 10);
        }
    }
}
