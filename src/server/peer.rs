//! What a request may know of the connection that it came over.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::slots::{Counted, Tally};

/// The connection of a request. Every request has it among its extensions.
#[derive(Clone)]
pub struct Peer(Arc<Connection>);

struct Connection {
    address: IpAddr,
    spiffe_id: Option<String>,
    leaving: watch::Receiver<bool>,
    principals: Arc<Tally<String>>,
    /// Those that the connection counts for, until it ends.
    counted: Mutex<HashMap<String, Counted<String>>>,
}

impl Peer {
    pub(super) fn new(
        address: IpAddr,
        leaving: watch::Receiver<bool>,
        principals: Arc<Tally<String>>,
        spiffe_id: Option<String>,
    ) -> Self {
        Self(Arc::new(Connection {
            address,
            spiffe_id,
            leaving,
            principals,
            counted: Mutex::default(),
        }))
    }

    /// Address of the client; behind a trusted proxy, the one that the proxy states.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// The SPIFFE id of the client's certificate, which was checked; `None` if it showed none.
    pub fn spiffe_id(&self) -> Option<&str> {
        self.0.spiffe_id.as_deref()
    }

    /// Turns true once the connection has been asked to go because of its age. What streams on it
    /// has the grace of the connection to take its leave.
    pub fn leaving(&self) -> watch::Receiver<bool> {
        self.0.leaving.clone()
    }

    /// Counts the connection for a principal whose credential a request on it has shown, once and
    /// until the connection ends. False if the principal has as many as it may have; then the
    /// request is to be refused.
    pub fn count_for(&self, principal: &str) -> bool {
        let counted = self.0.counted.lock();
        let mut counted = counted.unwrap_or_else(PoisonError::into_inner);
        if counted.contains_key(principal) {
            return true;
        }
        match self.0.principals.take(principal.to_owned()) {
            Some(one) => {
                counted.insert(principal.to_owned(), one);
                true
            }
            None => {
                metrics::counter!("waybill_connections_refused_total", "limit" => "principal")
                    .increment(1);
                false
            }
        }
    }
}
