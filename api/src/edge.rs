//! What every request passes, in this order: id and trace, origin, operation, body bound, strict query, budgets; and what
//! every answer carries.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::trace;
use futures_util::FutureExt;
use poem::http::{HeaderName, HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response};
use uuid::Uuid;

use crate::App;
use crate::cors;
use crate::error::{self, ApiError};
use crate::guard::{self, Bearer};
use crate::idempotency::{self, AtTheDoor};
use crate::live;
use crate::operations::Operations;

/// Largest body of a JSON request, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// A body that takes longer is not waited for.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// The rest of a body, once the server stops.
const STOPPING_PATIENCE: Duration = Duration::from_secs(1);

/// What OWASP's REST cheat sheet asks of an API, unless an answer says otherwise. Browsers heed
/// `Strict-Transport-Security` only over TLS, so it may always be there.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The client's address, behind trusted proxies.
#[derive(Clone, Debug)]
pub struct ClientAddress(pub String);

#[derive(Clone)]
pub struct Edge {
    app: App,
    operations: Arc<Operations>,
}

impl Edge {
    pub fn new(app: App, operations: Arc<Operations>) -> Self {
        Self { app, operations }
    }
}

impl<E: Endpoint> Middleware<E> for Edge {
    type Output = AtTheEdge<E>;

    fn transform(&self, inner: E) -> Self::Output {
        AtTheEdge { edge: self.clone(), inner }
    }
}

pub struct AtTheEdge<E> {
    edge: Edge,
    inner: E,
}

impl<E: Endpoint> Endpoint for AtTheEdge<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let request_id = header_of(&request, "x-request-id")
            .filter(|id| is_request_id(id))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let traceparent =
            header_of(&request, "traceparent").filter(|value| is_traceparent(value)).map(str::to_owned);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let span = tracing::info_span!("request", request_id, %method, path);
        let context = trace::Context { request_id: Some(request_id.clone()), traceparent };
        let scope = trace::Scope::new(context, span);

        let origin = cors::origin(&request, &self.edge.app.origins);
        let mut response = match origin.as_ref().and_then(|_| cors::preflight(&request)) {
            Some(preflight) => preflight,
            None => {
                let served = async {
                    let response = self.serve(request, &request_id).await;
                    tracing::debug!(status = response.status().as_u16(), "served");
                    response
                };
                scope.run(served).await
            }
        };
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            headers.insert("x-request-id", value);
        }
        if !self.edge.app.origins.is_empty() {
            headers.insert(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = origin {
            cors::allow(headers, origin);
        }
        for (name, value) in SECURITY {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        Ok(response)
    }
}

impl<E: Endpoint> AtTheEdge<E> {
    async fn serve(&self, mut request: Request, request_id: &str) -> Response {
        let app = &self.edge.app;
        let path = request.uri().path().to_owned();
        let refuse = |error: ApiError| error.respond(&path, request_id, app.clock.now());

        let address = client_address(&request, &app.proxies);
        let bearer: Bearer =
            bearer_token(&request).map(|token| app.tokens.verify_access(token, app.clock.now()));
        // HEAD is a GET whose body is not sent.
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let operation = self.edge.operations.find(method.as_str(), &path);

        // Read first, whatever the answer: an unread body would end the connection under a client's next request.
        let mut body = Bytes::new();
        if method != Method::GET {
            let read = tokio::select! {
                read = bounded_body(&mut request) => read,
                () = tokio::time::sleep(BODY_PATIENCE) => {
                    Err(ApiError::invalid("", "the body did not arrive in time"))
                }
                () = stopped_for(&app.hub, STOPPING_PATIENCE) => {
                    Err(ApiError::Unavailable { code: "RESTARTING", message: "The server restarts; try again" })
                }
            };
            body = match read {
                Ok(body) => body,
                Err(error) => return closing(refuse(error)),
            };
            request.set_body(body.clone());
        }
        let query = request.uri().query().unwrap_or_default();
        if let Some(stray) = operation.and_then(|operation| operation.stray_parameter(query)) {
            return refuse(ApiError::invalid(&stray, "unknown or repeated query parameter"));
        }
        if let Some(misfit) = operation.and_then(|operation| operation.stray_null(&body)) {
            return refuse(ApiError::Invalid(vec![misfit]));
        }
        let mut decision = Default::default();
        if let Some(operation) = operation {
            let caller = match &bearer {
                Some(Ok(claims)) => claims.sub.to_string(),
                _ => address.clone(),
            };
            decision = app.limiter.check(&operation.id, &caller, &address).await;
        } else if path == "/api/v1/ws" {
            decision = app.limiter.check_upgrade(&address).await;
        }
        if let Some(retry_after) = decision.retry_after {
            let mut response = refuse(ApiError::TooManyRequests { retry_after });
            decision.write(response.headers_mut());
            return response;
        }

        let mut key = None;
        if let Some(operation) = operation.filter(|operation| operation.takes_key) {
            let found = match idempotency::key(&request) {
                // A stored answer is for a living session only.
                Ok(Some(text)) if matches!(bearer, Some(Ok(_))) => {
                    guard::viewer(app, &bearer).await.map(|viewer| Some((viewer, text, operation)))
                }
                other => other.map(|_| None),
            };
            key = match found {
                Ok(key) => key,
                Err(error) => {
                    let mut response = refuse(error);
                    decision.write(response.headers_mut());
                    return response;
                }
            };
        }
        let fingerprint = key.as_ref().map(|_| idempotency::fingerprint(&request, &body)).unwrap_or_default();
        if let Some((viewer, ..)) = &key {
            request.set_data(*viewer);
        }
        request.set_data(bearer);
        request.set_data(ClientAddress(address));
        // The answer, and whether it is one of the operation itself.
        let work = async {
            // A stored answer is given again whatever the pressure.
            if let Some(Err(refusal)) = operation.map(|operation| app.pressure.admit(&operation.id)) {
                return (refuse(refusal), false);
            }
            match std::panic::AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
                Ok(Ok(output)) => (output.into_response(), true),
                Ok(Err(error)) => {
                    let began = error.data::<AtTheDoor>().is_none();
                    let misfit = operation.and_then(|operation| operation.misfit(&body));
                    (refuse(error::from_any(error, &path, &self.edge.operations, misfit)), began)
                }
                Err(_) => (refuse(ApiError::Internal("panic; see standard error".into())), false),
            }
        };
        let mut response = match &key {
            None => work.await.0,
            Some((viewer, text, operation)) => {
                let key = domain::idempotency::Key { user: viewer.user, operation: &operation.id, key: text };
                let answer = idempotency::once(app, key, &fingerprint, work).await;
                answer.unwrap_or_else(refuse)
            }
        };
        decision.write(response.headers_mut());
        response
    }
}

