//! Who may come in: SCRAM-SHA-256 against stored verifiers, slower after each failure.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::Sink;
use pgwire::api::auth::mechanism::AuthMechanismFactory;
use pgwire::api::auth::sasl::scram::{ScramAuth, ScramSecret};
use pgwire::api::auth::{
    AuthDriver, AuthOutcome, AuthSource, LoginInfo, Password, ServerParameterProvider, StartupHandler,
    protocol_negotiation, save_startup_parameters_to_metadata,
};
use pgwire::api::{ClientInfo, ConnectionManager};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{PasswordMessageFamily, Startup};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::fatal;
use crate::frames::is_initial_response;
use crate::session::Session;
use crate::settings::SERVER_VERSION;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);
const MOST_ADDRESSES: usize = 10_000;
const ITERATIONS: usize = 4_096;

/// Who may come in.
#[derive(Debug)]
pub enum Users {
    /// Everybody, with this role, without a password: for an endpoint that only this machine reaches.
    Anybody(String),
    /// These, by their passwords.
    Known(Vec<User>),
}

/// One user, and what proves the password without being it.
pub struct User {
    /// As the client says it.
    pub name: String,
    /// What the user may do.
    pub role: String,
    /// Of the verifier.
    pub salt: Vec<u8>,
    /// Of the verifier.
    pub iterations: u32,
    /// SHA-256 of the client key.
    pub stored_key: Vec<u8>,
    /// By which the server proves itself.
    pub server_key: Vec<u8>,
}

impl Debug for User {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "User({}, {})", self.name, self.role)
    }
}

/// Name and role of who proved the password.
type Identity = (String, String);

/// What logging in needs of the whole server.
pub(crate) struct Door {
    users: Arc<Directory>,
    driver: AuthDriver<Told, Identity>,
    scram: ScramAuth<Identity>,
    /// With channel binding, for connections under TLS.
    bound_scram: RwLock<ScramAuth<Identity>>,
    /// Of the first failure of an address.
    first_delay: Duration,
    needs_tls: bool,
    seats: Arc<Semaphore>,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
    pub(crate) failed: AtomicU64,
    pub(crate) turned_away: AtomicU64,
}

/// Keeps a place until the connection ends.
struct Seat(#[expect(dead_code, reason = "held, never looked at")] OwnedSemaphorePermit);

/// The names and verifiers; replaced as a whole.
struct Directory {
    users: RwLock<Arc<Users>>,
    /// Makes the salt of a name that nobody has, the same each time.
    secret: hmac::Key,
}

impl Debug for Directory {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Directory")
    }
}

#[async_trait]
impl AuthSource<Identity> for Directory {
    async fn get_password(&self, _login: &LoginInfo) -> PgWireResult<Password> {
        Err(fatal("0A000", "there are no passwords here, only their verifiers"))
    }

    async fn get_scram_secret(&self, login: &LoginInfo) -> PgWireResult<(ScramSecret, Option<Identity>)> {
        let name = login.user().unwrap_or_default();
        let users = self.users();
        let known = match &*users {
            Users::Anybody(_) => None,
            Users::Known(users) => users.iter().find(|user| user.name == name),
        };
        let Some(user) = known else { return Ok((self.nobody(name), None)) };
        let secret = ScramSecret::Verifier {
            salt: user.salt.clone(),
            iterations: user.iterations as usize,
            stored_key: user.stored_key.clone(),
            server_key: user.server_key.clone(),
        };
        Ok((secret, Some((user.name.clone(), user.role.clone()))))
    }
}

