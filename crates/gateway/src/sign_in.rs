//! Sign-in comes before everything else, even where the gateway alone can see that a request is wrong.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use slacktide_api::v1::GetInfoRequest;

use crate::{
    error::ApiError,
    router::Gateway,
    upstream::{RestCaller, Rpc},
};

/// Lets the server decide about the caller's credentials before the gateway's own refusal is shown.
///
/// A request that the gateway passes on is checked by the call itself, so only a refused one costs a call
/// more.
pub(crate) async fn first(
    State(gateway): State<Gateway>,
    request: Request,
    next: Next,
) -> Response {
    let caller = RestCaller::of(request.headers(), request.extensions());
    let response = next.run(request).await;
    if !response
        .extensions()
        .get::<ApiError>()
        .is_some_and(ApiError::is_before_sign_in)
    {
        return response;
    }
    let rpc = Rpc::new(gateway.upstream(), caller);
    match rpc.info().get_info(rpc.request(GetInfoRequest {})).await {
        Ok(_) => response,
        Err(status) => ApiError::from(status).into_response(),
    }
}
