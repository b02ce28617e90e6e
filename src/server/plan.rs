//! Where the server listens.

use super::listen;
use super::worker::Manner;
use crate::config::Settings;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// The TCP ports to listen on; none: not at all, 0: one that the system picks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub tcp: Option<u16>,
    pub tls: Option<u16>,
    pub text: Option<u16>,
}

impl Ports {
    /// The ports of the directives, where 0 means none.
    pub fn configured(settings: &Settings) -> Ports {
        let port = |number: u16| (number != 0).then_some(number);
        Ports { tcp: port(settings.port), tls: port(settings.tls_port), text: port(settings.text_port) }
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    pub text: Vec<SocketAddr>,
    pub unix: Option<PathBuf>,
}

/// One address to listen on, as the directives name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    pub manner: Manner,
    /// As in `bind`, with its `-`.
    pub address: String,
    pub port: u16,
}

/// Everything TCP that is to be listened on, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(pub Vec<Listening>);

/// The listening sockets.
#[derive(Default)]
pub struct Listeners {
    pub tcp: Vec<(TcpListener, Listening)>,
    pub unix: Option<UnixListener>,
}

impl Plan {
    /// What the directives ask for.
    pub fn new(settings: &Settings, ports: Ports) -> Plan {
        let of_manner = [(ports.tcp, Manner::Plain), (ports.tls, Manner::Tls), (ports.text, Manner::Text)];
        let mut plan = Vec::new();
        for (port, manner) in of_manner {
            let Some(port) = port else { continue };
            plan.extend(settings.bind.iter().map(|address| Listening {
                manner,
                address: address.clone(),
                port,
            }));
        }
        Plan(plan)
    }

    /// Opens every listener, the Unix socket included.
    ///
    /// # Errors
    /// When an address cannot be had, or there is none.
    pub fn listen(&self, settings: &Settings) -> Result<(Listeners, Addresses), String> {
        let mut listeners = Listeners { tcp: open_tcp(&self.0, settings)?, unix: None };
        let mut addresses = Addresses::default();
        if !settings.unixsocket.is_empty() {
            let path = PathBuf::from(&settings.unixsocket);
            listeners.unix = Some(listen::unix(&path, settings.unixsocketperm, backlog(settings))?);
            addresses.unix = Some(path);
        }
        for (listener, listening) in &listeners.tcp {
            let addresses = match listening.manner {
                Manner::Plain => &mut addresses.tcp,
                Manner::Tls => &mut addresses.tls,
                Manner::Text => &mut addresses.text,
            };
            addresses.extend(listener.local_addr());
        }
        if listeners.tcp.is_empty() && listeners.unix.is_none() {
            return Err("Configured to not listen anywhere, exiting.".into());
        }
        Ok((listeners, addresses))
    }
}

fn backlog(settings: &Settings) -> i32 {
    i32::try_from(settings.tcp_backlog).unwrap_or(i32::MAX)
}

/// Opens these TCP listeners. Each manner must get at least one of those it has.
pub fn open_tcp(plan: &[Listening], settings: &Settings) -> Result<Vec<(TcpListener, Listening)>, String> {
    let mut listeners = Vec::new();
    for of_port in plan.chunk_by(|one, next| (one.manner, one.port) == (next.manner, next.port)) {
        let addresses: Vec<&str> = of_port.iter().map(|listening| listening.address.as_str()).collect();
        let opened = listen::tcp(&addresses, of_port[0].port, backlog(settings))?;
        listeners.extend(opened.into_iter().map(|(index, listener)| (listener, of_port[index].clone())));
    }
    Ok(listeners)
}
