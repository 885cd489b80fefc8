//! One entry for a fuzzer and for property tests.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::api::{ClientInfo, ConnectionManager, DefaultClient, PgWireConnectionState};
use pgwire::tokio::server::PgWireMessageServerCodec;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Semaphore;
use tokio_util::codec::Framed;

use crate::connection::{Handlers, converse};
use crate::endpoint::Endpoint;
use crate::extended::Extended;
use crate::held::Shelf;
use crate::login::{Door, Login, User, Users};
use crate::simple::Simple;
use crate::{Answer, Asked, Engine, Refusal};

/// Bytes under way in one direction: few, so that both sides wait for one another.
const PIPE_BYTES: usize = 512;
/// A conversation that goes on for longer has stopped.
const MOST_TIME: Duration = Duration::from_secs(20);
const STARTUP: &[u8] = b"\0\0\0\x14\0\x03\0\0user\0me\0\0\0\0\0";

/// Speak arbitrary bytes to the endpoint as a client, and check what must hold for any of them.
///
/// The first byte chooses: whether the client is known to have begun, whether its bytes are cut into messages
/// with a sound head, whether passwords are wanted, and how many bytes come at a time.
///
/// # Errors
/// A sentence on the broken promise; also the absence of panics, and of memory that a message merely
/// announces, is what a fuzzer looks for.
pub fn exercise(input: &[u8]) -> Result<(), &'static str> {
    let Some((&choice, rest)) = input.split_first() else { return Ok(()) };
    let mut sent = if choice & 1 == 0 { Vec::new() } else { STARTUP.to_vec() };
    if choice & 2 == 0 {
        sent.extend_from_slice(rest);
    } else {
        messages_of(rest, &mut sent);
    }
    let has_users = choice & 4 != 0;
    let piece = usize::from(choice >> 3) * 7 + 1;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build();
    let Ok(runtime) = runtime else { return Ok(()) };
    let answered =
        runtime.block_on(async { tokio::time::timeout(MOST_TIME, speak(&sent, has_users, piece)).await });
    let answered = answered.map_err(|_| "a client that has left is let go")?;
    check_answers(&answered, has_users)
}

/// Cut bytes into messages: a type, a length of one byte, and so much of a body.
fn messages_of(mut rest: &[u8], sent: &mut Vec<u8>) {
    while let Some(([kind, length], after)) = rest.split_first_chunk::<2>() {
        let (body, after) = after.split_at(usize::from(*length).min(after.len()));
        sent.push(*kind);
        sent.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        sent.extend_from_slice(body);
        rest = after;
    }
}

