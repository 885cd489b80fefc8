//! The listener: takes connections in a runtime of its own, and lets them go when it is stopped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use pgwire::api::ConnectionManager;
use pgwire::api::cancel::DefaultCancelHandler;
use pgwire::tokio::TlsAcceptor;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

use crate::Engine;
use crate::connection::{Handlers, answer};
use crate::endpoint::Endpoint;
use crate::extended::Extended;
use crate::held::Shelf;
use crate::login::{Door, Login, Users};
use crate::simple::Simple;
use crate::tls::Identity;

/// A client that has not logged in by then is dropped.
const LOGIN_TIME: Duration = Duration::from_secs(10);
/// Connections that have not logged in yet, above those that may.
const STRANGERS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);
const TIDY_EVERY: Duration = Duration::from_millis(500);
const STOP_TIME: Duration = Duration::from_secs(2);
/// A peer that answers nothing for about so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How soon a statement of a client that left is interrupted.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How far statements stand back behind the writer when both want a processor: it wins at 6, and their own tail
/// doubles at 10 (measured with eight clients on two processors; docs/decisions/0021-sql-endpoint.md).
const NICENESS: i32 = 6;
/// Before trying again to accept, where files or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the endpoint is made.
#[derive(Debug)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// Clients that may be logged in at once.
    pub connections: usize,
    /// Certificate chain and key, PEM files; without them there is no TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether clients without TLS are turned away.
    pub needs_tls: bool,
    /// Where results wait that are not read in time.
    pub spill_folder: PathBuf,
    /// Most bytes of results in files.
    pub spill_bytes: u64,
}

/// Why the endpoint cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen ({0})")]
    Bind(io::Error),
    /// Certificate or key cannot be used.
    #[error("{0} cannot be used for TLS ({1})")]
    Tls(PathBuf, String),
    /// No threads can be had.
    #[error("no threads can be had ({0})")]
    Threads(io::Error),
}

/// What the endpoint has seen and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Connections open now, those not logged in among them.
    pub connections: u64,
    /// Connections taken since the start.
    pub accepted: u64,
    /// Wrong passwords since the start.
    pub failed_logins: u64,
    /// Connections turned away since the start, as too many were open.
    pub turned_away: u64,
    /// Bytes of results that wait in files now.
    pub spilled_bytes: u64,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    accepted: AtomicU64,
    dropped: AtomicU64,
}

/// A running endpoint.
pub struct Server {
    address: SocketAddr,
    runtime: Mutex<Option<Runtime>>,
    stop: watch::Sender<bool>,
    door: Arc<Door>,
    tls: Arc<RwLock<Option<TlsAcceptor>>>,
    shelf: Arc<Shelf>,
    counts: Arc<Counts>,
}

/// Let the calling thread, and no other, give way to those of the writer.
fn step_back() {
    // Elsewhere it would be the whole process. One that may not is as it was.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
}

/// Show a certificate to all connections from now on.
fn put_on(tls: &RwLock<Option<TlsAcceptor>>, door: &Door, identity: Identity) {
    door.bind_to(&identity.chain);
    *tls.write().unwrap_or_else(PoisonError::into_inner) = Some(identity.acceptor);
}

