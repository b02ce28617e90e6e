//! TLS: certificates and keys from files, replaced while the server runs.

use parking_lot::RwLock;
use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument, pkcs5};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion, version,
};

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    No,
    /// A client may connect without one; one that it shows must be good.
    Optional,
    Required,
}

/// The directives `tls-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// `tls-cert-file`: PEM, the server's certificate first, then those that lead to the root.
    pub certificate: PathBuf,
    /// `tls-key-file`: PEM.
    pub key: PathBuf,
    /// `tls-key-file-pass`: with what the key is decrypted if it is encrypted.
    pub key_passphrase: String,
    /// `tls-ca-cert-file`: PEM, those who sign clients' certificates.
    pub ca_file: Option<PathBuf>,
    /// `tls-ca-cert-dir`: a directory of such files.
    pub ca_directory: Option<PathBuf>,
    /// `tls-auth-clients`.
    pub clients: ClientCertificates,
    /// `tls-protocols`: `TLSv1.2`, `TLSv1.3`, separated by blanks; empty for both.
    pub protocols: String,
}

/// What TLS connections are accepted with at present.
#[derive(Default)]
pub struct Tls {
    config: RwLock<Option<Arc<ServerConfig>>>,
}

impl Tls {
    /// Accepts connections with this from here on; those that are open stay.
    pub fn replace(&self, config: ServerConfig) {
        *self.config.write() = Some(Arc::new(config));
    }

    /// The server's side of a new connection; none without certificates.
    pub fn accept(&self) -> Option<ServerConnection> {
        let config = self.config.read().clone()?;
        ServerConnection::new(config).ok()
    }
}

/// Checks the directives and reads the files they name.
///
/// # Errors
/// A text that names the directive, the file and the reason.
pub fn server_config(options: &TlsOptions) -> Result<ServerConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let certificates = certificates("tls-cert-file", &options.certificate)?;
    let key = private_key(&options.key, &options.key_passphrase)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&protocols(&options.protocols)?)
        .map_err(|error| format!("tls-protocols: {error}"))?;
    let builder = match verifier(options, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    builder.with_single_cert(certificates, key).map_err(|error| {
        let (certificate, key) = (options.certificate.display(), options.key.display());
        format!("tls-cert-file '{certificate}' and tls-key-file '{key}': {error}")
    })
}

fn protocols(text: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let mut versions = Vec::new();
    for name in text.split_ascii_whitespace() {
        if name.eq_ignore_ascii_case("TLSv1.2") {
            versions.push(&version::TLS12);
        } else if name.eq_ignore_ascii_case("TLSv1.3") {
            versions.push(&version::TLS13);
        } else {
            return Err(format!("tls-protocols: '{name}' is not supported (TLSv1.2 and TLSv1.3 are)"));
        }
    }
    if versions.is_empty() { Ok(vec![&version::TLS13, &version::TLS12]) } else { Ok(versions) }
}

fn verifier(
    options: &TlsOptions,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if options.clients == ClientCertificates::No {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    let mut add = |directive: &str, path: &Path| {
        for certificate in certificates(directive, path)? {
            roots.add(certificate).map_err(|error| format!("{directive} '{}': {error}", path.display()))?;
        }
        Ok::<(), String>(())
    };
    if let Some(path) = &options.ca_file {
        add("tls-ca-cert-file", path)?;
    }
    if let Some(directory) = &options.ca_directory {
        for path in certificate_files(directory)? {
            add("tls-ca-cert-dir", &path)?;
        }
    }
    if roots.is_empty() {
        return Err("tls-auth-clients needs tls-ca-cert-file or tls-ca-cert-dir with a certificate".into());
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match options.clients {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder.build().map(Some).map_err(|error| format!("tls-ca-cert-file: {error}"))
}

/// The files of a directory that hold certificates by their name, in order.
fn certificate_files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("tls-ca-cert-dir '{}': {error}", directory.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let named = |extension| path.extension().is_some_and(|found| found == extension);
        // OpenSSL's links, by the hash of the name: `a94d09e5.0`.
        if named("pem") || named("crt") || named("cer") || named("0") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn certificates(directive: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: pem::Error| format!("{directive} '{}': {}", path.display(), pem_error(&error));
    let found = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if found.is_empty() {
        return Err(format!("{directive} '{}': no certificate in it", path.display()));
    }
    Ok(found)
}

fn private_key(path: &Path, passphrase: &str) -> Result<PrivateKeyDer<'static>, String> {
    let failed = |reason: String| format!("tls-key-file '{}': {reason}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let key = match encrypted_key(&text) {
        Some(key) => decrypted(key, passphrase),
        None if text.contains("Proc-Type: 4,ENCRYPTED") => {
            Err("encrypted in a way that is not supported; `openssl pkcs8 -topk8` makes of it what is".into())
        }
        None => PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| pem_error(&error)),
    };
    key.map_err(failed)
}

/// The part of a file that is an encrypted key.
fn encrypted_key(text: &str) -> Option<&str> {
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let text = &text[text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----")?..];
    Some(&text[..text.find(END)? + END.len()])
}

fn decrypted(key: &str, passphrase: &str) -> Result<PrivateKeyDer<'static>, String> {
    // Which of the two a wrong password gives is up to the cipher.
    use pkcs5::Error::{DecryptFailed, EncryptFailed};
    if passphrase.is_empty() {
        return Err("it is encrypted, and tls-key-file-pass is empty".into());
    }
    let (_, key) = SecretDocument::from_pem(key).map_err(|error| error.to_string())?;
    let unsupported = |error| format!("{error}; `openssl pkcs8 -topk8` makes of it what is supported");
    let key = EncryptedPrivateKeyInfo::try_from(key.as_bytes()).map_err(unsupported)?;
    match key.decrypt(passphrase) {
        Ok(key) => Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into()),
        Err(pkcs8::Error::EncryptedPrivateKey(DecryptFailed | EncryptFailed)) => {
            Err("tls-key-file-pass is not its password".into())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn pem_error(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "nothing of the kind in it".into(),
        error => error.to_string(),
    }
}
