//! TLS with certificates made on the spot.

use super::support::*;
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::config::values::{TlsAuthClients, TlsAuthClientsUser};
use diskdb::server::{Ports, Server};
use pkcs8::pkcs5::pbes2;
use pkcs8::{LineEnding, PrivateKeyInfo, SecretDocument};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self) -> Identity {
        self.issue_to("nobody")
    }

    fn issue_to(&self, common_name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn tls_settings(directory: &Path, identity: &Identity, ca: &str, clients: TlsAuthClients) -> Settings {
    Settings {
        tls_cert_file: write(directory, "server.crt", &identity.certificate),
        tls_key_file: write(directory, "server.key", &identity.key),
        tls_ca_cert_file: write(directory, "ca.crt", ca),
        tls_auth_clients: clients,
        ..settings()
    }
}

fn start_tls(settings: Settings) -> (Server, Db) {
    let db = Db::in_memory(settings).unwrap();
    let ports = Ports { tls: Some(0), tcp: Some(0), ..Ports::default() };
    (Server::start_on(&db, ports).unwrap(), db)
}

type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

fn client(server: &Server, authority: &str, identity: Option<&Identity>) -> TlsClient {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = Client::tcp(server.addresses().tls[0]).stream;
    Client { stream: StreamOwned::new(connection, socket) }
}

/// Whether the client gets a reply at all.
fn is_served(client: &mut TlsClient) -> bool {
    use std::io::{Read, Write};
    let mut reply = [0; 7];
    client.stream.write_all(b"PING\r\n").and_then(|()| client.stream.read_exact(&mut reply)).is_ok()
        && &reply == b"+PONG\r\n"
}

#[test]
fn commands_and_large_values_under_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let settings = tls_settings(directory.path(), &authority.issue(), &authority.pem, TlsAuthClients::No);
    let (server, _db) = start_tls(settings);
    let mut client = client(&server, &authority.pem, None);
    client.call("SET a 1", "+OK\r\n");
    let value: Vec<u8> =
        (0..5 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    client.send(command(&[b"SET", b"big", &value]));
    client.expect("+OK\r\n");
    client.send(command(&[b"GET", b"big"]).repeat(3));
    for _ in 0..3 {
        client.expect(bulk(&value));
    }
    client.send("PING\r\n".repeat(1000));
    client.expect("+PONG\r\n".repeat(1000));
    // The plain port knows nothing of it, and the TLS port nothing of plain text.
    connect(&server).call("GET a", "$1\r\n1\r\n");
    let mut plain = Client::tcp(server.addresses().tls[0]);
    plain.send("PING\r\n");
    assert!(!plain.rest().starts_with(b"+"));
    server.stop().unwrap();
    client.expect_end();
}

#[test]
fn mutual_tls() {
    let authority = Authority::new();
    let stranger = Authority::new();
    for (clients, without, with_strange) in [
        (TlsAuthClients::Yes, false, false),
        (TlsAuthClients::Optional, true, false),
        (TlsAuthClients::No, true, true),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let settings = tls_settings(directory.path(), &authority.issue(), &authority.pem, clients);
        let (server, _db) = start_tls(settings);
        assert!(is_served(&mut client(&server, &authority.pem, Some(&authority.issue()))));
        assert_eq!(is_served(&mut client(&server, &authority.pem, None)), without);
        let strange = Some(stranger.issue());
        assert_eq!(is_served(&mut client(&server, &authority.pem, strange.as_ref())), with_strange);
        server.stop().unwrap();
    }
}

#[test]
fn a_certificate_names_a_user() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let settings = Settings {
        requirepass: "secret".into(),
        tls_auth_clients_user: TlsAuthClientsUser::CommonName,
        ..tls_settings(directory.path(), &authority.issue(), &authority.pem, TlsAuthClients::Optional)
    };
    let (server, _db) = start_tls(settings);
    let mut admin = connect(&server);
    admin.call("AUTH secret", "+OK\r\n");
    admin.call("ACL SETUSER bob on +acl|whoami +reset", "+OK\r\n");
    admin.call("ACL SETUSER eve off +@all", "+OK\r\n");
    let come = |name: &str| client(&server, &authority.pem, Some(&authority.issue_to(name)));
    let mut bob = come("bob");
    bob.call("ACL WHOAMI", "$3\r\nbob\r\n");
    bob.call("RESET", "+RESET\r\n");
    bob.call("ACL WHOAMI", "-NOAUTH Authentication required.\r\n");
    for name in ["eve", "nobody", ""] {
        come(name).call("ACL WHOAMI", "-NOAUTH Authentication required.\r\n");
    }
    client(&server, &authority.pem, None).call("ACL WHOAMI", "-NOAUTH Authentication required.\r\n");
    admin.send("ACL LOG 1\r\n");
    admin.expect("*1\r\n*20\r\n$5\r\ncount\r\n:1\r\n$6\r\nreason\r\n$8\r\ntls-cert\r\n");
    let mut admin = connect(&server);
    admin.call("AUTH secret", "+OK\r\n");
    admin.call("CONFIG SET tls-auth-clients-user off", "+OK\r\n");
    come("bob").call("ACL WHOAMI", "-NOAUTH Authentication required.\r\n");
    server.stop().unwrap();
}

