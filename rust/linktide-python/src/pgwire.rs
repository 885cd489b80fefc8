//! `PgServer`: the PostgreSQL endpoint, with a Python object as its engine.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::SchemaRef;
use linktide_pgwire::{
    Answer, Asked, Engine, Parameter, Refusal, Server, ServerError, ServerSettings, User, Users,
};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use pyo3_arrow::{PySchema, PyTable};

/// Add the class of this file to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyPgServer>()
}

/// Calls the engine's methods; the GIL is held for the call alone, never while rows are written.
struct PyEngine(Py<PyAny>);

impl Engine for PyEngine {
    fn run(&self, asked: &Asked, is_abandoned: &Arc<AtomicBool>) -> Result<Answer, Refusal> {
        Python::attach(|py| {
            let is_abandoned = Bound::new(py, Abandoned(Arc::clone(is_abandoned)))?;
            let parameters = parameters_of(py, &asked.parameters)?;
            let timeout = asked.timeout.map(|timeout| timeout.as_secs_f64());
            let (catalogue_sql, role) = (&asked.catalogue_sql, &asked.role);
            let arguments = (&asked.sql, catalogue_sql, parameters, role, timeout, is_abandoned);
            let table: PyTable = self.0.bind(py).call_method1("run", arguments)?.extract()?;
            let (batches, schema) = table.into_inner();
            Ok(Answer { schema, batches })
        })
        .map_err(refusal_of)
    }

    fn describe(&self, asked: &Asked) -> Result<SchemaRef, Refusal> {
        Python::attach(|py| {
            let parameters = parameters_of(py, &asked.parameters)?;
            let arguments = (&asked.sql, &asked.catalogue_sql, parameters, &asked.role);
            let schema: PySchema = self.0.bind(py).call_method1("describe", arguments)?.extract()?;
            Ok(schema.into_inner())
        })
        .map_err(refusal_of)
    }
}

/// What an exception says: the engine's have a code, any other is a fault of ours.
#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn refusal_of(error: PyErr) -> Refusal {
    Python::attach(|py| {
        let code = error.value(py).getattr("code").and_then(|code| code.extract::<String>());
        Refusal::new(&code.unwrap_or_else(|_| "XX000".to_owned()), error.value(py).to_string())
    })
}

fn parameters_of<'py>(py: Python<'py>, parameters: &[Parameter]) -> PyResult<Bound<'py, PyList>> {
    let values: PyResult<Vec<_>> = parameters.iter().map(|one| parameter_of(py, one)).collect();
    PyList::new(py, values?)
}

/// None, bool, int, float, str, bytes, list, or (text, name of a type) for what must be read as that type.
fn parameter_of<'py>(py: Python<'py>, parameter: &Parameter) -> PyResult<Bound<'py, PyAny>> {
    Ok(match parameter {
        Parameter::Null => py.None().into_bound(py),
        Parameter::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Parameter::Int(value) => value.into_pyobject(py)?.into_any(),
        Parameter::Float(value) => value.into_pyobject(py)?.into_any(),
        Parameter::Text(value) => value.into_pyobject(py)?.into_any(),
        Parameter::Bytes(value) => PyBytes::new(py, value).into_any(),
        Parameter::Cast(value, name) => PyTuple::new(py, [value.as_str(), name])?.into_any(),
        Parameter::List(items) => parameters_of(py, items)?.into_any(),
    })
}

/// Tells whether anybody still waits for an answer.
#[pyclass(module = "linktide._core", frozen)]
struct Abandoned(Arc<AtomicBool>);

#[pymethods]
impl Abandoned {
    fn __call__(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Name, role, salt, iterations, stored key, server key.
type PyUser = (String, String, Vec<u8>, u32, Vec<u8>, Vec<u8>);

fn users_of(users: Option<Vec<PyUser>>) -> Users {
    let Some(users) = users else { return Users::Anybody("reader".to_owned()) };
    let user = |(name, role, salt, iterations, stored_key, server_key)| User {
        name,
        role,
        salt,
        iterations,
        stored_key,
        server_key,
    };
    Users::Known(users.into_iter().map(user).collect())
}

fn raised(error: ServerError) -> PyErr {
    match error {
        ServerError::Bind(error) | ServerError::Threads(error) => match error.raw_os_error() {
            // With its number, by which the sentence is chosen.
            Some(number) => PyOSError::new_err((number, error.to_string())),
            None => error.into(),
        },
        ServerError::Tls(..) => PyValueError::new_err(error.to_string()),
    }
}

/// A running PostgreSQL endpoint.
#[pyclass(name = "PgServer", module = "linktide._core", frozen)]
pub(crate) struct PyPgServer {
    server: Server,
}

#[pymethods]
impl PyPgServer {
    #[new]
    #[pyo3(signature = (engine, host, port, *, connections, tls, needs_tls, spill_folder, spill_bytes, users))]
    #[expect(clippy::too_many_arguments, reason = "given by name")]
    fn new(
        py: Python<'_>,
        engine: Py<PyAny>,
        host: &str,
        port: u16,
        connections: usize,
        tls: Option<(PathBuf, PathBuf)>,
        needs_tls: bool,
        spill_folder: PathBuf,
        spill_bytes: u64,
        users: Option<Vec<PyUser>>,
    ) -> PyResult<Self> {
        let host: IpAddr = host.parse().map_err(|error| PyValueError::new_err(format!("{host}: {error}")))?;
        let address = SocketAddr::new(host, port);
        let settings = ServerSettings { address, connections, tls, needs_tls, spill_folder, spill_bytes };
        let started = py.detach(|| Server::start(settings, users_of(users), Arc::new(PyEngine(engine))));
        started.map(|server| Self { server }).map_err(raised)
    }

    /// The port it listens on.
    #[getter]
    fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// Take other users; who is in stays in.
    #[pyo3(signature = (users))]
    fn replace_users(&self, users: Option<Vec<PyUser>>) {
        self.server.replace_users(users_of(users));
    }

    /// Take another certificate chain and key, for connections from now on.
    #[expect(clippy::needless_pass_by_value, reason = "a path from Python is a value of its own")]
    fn replace_tls(&self, chain: PathBuf, key: PathBuf) -> PyResult<()> {
        self.server.replace_tls(&chain, &key).map_err(raised)
    }

    /// (open, accepted, `failed_logins`, `turned_away`, `spilled_bytes`)
    fn stats(&self) -> (u64, u64, u64, u64, u64) {
        let now = self.server.stats();
        (now.connections, now.accepted, now.failed_logins, now.turned_away, now.spilled_bytes)
    }

    /// Close the listener and all connections; returns within two seconds.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.server.stop());
    }
}