impl Server {
    /// Listen and answer, in threads of its own.
    ///
    /// # Errors
    /// [`ServerError`]
    pub fn start(
        settings: ServerSettings,
        users: Users,
        engine: Arc<dyn Engine>,
    ) -> Result<Self, ServerError> {
        let identity = settings.tls.as_ref().map(|(chain, key)| Identity::read(chain, key)).transpose()?;
        let listener = TcpListener::bind(settings.address).map_err(ServerError::Bind)?;
        listener.set_nonblocking(true).map_err(ServerError::Bind)?;
        let address = listener.local_addr().map_err(ServerError::Bind)?;
        let manager = Arc::new(ConnectionManager::new());
        let (seats, needs_tls) = (settings.connections, settings.needs_tls);
        let door = Arc::new(Door::new(users, seats, needs_tls, Arc::clone(&manager)));
        let tls = Arc::new(RwLock::default());
        if let Some(identity) = identity {
            put_on(&tls, &door, identity);
        }
        let shelf = Arc::new(Shelf::new(settings.spill_folder, settings.spill_bytes, PATIENCE));
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(seats + 4)
            .thread_name("linktide-pgwire")
            .on_thread_start(step_back)
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let house = House {
            endpoint: Arc::new(Endpoint { engine, shelf: Arc::clone(&shelf) }),
            door: Arc::clone(&door),
            manager,
            tls: Arc::clone(&tls),
            counts: Arc::clone(&counts),
            stopped: stopped.clone(),
            places: Arc::new(Semaphore::new(seats + STRANGERS)),
        };
        runtime.spawn(keep_tidy(Arc::clone(&shelf), stopped));
        runtime.spawn(accept(listener, house));
        Ok(Self { address, runtime: Mutex::new(Some(runtime)), stop, door, tls, shelf, counts })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Take other users; who is in stays in.
    pub fn replace_users(&self, users: Users) {
        self.door.replace_users(users);
    }

    /// Take another certificate chain and key, PEM files, for connections from now on.
    ///
    /// # Errors
    /// [`ServerError::Tls`], and those of before stay.
    pub fn replace_tls(&self, chain: &Path, key: &Path) -> Result<(), ServerError> {
        put_on(&self.tls, &self.door, Identity::read(chain, key)?);
        Ok(())
    }

    /// What it has seen and holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        Stats {
            connections: self.counts.connections.load(Ordering::Relaxed),
            accepted: self.counts.accepted.load(Ordering::Relaxed),
            failed_logins: self.door.failed.load(Ordering::Relaxed),
            turned_away: self.door.turned_away.load(Ordering::Relaxed) + dropped,
            spilled_bytes: self.shelf.file_bytes(),
        }
    }

    /// Close the listener and all connections; returns within two seconds. The second time does nothing.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(STOP_TIME);
        }
    }
}

/// What a new connection needs.
struct House {
    endpoint: Arc<Endpoint>,
    door: Arc<Door>,
    manager: Arc<ConnectionManager>,
    tls: Arc<RwLock<Option<TlsAcceptor>>>,
    counts: Arc<Counts>,
    stopped: watch::Receiver<bool>,
    places: Arc<Semaphore>,
}

async fn keep_tidy(shelf: Arc<Shelf>, mut stopped: watch::Receiver<bool>) {
    while tokio::time::timeout(TIDY_EVERY, stopped.changed()).await.is_err() {
        let shelf = Arc::clone(&shelf);
        let _ = tokio::task::spawn_blocking(move || shelf.tidy()).await;
    }
}

async fn accept(listener: TcpListener, house: House) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut stopped = house.stopped.clone();
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        house.counts.accepted.fetch_add(1, Ordering::Relaxed);
        // One too many is closed without a word: words would keep it here.
        match Arc::clone(&house.places).try_acquire_owned() {
            Ok(place) => {
                let connection = serve(stream, &house);
                let counts = Arc::clone(&house.counts);
                tokio::spawn(async move {
                    let _place = place;
                    let _open = Open::new(counts);
                    connection.await;
                });
            }
            Err(_) => {
                house.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Counts a connection as open until it is dropped, by a panic too.
struct Open(Arc<Counts>);

impl Open {
    fn new(counts: Arc<Counts>) -> Self {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wait until the client has closed its side; whatever it sent last may not be answered any more.
async fn until_left(stream: &TcpStream) {
    loop {
        match stream.ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => tokio::time::sleep(LOOK_EVERY).await,
            _ => return tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

fn serve(stream: TcpStream, house: &House) -> impl Future<Output = ()> + Send + use<> {
    let entered = Arc::new(Semaphore::new(0));
    let handlers = Handlers {
        simple: Arc::new(Simple(Arc::clone(&house.endpoint))),
        extended: Arc::new(Extended(Arc::clone(&house.endpoint))),
        login: Arc::new(Login::new(Arc::clone(&house.door), Arc::clone(&entered))),
        cancel: Arc::new(DefaultCancelHandler::new(Arc::clone(&house.manager))),
    };
    let tls = house.tls.read().unwrap_or_else(PoisonError::into_inner).clone();
    let mut stopped = house.stopped.clone();
    async move {
        let alive = TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 6);
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_keepalive(&alive);
        let _ = socket.set_tcp_user_timeout(Some(SILENCE));
        // A second look at the same socket, for while a statement runs and nobody reads the first.
        let watched = socket.try_clone().map(std::net::TcpStream::from).and_then(TcpStream::from_std);
        let left = async {
            match watched {
                Ok(watched) => until_left(&watched).await,
                Err(_) => std::future::pending().await,
            }
        };
        let too_late = async {
            if tokio::time::timeout(LOGIN_TIME, entered.acquire()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = answer(stream, tls, &handlers) => {}
            () = too_late => {}
            () = left => {}
            _ = stopped.changed() => {}
        }
    }
}
