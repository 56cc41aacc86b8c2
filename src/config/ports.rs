//! Where the ports of a server are.

use std::net::SocketAddr;

use super::Server;

impl Server {
    /// Where the operators' port is to be. Nobody is asked who they are there, so it is never anywhere
    /// but on loopback, whatever the other ports are told.
    ///
    /// # Errors
    /// It is no address, or not on loopback.
    pub fn admin_address(&self) -> Result<SocketAddr, String> {
        if self.admin.is_empty() {
            let port = match self.side.port() {
                0 => 0,
                side => side.checked_add(1).unwrap_or(0),
            };
            return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        let address: SocketAddr = self
            .admin
            .parse()
            .map_err(|_| "server.admin: is not an address with a port".to_owned())?;
        if address.ip().is_loopback() {
            return Ok(address);
        }
        Err(format!(
            "server.admin: {address} is not a loopback address, and operators are not authenticated"
        ))
    }
}
