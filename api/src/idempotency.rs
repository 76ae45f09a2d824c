//! `Idempotency-Key`: the same request twice has one effect and one answer. Endpoints know nothing of it: their
//! transactions become part of the one that holds the key, so effect and answer are committed together.

use domain::Tx;
use domain::idempotency::{self, Answer, Claim, Key};
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{Request, Response};
use sha2::{Digest, Sha256};

use crate::App;
use crate::error::ApiError;

pub const HEADER: &str = "idempotency-key";
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub const REUSED: ApiError = ApiError::Unprocessable {
    code: "IDEMPOTENCY_KEY_REUSED",
    message: "This key was used for another request",
};

/// Refused by a guard, before the operation began. Not stored: who may do what is asked anew each time.
#[derive(Clone, Debug)]
pub struct AtTheDoor;

const AWAY: ApiError = ApiError::Unavailable {
    code: "OUTCOME_UNKNOWN",
    message: "Send the same request with the same key again",
};

/// Operations that ask somebody outside. No transaction may be open meanwhile, so their effect is committed before the answer is
/// known. That asking again has no second effect is their own doing: what they ask for is stored under the thing that it is for.
const ASK_OUTSIDE: [&str; 4] =
    ["createBookingIntent", "createContractIntent", "createMissionIntent", "startOnboarding"];

/// The request's key: 1 to 255 visible ASCII characters.
pub fn key(request: &Request) -> Result<Option<String>, ApiError> {
    let mut values = request.headers().get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let sound = |key: &&str| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    match value.to_str().ok().filter(sound) {
        Some(key) if values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(ApiError::invalid("Idempotency-Key", "one key of 1 to 255 visible ASCII characters")),
    }
}

pub fn fingerprint(request: &Request, body: &[u8]) -> Vec<u8> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    Sha256::new().chain_update(target).chain_update([0]).chain_update(body).finalize().to_vec()
}

/// Answers from what is stored or else by `work`, which says with its answer whether it may be stored.
pub async fn once(
    app: &App,
    key: Key<'_>,
    fingerprint: &[u8],
    work: impl Future<Output = (Response, bool)>,
) -> Result<Response, ApiError> {
    if ASK_OUTSIDE.contains(&key.operation) {
        return once_apart(app, key, fingerprint, work).await;
    }
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, key, fingerprint, app.clock.now()).await? {
        Claim::New => {}
        Claim::Answered(answer) => return replay(answer),
        Claim::Reused => return Err(REUSED),
    }
    let ((response, keep), tx) = app.db.jointly(tx, work).await;
    if !keep || response.status().is_server_error() {
        return Ok(response);
    }
    keep_answer(app, tx?, key, fingerprint, response).await
}

/// The first of those who come at once to have an answer gives it to all of them.
async fn once_apart(
    app: &App,
    key: Key<'_>,
    fingerprint: &[u8],
    work: impl Future<Output = (Response, bool)>,
) -> Result<Response, ApiError> {
    let known = idempotency::find(&mut *app.db.conn().await?, key).await?;
    match known {
        Some((known, answer)) if known == fingerprint => return replay(answer),
        Some(_) => return Err(REUSED),
        None => {}
    }
    let (response, keep) = work.await;
    if !keep || response.status().is_server_error() {
        return Ok(response);
    }
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, key, fingerprint, app.clock.now()).await? {
        Claim::New => keep_answer(app, tx, key, fingerprint, response).await,
        Claim::Answered(answer) => replay(answer),
        Claim::Reused => Err(REUSED),
    }
}

/// Commits the answer, and with it whatever effect the transaction has.
async fn keep_answer(
    app: &App,
    mut tx: Tx,
    key: Key<'_>,
    fingerprint: &[u8],
    mut response: Response,
) -> Result<Response, ApiError> {
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let headers = headers.collect();
    let body =
        response.take_body().into_bytes().await.map_err(|error| ApiError::Internal(error.to_string()))?;
    let answer = Answer { status: response.status().as_u16(), headers, body: body.to_vec() };
    idempotency::store(&mut tx, key, &answer).await?;
    if let Err(error) = tx.commit().await {
        tracing::warn!(%error, "the outcome of a commit is unknown");
        let mut conn = app.db.conn().await.map_err(|_| AWAY)?;
        return match idempotency::find(&mut conn, key).await {
            Ok(Some((known, answer))) if known == fingerprint => rebuild(answer),
            _ => Err(AWAY),
        };
    }
    response.set_body(body);
    Ok(response)
}

fn replay(answer: Answer) -> Result<Response, ApiError> {
    let mut response = rebuild(answer)?;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn rebuild(answer: Answer) -> Result<Response, ApiError> {
    let damaged = |_| ApiError::Internal("a stored answer has no status".into());
    let status = StatusCode::from_u16(answer.status).map_err(damaged)?;
    let mut response = Response::builder().status(status).body(answer.body);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_outside_is_an_operation() {
        let document = crate::openapi::Document::get();
        assert!(ASK_OUTSIDE.iter().all(|operation| document.has_operation(operation)));
    }
}
