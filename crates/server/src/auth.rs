//! Authentication: every call but health and reflection carries HTTP Basic credentials in `authorization`.
//!
//! Below this layer gRPC metadata are HTTP headers, so the listener and a gateway in the same process pass
//! through the same code.

mod basic;
mod caller;
mod lockout;
mod verify;

use std::{sync::Arc, time::Duration};

use http::{Extensions, HeaderMap, header::AUTHORIZATION};
use slacktide_store::StoreError;
use tonic::{Status, body::Body, service::Routes, transport::server::TcpConnectInfo};
use tower::ServiceExt as _;

pub(crate) use caller::Caller;
use lockout::Client;
pub(crate) use verify::Authenticator;

/// Services that anybody may call: they tell of the server, not of what it manages.
const OPEN: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Why a call is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("not signed in: send HTTP Basic credentials in `authorization`")]
    Missing,
    #[error(
        "the credentials cannot be read: there must be one `authorization`: `Basic` and base64 of user:password"
    )]
    Malformed,
    #[error("the user name or the password is wrong")]
    Wrong,
    #[error("the user is locked: ask an administrator to unlock it")]
    Locked,
    #[error(
        "too many failed attempts to sign in: wait, or ask an administrator to unlock the user"
    )]
    TooManyFailures(Duration),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("hashing a password was cut off")]
    CutOff,
}

/// Lets the call through to `routes`, with its [`Caller`] as an extension, or answers why not.
pub(crate) async fn signed_in(
    authenticator: Arc<Authenticator>,
    routes: Routes,
    mut request: http::Request<Body>,
) -> http::Response<Body> {
    let path = request.uri().path();
    if !OPEN.iter().any(|service| path.starts_with(service)) {
        let client = client(request.extensions());
        match identify(&authenticator, request.headers(), client).await {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(error) => return Status::from(error).into_http(),
        };
    }
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn identify(
    authenticator: &Authenticator,
    headers: &HeaderMap,
    client: Client,
) -> Result<Caller, AuthError> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().ok_or(AuthError::Missing)?;
    if given.next().is_some() {
        // Which of two counts must not depend on who reads them.
        return Err(AuthError::Malformed);
    }
    let credentials = basic::parse(header.as_bytes())?;
    authenticator.verify(credentials, client).await
}

/// The address of the connection. A gateway in the same process, whose calls come on none, gives that of its own.
/// Nothing that a caller sends is one.
fn client(extensions: &Extensions) -> Client {
    let connection = extensions.get::<TcpConnectInfo>();
    let address = connection.and_then(TcpConnectInfo::remote_addr);
    Client::of(address.map(|address| address.ip()))
}
