//! Certificate and key of the endpoint.

use std::path::Path;
use std::sync::Arc;

use pgwire::tokio::TlsAcceptor;
use pgwire::tokio::tokio_rustls::rustls::ServerConfig;
use pgwire::tokio::tokio_rustls::rustls::crypto::ring::default_provider;
use pgwire::tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use pgwire::tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ServerError;

/// By what the endpoint shows who it is.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    /// The chain, PEM.
    pub(crate) chain: Vec<u8>,
}

impl Identity {
    /// Read both files.
    ///
    /// # Errors
    /// [`ServerError::Tls`] names the file that cannot be used.
    pub(crate) fn read(chain: &Path, key: &Path) -> Result<Self, ServerError> {
        let wrong = |path: &Path, error: &dyn std::fmt::Display| {
            ServerError::Tls(path.to_path_buf(), error.to_string())
        };
        let bad_chain = |error: &dyn std::fmt::Display| wrong(chain, error);
        let bad_key = |error: &dyn std::fmt::Display| wrong(key, error);
        let pem = std::fs::read(chain).map_err(|error| bad_chain(&error))?;
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| bad_chain(&error))?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| bad_key(&error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad_chain(&error))?
            .with_no_client_auth()
            .with_single_cert(certificates, secret)
            .map_err(|error| bad_key(&error))?;
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), chain: pem })
    }
}
