//! The check before a service that has no front of its own: the operators' port.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use super::{Admission, Auth};
use crate::server::Peer;

/// Routes behind the check.
#[derive(Clone)]
pub struct Gate {
    auth: Auth,
    routes: Routes,
}

impl Gate {
    /// Puts the check before routes.
    pub fn new(auth: Auth, routes: Routes) -> Self {
        Self { auth, routes }
    }
}

impl<B> Service<Request<B>> for Gate
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let client = request.extensions().get::<Peer>();
        let path = request.uri().path();
        let admission = self.auth.admit(path, request.headers(), client);
        let mut routes = self.routes.clone();
        Box::pin(async move {
            let principal = match admission {
                Admission::Open => return routes.call(request).await,
                Admission::Known(principal) => Ok(principal),
                Admission::Refused(failure) => Err(failure),
                Admission::Later(later) => later.await,
            };
            match principal {
                Ok(principal) => {
                    request.extensions_mut().insert(principal);
                    routes.call(request).await
                }
                Err(failure) => Ok(Status::from(failure).into_http()),
            }
        })
    }
}
