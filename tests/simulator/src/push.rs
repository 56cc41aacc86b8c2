//! Owns how a push gets to a gateway: one HTTP request on a connection of its own. Does not know what
//! a push says, nor how it is signed.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What a source would push now.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its media type.
    pub media: &'static str,
    /// The header with its proof, if it is not in the body.
    pub proof: Option<(&'static str, String)>,
    /// What is pushed, byte for byte.
    pub body: Bytes,
}

impl Push {
    pub(crate) fn json(body: String, header: &'static str, proof: String) -> Self {
        Self {
            media: "application/json",
            proof: Some((header, proof)),
            body: Bytes::from(body),
        }
    }

    pub(crate) fn form(body: String) -> Self {
        Self {
            media: "application/x-www-form-urlencoded;charset=UTF-8",
            proof: None,
            body: Bytes::from(body),
        }
    }

    /// Posts it to a path of a gateway; returns what that answers.
    ///
    /// # Errors
    /// When there is no connection, or no answer.
    pub async fn send(&self, to: SocketAddr, path: &str) -> io::Result<(StatusCode, Bytes)> {
        let mut request = Request::post(path)
            .header(HOST, to.to_string())
            .header(CONTENT_TYPE, self.media);
        if let Some((header, proof)) = &self.proof {
            let proof = HeaderValue::from_str(proof).map_err(io::Error::other)?;
            request = request.header(*header, proof);
        }
        let request = request.body(Full::new(self.body.clone()));
        let request = request.map_err(io::Error::other)?;
        let stream = TokioIo::new(TcpStream::connect(to).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(io::Error::other)?;
        let answered = async {
            let answer = sender
                .send_request(request)
                .await
                .map_err(io::Error::other)?;
            let status = answer.status();
            let body = answer.into_body().collect().await;
            Ok((status, body.map_err(io::Error::other)?.to_bytes()))
        };
        let mut answered = std::pin::pin!(answered);
        tokio::select! {
            answered = answered.as_mut() => answered,
            // The connection can end before its answer has been looked at.
            _ = connection => answered.await,
        }
    }
}