impl Directory {
    fn users(&self) -> Arc<Users> {
        Arc::clone(&self.users.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What an unknown name meets: the same exchange, which no password ends well.
    fn nobody(&self, name: &str) -> ScramSecret {
        let tag = hmac::sign(&self.secret, name.as_bytes());
        let salt = tag.as_ref().iter().copied().take(16).collect();
        let mut key = vec![0; 32];
        // Without randomness the key is zeros: no one has what hashes to that either.
        let _ = SystemRandom::new().fill(&mut key);
        ScramSecret::Verifier { salt, iterations: ITERATIONS, stored_key: key.clone(), server_key: key }
    }
}

impl Door {
    pub(crate) fn new(users: Users, seats: usize, needs_tls: bool, manager: Arc<ConnectionManager>) -> Self {
        let mut secret = [0; 32];
        let _ = SystemRandom::new().fill(&mut secret);
        let users = Arc::new(Directory {
            users: RwLock::new(Arc::new(users)),
            secret: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        });
        let scram = ScramAuth::new(Arc::clone(&users) as Arc<dyn AuthSource<Identity>>);
        Self {
            users,
            driver: AuthDriver::new(Told).with_connection_manager(manager),
            bound_scram: RwLock::new(scram.clone()),
            scram,
            first_delay: FIRST_DELAY,
            needs_tls,
            seats: Arc::new(Semaphore::new(seats)),
            failures: Mutex::default(),
            failed: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }

    /// Offer channel binding to this certificate, PEM, from now on.
    pub(crate) fn bind_to(&self, chain: &[u8]) {
        let mut bound = self.scram.clone();
        // A certificate whose signature the library does not know has no channel binding; all else holds.
        if bound.configure_certificate(chain).is_err() {
            bound = self.scram.clone();
        }
        *self.bound_scram.write().unwrap_or_else(PoisonError::into_inner) = bound;
    }

    /// Let failures cost no time: for who tries many in one process.
    pub(crate) fn without_delay(mut self) -> Self {
        self.first_delay = Duration::ZERO;
        self
    }

    /// Take other users; who is in stays in.
    pub(crate) fn replace_users(&self, users: Users) {
        *self.users.users.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(users);
    }

    /// How long an address must wait for its answer after one more failure.
    fn fail(&self, address: IpAddr, now: Instant) -> Duration {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_ADDRESSES {
            failures.retain(|_, (_, last)| now.duration_since(*last) < FORGOTTEN_AFTER);
            if failures.len() >= MOST_ADDRESSES {
                failures.clear();
            }
        }
        let entry = failures.entry(address).or_insert((0, now));
        if now.duration_since(entry.1) >= FORGOTTEN_AFTER {
            entry.0 = 0;
        }
        let delay = self.first_delay.saturating_mul(1 << entry.0.min(10)).min(LONGEST_DELAY);
        *entry = (entry.0.saturating_add(1), now);
        delay
    }

    fn forgive(&self, address: IpAddr) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }
}

/// Logs one connection in.
pub(crate) struct Login {
    door: Arc<Door>,
    /// Told once the connection is in.
    entered: Arc<Semaphore>,
    has_begun: AtomicBool,
}

impl Login {
    pub(crate) fn new(door: Arc<Door>, entered: Arc<Semaphore>) -> Self {
        Self { door, entered, has_begun: AtomicBool::new(false) }
    }

    /// Whether the library can read a password message where it stands: the first one has parts.
    fn is_sound(&self, message: &PasswordMessageFamily) -> bool {
        let has_begun = self.has_begun.swap(true, Ordering::Relaxed);
        has_begun || matches!(message, PasswordMessageFamily::Raw(body) if is_initial_response(body))
    }

    /// Check what a client says first; return whether it needs no password.
    fn admit<C: ClientInfo>(&self, client: &mut C, startup: &Startup) -> PgWireResult<()> {
        if startup.parameters.contains_key("replication") {
            return Err(fatal("0A000", "there is no replication here; linktide backup makes a copy"));
        }
        if self.door.needs_tls && !client.is_secure() {
            return Err(fatal("28000", "connect with TLS: sslmode=require, or better verify-full"));
        }
        let Ok(permit) = Arc::clone(&self.door.seats).try_acquire_owned() else {
            self.door.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(fatal("53300", "sorry, too many clients already (sql_connections)"));
        };
        client.session_extensions().insert(Seat(permit));
        Ok(())
    }

    /// Open the session of a user and let the client begin.
    fn enter<C: ClientInfo>(&self, client: &mut C, user: String, role: String) {
        let session = Session::new(user, role);
        for (name, value) in client.metadata() {
            // What cannot be set this way is told by ParameterStatus, as PostgreSQL would.
            if matches!(name.as_str(), "application_name" | "statement_timeout" | "extra_float_digits") {
                let _ = session.state().settings.set(name, value);
            }
        }
        client.session_extensions().insert(session);
        self.entered.add_permits(1);
    }
}

#[async_trait]
impl StartupHandler for Login {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                self.admit(client, &startup)?;
                if let Users::Anybody(role) = &*self.door.users.users() {
                    let user = startup.parameters.get("user").cloned().unwrap_or_default();
                    self.enter(client, user, role.clone());
                    return self.door.driver.complete_authentication(client, None).await;
                }
                let exchange = if client.is_secure() {
                    self.door.bound_scram.read().unwrap_or_else(PoisonError::into_inner).create()
                } else {
                    self.door.scram.create()
                };
                self.door.driver.begin_authentication(client, exchange).await?;
                Ok(())
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                if !self.is_sound(&message) {
                    return Err(fatal("08P01", "invalid message format"));
                }
                let address = client.socket_addr().ip();
                match self.door.driver.advance_authentication(client, message).await {
                    Ok(AuthOutcome::InProgress) => Ok(()),
                    Ok(AuthOutcome::Authenticated { identity: Some((user, role)), final_message }) => {
                        self.door.forgive(address);
                        self.enter(client, user, role);
                        self.door.driver.complete_authentication(client, final_message).await
                    }
                    // One sentence for a wrong name, a wrong password and a broken exchange.
                    Ok(AuthOutcome::Authenticated { .. }) | Err(_) => {
                        tokio::time::sleep(self.door.fail(address, Instant::now())).await;
                        let user = client.metadata().get("user").cloned().unwrap_or_default();
                        Err(fatal("28P01", format!("password authentication failed for user \"{user}\"")))
                    }
                }
            }
            _ => Err(fatal("08P01", "expected a startup or password message")),
        }
    }
}