#[test]
fn certificates_are_replaced_without_dropping_clients() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    let (server, _db) = start_tls(tls_settings(directory.path(), &old.issue(), &old.pem, TlsAuthClients::No));
    let mut before = client(&server, &old.pem, None);
    before.call("PING", "+PONG\r\n");
    let mut admin = connect(&server);
    // Nonsense is refused, and nothing changes.
    let nonsense = write(directory.path(), "nonsense", "no certificate");
    admin.send(format!("CONFIG SET tls-cert-file {nonsense}\r\n"));
    admin.expect("-ERR CONFIG SET failed");
    assert!(admin.line().contains("no certificate in it"));
    assert!(is_served(&mut client(&server, &old.pem, None)));
    let identity = new.issue();
    let certificate = write(directory.path(), "new.crt", &identity.certificate);
    // A key that is not this certificate's is refused as well.
    admin.send(format!("CONFIG SET tls-cert-file {certificate}\r\n"));
    admin.expect("-ERR CONFIG SET failed");
    admin.line();
    let key = write(directory.path(), "new.key", &identity.key);
    admin.call(&format!("CONFIG SET tls-cert-file {certificate} tls-key-file {key}"), "+OK\r\n");
    before.call("PING", "+PONG\r\n");
    assert!(is_served(&mut client(&server, &new.pem, None)));
    assert!(!is_served(&mut client(&server, &old.pem, None)));
    server.stop().unwrap();
}

/// The key as `openssl pkcs8 -topk8` would encrypt it.
fn encrypt(key: &str, password: &str) -> String {
    let (_, key) = SecretDocument::from_pem(key).unwrap();
    let parameters = pbes2::Parameters::pbkdf2_sha256_aes256cbc(1000, b"saltsalt", &[7; 16]).unwrap();
    let key = PrivateKeyInfo::try_from(key.as_bytes()).unwrap();
    let encrypted = key.encrypt_with_params(parameters, password).unwrap();
    encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap().to_string()
}

#[test]
fn encrypted_keys_need_their_password() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let identity = authority.issue();
    let good = tls_settings(directory.path(), &identity, &authority.pem, TlsAuthClients::No);
    // Some keep the certificate in the same file.
    let both = format!("{}{}", identity.certificate, encrypt(&identity.key, "secret"));
    let key = write(directory.path(), "encrypted.key", &both);
    let with_pass =
        |pass: &str| Settings { tls_key_file: key.clone(), tls_key_file_pass: pass.into(), ..good.clone() };
    let db = Db::in_memory(with_pass("Secret")).unwrap();
    let error = Server::start_on(&db, Ports { tls: Some(0), ..Ports::default() }).err().unwrap().to_string();
    assert!(error.ends_with("encrypted.key': tls-key-file-pass is not its password"), "{error}");
    let (server, _db) = start_tls(with_pass("secret"));
    assert!(is_served(&mut client(&server, &authority.pem, None)));
    server.stop().unwrap();
    // A password for a key that needs none does no harm.
    let (server, _db) = start_tls(Settings { tls_key_file_pass: "secret".into(), ..good });
    assert!(is_served(&mut client(&server, &authority.pem, None)));
    server.stop().unwrap();
}

#[test]
fn bad_files_are_errors_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let good = tls_settings(directory.path(), &authority.issue(), &authority.pem, TlsAuthClients::Yes);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = write(directory.path(), "encrypted.key", encrypted);
    let old_way =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let old_way = write(directory.path(), "old_way.key", old_way);
    let cases = [
        (Settings { tls_cert_file: "/no/such".into(), ..good.clone() }, "tls-cert-file '/no/such'"),
        (Settings { tls_key_file: encrypted.clone(), ..good.clone() }, "tls-key-file-pass is empty"),
        (Settings { tls_key_file: encrypted, tls_key_file_pass: "x".into(), ..good.clone() }, "ASN.1"),
        (
            Settings { tls_key_file: old_way, tls_key_file_pass: "x".into(), ..good.clone() },
            "openssl pkcs8 -topk8",
        ),
        (Settings { tls_ca_cert_file: String::new(), ..good.clone() }, "needs tls-ca-cert-file"),
        (Settings { tls_protocols: "TLSv1.0".into(), ..good.clone() }, "'TLSv1.0' is not supported"),
    ];
    for (settings, reason) in cases {
        let db = Db::in_memory(settings).unwrap();
        let ports = Ports { tls: Some(0), ..Ports::default() };
        let error = Server::start_on(&db, ports).err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