/// Send the bytes, leave, and return what was answered.
async fn speak(sent: &[u8], has_users: bool, piece: usize) -> Vec<u8> {
    let (client, served) = tokio::io::duplex(PIPE_BYTES);
    let (mut from, mut to) = tokio::io::split(client);
    let write = async {
        for piece in sent.chunks(piece) {
            if to.write_all(piece).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    let read = async {
        let mut answered = Vec::new();
        let _ = from.read_to_end(&mut answered).await;
        answered
    };
    let (answered, (), ()) = tokio::join!(read, write, serve(served, has_users));
    answered
}

async fn serve(stream: DuplexStream, has_users: bool) {
    let manager = Arc::new(ConnectionManager::new());
    let users = if has_users { Users::Known(vec![user()]) } else { Users::Anybody("reader".to_owned()) };
    let door = Arc::new(Door::new(users, 1, false, Arc::clone(&manager)).without_delay());
    let shelf = Arc::new(Shelf::new(std::env::temp_dir(), 0, MOST_TIME));
    let endpoint = Arc::new(Endpoint { engine: Arc::new(Stub), shelf });
    let handlers = Handlers {
        simple: Arc::new(Simple(Arc::clone(&endpoint))),
        extended: Arc::new(Extended(endpoint)),
        login: Arc::new(Login::new(door, Arc::new(Semaphore::new(0)))),
        cancel: Arc::new(DefaultCancelHandler::new(manager)),
    };
    let client = DefaultClient::new(([127, 0, 0, 1], 1).into(), false);
    let mut socket = Framed::new(stream, PgWireMessageServerCodec::new(client));
    socket.set_state(PgWireConnectionState::AwaitingStartup);
    let _ = converse(&mut socket, &handlers).await;
}

fn user() -> User {
    User {
        name: "me".to_owned(),
        role: "reader".to_owned(),
        salt: vec![1; 16],
        iterations: 1,
        stored_key: vec![2; 32],
        server_key: vec![3; 32],
    }
}

/// Whole messages and nothing else; without a password no rows.
fn check_answers(mut rest: &[u8], has_users: bool) -> Result<(), &'static str> {
    while let Some((kind, after)) = rest.split_first() {
        let length = after.first_chunk::<4>().map(|told| u32::from_be_bytes(*told) as usize);
        let Some(next) = length.filter(|length| *length >= 4).and_then(|length| after.get(length..)) else {
            return Err("answers are whole messages");
        };
        if !b"123CDEGHIKNRSTVZdcnstv".contains(kind) {
            return Err("answers are messages of a server");
        }
        if has_users && b"DTZKHd".contains(kind) {
            return Err("who has not logged in gets nothing");
        }
        rest = next;
    }
    Ok(())
}

/// Answers a few rows to anything, and refuses a few texts.
struct Stub;

impl Engine for Stub {
    fn run(&self, asked: &Asked, _is_abandoned: &Arc<AtomicBool>) -> Result<Answer, Refusal> {
        if asked.sql.contains('!') {
            return Err(Refusal::new("42601", asked.sql.clone()));
        }
        let batch = batch().map_err(|error| Refusal::new("XX000", error.to_string()))?;
        Ok(Answer { schema: batch.schema(), batches: vec![batch.clone(), batch] })
    }

    fn describe(&self, asked: &Asked) -> Result<SchemaRef, Refusal> {
        self.run(asked, &Arc::default()).map(|answer| answer.schema)
    }
}

fn batch() -> Result<RecordBatch, arrow_schema::ArrowError> {
    let lists = ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let columns: [(&str, ArrayRef); 3] = [
        ("number", Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)]))),
        ("text", Arc::new(StringArray::from(vec![Some("a\0\"'\\\n"), Some(""), None]))),
        ("list", Arc::new(lists)),
    ];
    RecordBatch::try_from_iter(columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Begun, cut into messages, nobody asked for a password.
    const BEGUN: u8 = 1 | 2 | (31 << 3);

    fn spoken(input: &[u8]) -> Vec<u8> {
        let mut sent = STARTUP.to_vec();
        messages_of(input, &mut sent);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(speak(&sent, false, 1_000))
    }

    #[test]
    fn statements_are_answered_in_both_protocols() {
        let kinds = |input: &[u8]| {
            let (answered, mut kinds, mut place) = (spoken(input), String::new(), 0);
            while place < answered.len() {
                kinds.push(char::from(answered[place]));
                let length = answered[place + 1..].first_chunk::<4>().map(|told| u32::from_be_bytes(*told));
                place += 1 + length.unwrap() as usize;
            }
            kinds.rsplit('K').next().unwrap().to_owned()
        };
        assert_eq!(kinds(b"Q\x02x\0"), "ZTDDDDDDCZ");
        assert_eq!(kinds(b"Q\x02\xff\0Q\x02x\0"), "ZEZTDDDDDDCZ");
        assert_eq!(kinds(b"P\x05\0x\0\0\0B\x08\0\0\0\0\0\0\0\0E\x05\0\0\0\0\0S\0"), "Z12DDDDDDCZ");
        // A message that is cut off, and one that says more than it holds, are the last of their connection.
        assert_eq!(kinds(b"P\x04\0x\0\0Q\x02x\0"), "ZE");
        assert_eq!(kinds(b"B\x0c\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0Q\x02x\0"), "ZE");
        assert_eq!(kinds(b"F\0Q\x02x\0"), "ZE");
        assert_eq!(kinds(b"Q\x09copy x to stdout\0"), "ZE");
    }

    #[test]
    fn known_inputs_keep_what_is_promised() {
        let inputs: &[&[u8]] = &[
            b"",
            b"\x01",
            b"\x00\x7f\xff\xff\xff\x00\x03\x00\x00",
            b"\x00\x00\x00\x00\x08\x04\xd2\x16\x2f",
            b"\x00\x00\x00\x00\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x01",
            b"\x01d\0\0\0\0",
            b"\x01P\0\0\0\x06\0\0",
            b"\x05p\0\0\0\x05n",
            b"\x05p\0\0\0\x16SCRAM-SHA-256\0\x7f\xff\xff\xff",
            b"\x07pSCRAM-SHA-256\0\0\0\0\x20n,,n=,r=aaaaaaaaaaaaaaaaaaaaaaaa",
        ];
        for input in inputs {
            assert_eq!(exercise(input), Ok(()), "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_keep_what_is_promised(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(exercise(&input), Ok(()));
        }

        #[test]
        fn messages_of_known_kinds_keep_it_too(
            parts in proptest::collection::vec(
                ("[QPBDCESHXpdcf]", proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..24)),
                0..12,
            ),
            users in any::<bool>(),
        ) {
            let mut input = vec![BEGUN | (u8::from(users) << 2)];
            for (kind, body) in parts {
                input.extend_from_slice(kind.as_bytes());
                input.push(u8::try_from(body.len()).unwrap());
                input.extend_from_slice(&body);
            }
            prop_assert_eq!(exercise(&input), Ok(()));
        }
    }
}