/// What a client is told of the server.
struct Told;

impl ServerParameterProvider for Told {
    fn server_parameters<C: ClientInfo>(&self, client: &C) -> Option<HashMap<String, String>> {
        let told = |name: &str| client.metadata().get(name).cloned().unwrap_or_default();
        let pairs = [
            ("server_version", SERVER_VERSION.to_owned()),
            ("server_encoding", "UTF8".to_owned()),
            ("client_encoding", "UTF8".to_owned()),
            ("DateStyle", "ISO, MDY".to_owned()),
            ("IntervalStyle", "postgres".to_owned()),
            ("TimeZone", "UTC".to_owned()),
            ("integer_datetimes", "on".to_owned()),
            ("standard_conforming_strings", "on".to_owned()),
            ("default_transaction_read_only", "on".to_owned()),
            ("in_hot_standby", "off".to_owned()),
            ("is_superuser", "off".to_owned()),
            ("session_authorization", told("user")),
            ("application_name", told("application_name")),
        ];
        Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_an_address_waits_longer() {
        let door = Door::new(Users::Known(vec![]), 1, false, Arc::new(ConnectionManager::new()));
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let now = Instant::now();
        let waits: Vec<u128> = (0..8).map(|_| door.fail(here, now).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(door.fail(there, now).as_millis(), 100);
        door.forgive(here);
        assert_eq!(door.fail(here, now).as_millis(), 100);
        assert_eq!(door.fail(there, now + FORGOTTEN_AFTER).as_millis(), 100);
    }

    #[test]
    fn an_unknown_name_has_the_same_salt_each_time() {
        let door = Door::new(Users::Known(vec![]), 1, false, Arc::new(ConnectionManager::new()));
        let salt = |name| match door.users.nobody(name) {
            ScramSecret::Verifier { salt, .. } => salt,
            ScramSecret::SaltedPassword { .. } => Vec::new(),
        };
        assert_eq!(salt("a"), salt("a"));
        assert_ne!(salt("a"), salt("b"));
        assert_eq!(salt("a").len(), 16);
    }
}
