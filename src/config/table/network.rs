//! Directives about connections and who may make them.

macro_rules! network_sections {
    ($next:ident $(, $more:ident)*; $($before:tt)*) => { $next! { $($more),*; $($before)*
section "Network" {
    /// The addresses to listen on. `*` means every IPv4 address, `-::*` every IPv6 address; an
    /// address with `-` in front may be missing on the machine. DiskDB listens on the machine's own
    /// loopback addresses unless told otherwise: before you open it to a network, set a password.
    bind: Vec<String> = strings(&["127.0.0.1", "-::1"]), List, [Runtime];
    /// The address that outgoing connections (to a primary) are made from.
    bind_source_addr: String = String::new(), Text, [Runtime, NoEffect];
    /// The TCP port for clients; 0 listens on no TCP port.
    port: u16 = 6380, integer(0, 65535), [Runtime];
    /// A TCP port for people with telnet or netcat: the same commands, with plain lines as replies.
    /// 0 turns it off.
    text_port: u16 = 0, integer(0, 65535), [Runtime];
    /// The path of a Unix socket to listen on; empty for none.
    unixsocket: String = String::new(), Text, [];
    /// The file permissions of the Unix socket, in octal; 0 leaves them as the system sets them.
    unixsocketperm: u32 = 0, Octal { max: 0o777 }, [];
    /// While no password is set, refuses clients that come from another machine.
    protected_mode: bool = true, Bool, [Runtime];
    /// How many connections may wait to be accepted. The system has its own limit besides
    /// (`net.core.somaxconn`).
    tcp_backlog: u32 = 511, integer(0, I32_MAX), [];
    /// Seconds of silence after which TCP asks whether the client is still there; 0 never asks.
    tcp_keepalive: u32 = 300, integer(0, I32_MAX), [Runtime];
    /// Seconds after which an idle client is closed; 0 never closes it.
    timeout: u32 = 0, integer(0, I32_MAX), [Runtime];
    /// A mark for the listening sockets (SO_MARK).
    socket_mark_id: u32 = 0, integer(0, u32::MAX as i128), [NoEffect];
    /// How many new connections are accepted at once.
    max_new_connections_per_cycle: u32 = 10, integer(1, 1000), [Runtime, NoEffect];
    /// How many new TLS connections are accepted at once.
    max_new_tls_connections_per_cycle: u32 = 1, integer(1, 1000), [Runtime, NoEffect];
}
section "TLS" {
    /// The TCP port for clients that speak TLS; 0 turns it off. To serve TLS alone, set `port 0`.
    tls_port: u16 = 0, integer(0, 65535), [Runtime];
    /// The certificate the server shows (PEM), with the chain to its authority.
    tls_cert_file: String = String::new(), Text, [Runtime];
    /// The private key of the certificate (PEM).
    tls_key_file: String = String::new(), Text, [Runtime];
    /// The password of the private key, if it is encrypted (PKCS #8: `BEGIN ENCRYPTED PRIVATE KEY`).
    tls_key_file_pass: String = String::new(), Text, [Runtime, Sensitive];
    /// The certificate shown when connecting to other servers.
    tls_client_cert_file: String = String::new(), Text, [Runtime, NoEffect];
    /// The private key of that certificate.
    tls_client_key_file: String = String::new(), Text, [Runtime, NoEffect];
    /// The password of that private key.
    tls_client_key_file_pass: String = String::new(), Text, [Runtime, Sensitive, NoEffect];
    /// Diffie-Hellman parameters: the TLS library agrees on keys by elliptic curves only.
    tls_dh_params_file: String = String::new(), Text, [Runtime, NoEffect];
    /// The certificates of the authorities that clients' certificates must come from (PEM).
    tls_ca_cert_file: String = String::new(), Text, [Runtime];
    /// A folder of such certificates.
    tls_ca_cert_dir: String = String::new(), Text, [Runtime];
    /// Whether clients must show a certificate: `yes`, `no`, or `optional` (checked if shown).
    tls_auth_clients: TlsAuthClients = TlsAuthClients::Yes, Choice(TlsAuthClients::NAMES), [Runtime];
    /// What of the certificate that a TLS client shows is the name of the ACL user that it is from the
    /// start, without a password: `CN` (the common name of the subject), or `off`. A client whose
    /// certificate names no user that is on, begins as `default` like any other.
    tls_auth_clients_user: TlsAuthClientsUser = TlsAuthClientsUser::Off, Choice(TlsAuthClientsUser::NAMES), [Runtime];
    /// The versions of TLS to accept, such as `TLSv1.2 TLSv1.3`; empty for both.
    tls_protocols: String = String::new(), Text, [Runtime];
    /// The ciphers of TLS 1.2 to accept.
    tls_ciphers: String = String::new(), Text, [Runtime, NoEffect];
    /// The ciphers of TLS 1.3 to accept.
    tls_ciphersuites: String = String::new(), Text, [Runtime, NoEffect];
    /// Whether the server's order of ciphers goes before the client's.
    tls_prefer_server_ciphers: bool = false, Bool, [Runtime, NoEffect];
    /// Whether clients may resume an earlier TLS session.
    tls_session_caching: bool = true, Bool, [Runtime, NoEffect];
    /// How many TLS sessions are kept for that.
    tls_session_cache_size: u32 = 20480, integer(0, I32_MAX), [Runtime, NoEffect];
    /// For how many seconds.
    tls_session_cache_timeout: u32 = 300, integer(0, I32_MAX), [Runtime, NoEffect];
    /// Whether replicas connect by TLS.
    tls_replication: bool = false, Bool, [Runtime, NoEffect];
    /// Whether cluster nodes connect by TLS.
    tls_cluster: bool = false, Bool, [Runtime, NoEffect];
}
section "Clients" {
    /// How many clients may be connected at once; more are refused with an error.
    maxclients: u32 = 10000, integer(1, u32::MAX as i128), [Runtime];
    /// The largest single value in a request, in bytes.
    proto_max_bulk_len: u64 = 512 << 20, memory(1 << 20, I64_MAX), [Runtime];
    /// How much of a client's input is kept while its command is not complete, in bytes; a client
    /// that sends more is closed.
    client_query_buffer_limit: u64 = 1 << 30, memory(1 << 20, I64_MAX), [Runtime];
    /// How many bytes of replies a client may leave unread: `class hard soft seconds`, for the
    /// classes normal, replica and pubsub. A client is closed when it is above the hard limit, or
    /// above the soft limit for that many seconds; 0 is no limit.
    client_output_buffer_limit: OutputBufferLimits = OutputBufferLimits::DEFAULT,
        Words("class hard soft seconds, up to three times"), [Runtime];
    /// How much memory the buffers of all clients together may take; above it, those that take
    /// most are closed. 0 is no limit; a percentage is of `maxmemory`.
    maxmemory_clients: i64 = 0, MemoryOrPercent, [Runtime];
}
section "Security" {
    /// The password that clients must give with AUTH; empty for none. A password in a conf file is
    /// as safe as the file.
    requirepass: String = String::new(), Text, [Runtime, Sensitive];
    /// A file of ACL users, which is read at the start and by ACL LOAD, and written by ACL SAVE. It goes
    /// before requirepass, and the conf file must have no lines about users then. If it does not name
    /// the user `default`, that one may do everything, without a password.
    aclfile: String = String::new(), Text, [];
    /// The channels that a new ACL user may use.
    acl_pubsub_default: AclPubsubDefault = AclPubsubDefault::ResetChannels, Choice(AclPubsubDefault::NAMES),
        [Runtime];
    /// How many refusals ACL LOG keeps.
    acllog_max_len: u64 = 128, integer(0, I64_MAX as i128), [Runtime];
    /// Whether CONFIG SET may change protected directives: `yes`, `no`, or `local` for clients of
    /// the same machine.
    enable_protected_configs: ProtectedAction = ProtectedAction::No, Choice(ProtectedAction::NAMES), [];
    /// Whether DEBUG is allowed: `yes`, `no`, or `local` for clients of the same machine.
    enable_debug_command: ProtectedAction = ProtectedAction::No, Choice(ProtectedAction::NAMES), [];
    /// Whether MODULE is allowed. DiskDB loads no modules.
    enable_module_command: ProtectedAction = ProtectedAction::No, Choice(ProtectedAction::NAMES), [NoEffect];
    /// Keeps users' data out of log messages.
    hide_user_data_from_log: bool = true, Bool, [Runtime, NoEffect];
}
    } };
}
