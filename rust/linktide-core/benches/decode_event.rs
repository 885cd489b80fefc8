//! CPU time to decode one event, by kind of message: `cargo bench -p linktide-core --bench decode_event`.

#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints, and fails loudly")]

use std::hint::black_box;
use std::time::Instant;

use linktide_core::event::{DecodeContext, decode};

const REPEATS: usize = 9;
const EVENTS: u32 = 200_000;

/// The messages: name, and what stands between the braces.
const MESSAGES: [(&str, &str); 3] = [
    (
        "common",
        r#""event":"discovered","observed_at":"2026-07-31T12:34:56.789Z","source_url":"https://www.example.com/blog/2026/07/a-page-about-things.html","target_url":"https://docs.example.org/reference/library/index.html?lang=en","anchor":"the reference of the library","rel":["nofollow"],"link_type":"text""#,
    ),
    (
        "escaped",
        r#""event":"discovered","observed_at":1785456000000,"source_url":"https:\/\/www.example.com\/blog\/2026\/07\/a-page.html","target_url":"https:\/\/docs.example.org\/reference\/index.html","anchor":"B\u00fccher \ud83d\ude00","rel":["NoOpener","NOFOLLOW"]"#,
    ),
    (
        "rich",
        r#""event":"seen","observed_at":"2026-07-31T12:34:56Z","source_url":"https://www.example.com/blog/a-page.html","target_url":"https://docs.example.org/index.html","anchor":"reference","title":"A page about things","language":"en","http_code":200,"links_internal":31,"links_external":7,"snippet_left":"as it is said in the","snippet_right":"of the library","crawler":{"name":"x","run":[1,2,3]}"#,
    ),
];

fn main() {
    let context = DecodeContext { record_time_us: 1_785_542_400_000_000, max_event_bytes: 1 << 20 };
    for (name, fields) in MESSAGES {
        let message = format!("{{{fields}}}").into_bytes();
        let mut nanos: Vec<u128> = (0..REPEATS).map(|_| nanos_per_event(&message, &context)).collect();
        nanos.sort_unstable();
        println!("{name}: {} bytes, median {} ns, least {} ns", message.len(), nanos[REPEATS / 2], nanos[0]);
    }
}

fn nanos_per_event(message: &[u8], context: &DecodeContext) -> u128 {
    let clock = Clock::start();
    for _ in 0..EVENTS {
        let event = decode(Some(black_box(message)), context);
        assert!(black_box(event).is_ok(), "the message must be an event");
    }
    clock.nanos() / u128::from(EVENTS)
}

/// Time on a processor where the kernel tells it (other programs then cost less error), else time on the wall.
enum Clock {
    Processor(u128),
    Wall(Instant),
}

impl Clock {
    fn start() -> Self {
        on_processor().map_or_else(|| Self::Wall(Instant::now()), Self::Processor)
    }

    fn nanos(&self) -> u128 {
        match self {
            Self::Processor(start) => on_processor().unwrap_or_default().saturating_sub(*start),
            Self::Wall(start) => start.elapsed().as_nanos(),
        }
    }
}

fn on_processor() -> Option<u128> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    line.split(' ').next()?.parse().ok()
}
