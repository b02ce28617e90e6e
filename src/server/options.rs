//! The directives as the server uses them, in one place.

use super::tls::{ClientCertificates, TlsOptions};
use crate::config::Settings;
use crate::config::values::{AppendFsync, OutputBufferLimit, OutputBufferLimits, TlsAuthClients};
use crate::instance::clients::{Client, ClientFlag};
use crate::instance::process::processors;
use crate::protocol::Limits;
use std::path::PathBuf;
use std::time::Duration;

/// The directives as the server uses them.
#[derive(Debug, Clone)]
pub struct Options {
    pub workers: usize,
    pub disk_threads: usize,
    /// `appendfsync always`.
    pub sync_each_turn: bool,
    pub max_clients: usize,
    /// What clients may send. Those that have not authenticated may send less.
    pub limits: Limits,
    pub output_limits: OutputBufferLimits,
    /// Seconds; 0 is for ever.
    pub idle_timeout_s: u32,
    /// Seconds; 0 is never.
    pub keepalive_s: u32,
    /// Refuse clients from elsewhere while there is no password.
    pub protected: bool,
    pub shutdown_timeout: Duration,
}

impl Options {
    /// Reads what the server needs out of the settings.
    pub fn new(settings: &Settings) -> Options {
        let limits = Limits {
            max_bulk_bytes: saturate(settings.proto_max_bulk_len),
            max_request_bytes: saturate(settings.client_query_buffer_limit),
            authenticated: false,
        };
        Options {
            workers: settings.workers(processors()),
            disk_threads: settings.disk_threads as usize,
            sync_each_turn: settings.appendfsync == AppendFsync::Always,
            max_clients: settings.maxclients as usize,
            limits,
            output_limits: settings.client_output_buffer_limit,
            idle_timeout_s: settings.timeout,
            keepalive_s: settings.tcp_keepalive,
            protected: settings.protected_mode,
            shutdown_timeout: Duration::from_secs(settings.shutdown_timeout.into()),
        }
    }
}

impl Options {
    /// How much the client may leave unread, by its class.
    pub fn output_limit(&self, client: &Client) -> OutputBufferLimit {
        if client.has_flag(ClientFlag::Replica) {
            self.output_limits.replica
        } else if client.has_flag(ClientFlag::PubSub) {
            self.output_limits.pubsub
        } else {
            self.output_limits.normal
        }
    }
}

fn saturate(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The `tls-*` directives, if there is a certificate at all.
pub fn tls(settings: &Settings) -> Option<TlsOptions> {
    let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    if settings.tls_cert_file.is_empty() && settings.tls_key_file.is_empty() && settings.tls_port == 0 {
        return None;
    }
    Some(TlsOptions {
        certificate: PathBuf::from(&settings.tls_cert_file),
        key: PathBuf::from(&settings.tls_key_file),
        key_passphrase: settings.tls_key_file_pass.clone(),
        ca_file: path(&settings.tls_ca_cert_file),
        ca_directory: path(&settings.tls_ca_cert_dir),
        clients: match settings.tls_auth_clients {
            TlsAuthClients::No => ClientCertificates::No,
            TlsAuthClients::Yes => ClientCertificates::Required,
            TlsAuthClients::Optional => ClientCertificates::Optional,
        },
        protocols: settings.tls_protocols.clone(),
    })
}