/// For an answer before the whole body has come.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn stopped_for(hub: &live::Hub, patience: Duration) {
    hub.stopping().await;
    tokio::time::sleep(patience).await;
}

/// The body, whole or not at all.
async fn bounded_body(request: &mut Request) -> Result<Bytes, ApiError> {
    let announced = header_of(request, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if announced > LARGEST_BODY {
        return Err(ApiError::TooLarge);
    }
    request.take_body().into_bytes_limit(LARGEST_BODY).await.map_err(|error| match error {
        poem::error::ReadBodyError::PayloadTooLarge => ApiError::TooLarge,
        error => ApiError::invalid("", error.to_string()),
    })
}

fn header_of<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn bearer_token(request: &Request) -> Option<&str> {
    let (scheme, token) = header_of(request, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn is_request_id(text: &str) -> bool {
    (8..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (W3C Trace Context).
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([2, 32, 16, 2])
        && parts.concat().bytes().all(|b| b.is_ascii_hexdigit())
}

/// The peer's address or, when the peer is a trusted proxy, the last address in X-Forwarded-For that is not one.
fn client_address(request: &Request, trusted: &[ipnet::IpNet]) -> String {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let Some(peer) = request.remote_addr().as_socket_addr().map(|address| address.ip()) else {
        return "unknown".into();
    };
    if !is_trusted(&peer) {
        return peer.to_string();
    }
    // A proxy may append to the line or add one of its own: the last address of the last line is the nearest.
    let lines = request.headers().get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let hops = hops.into_iter().rev().map_while(|hop| hop.parse::<IpAddr>().ok());
    hops.into_iter().find(|hop| !is_trusted(hop)).unwrap_or(peer).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_outside_must_be_well_formed() {
        assert!(
            is_request_id("0199f2d4-aaaa-7bbb-8ccc-dddddddddddd")
                && !is_request_id("short")
                && !is_request_id("has\nnewline")
        );
        assert!(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"));
    }
}
