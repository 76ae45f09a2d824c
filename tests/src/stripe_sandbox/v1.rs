//! Stripe's API, as far as the platform asks for it.

use std::io;
use std::sync::Arc;

use futures_util::stream;
use poem::error::InternalServerError;
use poem::http::{Method, StatusCode};
use poem::web::headers::{Authorization, HeaderMapExt, authorization::Bearer};
use poem::{Body, Request, Response};
use serde_json::{Value, json};

use super::faults::{self, Fault};
use super::idempotency::{self, Begin};
use super::params::{Params, Refusal};
use super::state::State;
use super::{Core, KEY, NOTICE, books, connect, form, intents, refunds};

/// Path, kind, and by what its list can be filtered.
const COLLECTIONS: [(&str, &str, &[&str]); 10] = [
    ("accounts", "account", &[]),
    ("balance_transactions", "balance_transaction", &["source", "currency"]),
    ("charges", "charge", &["customer", "payment_intent", "transfer_group"]),
    ("customers", "customer", &["email"]),
    ("disputes", "dispute", &["charge", "payment_intent"]),
    ("events", "event", &[]),
    ("payment_intents", "payment_intent", &["customer"]),
    ("payouts", "payout", &["status"]),
    ("refunds", "refund", &["charge", "payment_intent"]),
    ("transfers", "transfer", &["destination", "transfer_group"]),
];

/// One call.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub params: Result<Params, String>,
    pub key: Option<String>,
    account: Option<String>,
    authorised: bool,
}

impl Call {
    async fn read(mut request: Request) -> poem::Result<Self> {
        let body = request.take_body().into_string().await?;
        let header = |name: &str| request.header(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let text = match *request.method() {
            Method::POST => body,
            _ => request.uri().query().unwrap_or_default().to_owned(),
        };
        let bearer = request.headers().typed_get::<Authorization<Bearer>>();
        Ok(Self {
            method: request.method().clone(),
            path: request.uri().path().trim_end_matches('/').to_owned(),
            params: form::parse(&text).map(Params),
            // Stripe ignores the key of what only asks.
            key: header("idempotency-key").filter(|_| *request.method() == Method::POST),
            account: header("stripe-account"),
            authorised: bearer.is_some_and(|bearer| bearer.token().starts_with(KEY)),
        })
    }

    /// What was told, in a form that compares.
    pub fn told(&self) -> Value {
        self.params.as_ref().map_or(Value::Null, |params| Value::Object(params.0.clone()))
    }
}

pub async fn answer(core: &Arc<Core>, request: Request) -> poem::Result<Response> {
    let call = Call::read(request).await?;
    let core = core.clone();
    // Of its own, so that what was begun is finished although the caller hung up.
    let served = tokio::spawn(async move { serve(&core, &call).await });
    served.await.map_err(InternalServerError)
}

async fn serve(core: &Core, call: &Call) -> Response {
    if !call.authorised {
        let message = format!("Invalid API Key provided. {NOTICE} Its keys begin with {KEY}.");
        return refused(&Refusal::invalid("", message).with_status(401));
    }
    let fault = faults::take(core, call.method.as_str(), &call.path);
    match fault {
        Some(Fault::DropBefore) => return hang_up(),
        Some(Fault::Busy) => {
            let refusal = Refusal::invalid("rate_limit", "Too many requests in the sandbox.");
            return refused(&refusal.with_status(429));
        }
        Some(Fault::Fail) => {
            let message = "An error occurred in the sandbox.";
            let refusal = Refusal { kind: "api_error", ..Refusal::invalid("", message) };
            return refused(&refusal.with_status(500));
        }
        _ => {}
    }
    if call.method != Method::POST {
        let asked = execute(&mut core.state(), call, &core.url);
        return asked.map_or_else(|refusal| refused(&refusal), |body| json_answer(200, &body));
    }
    let answer = told(core, call, &fault).await;
    if fault == Some(Fault::DropAfter) { hang_up() } else { answer }
}

async fn told(core: &Core, call: &Call, fault: &Option<Fault>) -> Response {
    match core.change(|state| idempotency::begin(state, call)) {
        Begin::Run => {}
        Begin::Refuse(refusal) => return refused(&refusal),
        Begin::Replay(status, body) => {
            return json_answer(status, &body).with_replayed();
        }
    }
    if let Some(Fault::Slow(pause)) = fault {
        tokio::time::sleep(*pause).await;
    }
    core.change(|state| {
        let done = match fault {
            Some(Fault::Refuse { status, code }) => {
                Err(Refusal::invalid(code, "Refused by the sandbox.").with_status(*status))
            }
            _ => execute(state, call, &core.url),
        };
        let (status, body) = match done {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status, refusal.body()),
        };
        idempotency::end(state, call, Some((status, &body)));
        json_answer(status, &body)
    })
}

/// The call itself. A refusal has changed nothing, but for a declined card.
fn execute(state: &mut State, call: &Call, url: &str) -> Result<Value, Refusal> {
    let params = call.params.as_ref().map_err(|key| {
        Refusal::of_param("parameter_invalid", key, format!("Invalid parameter encoding: {key}"))
    })?;
    let path: Vec<&str> = call.path.trim_matches('/').split('/').skip(1).collect();
    match (&call.method, path.as_slice()) {
        (&Method::POST, ["customers"]) => intents::create_customer(state, params),
        (&Method::POST, ["payment_intents"]) => intents::create(state, params, url),
        (&Method::POST, ["payment_intents", id, "confirm"]) => {
            params.only(&["client_secret", "payment_method", "return_url", "off_session", "mandate_data"])?;
            let intent = state.get("payment_intent", id, "intent")?;
            let known = intent["payment_method"].as_str();
            let method = params.text("payment_method").or(known).ok_or_else(|| {
                let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
                Refusal::invalid("payment_intent_unexpected_state", message)
            })?;
            intents::confirm(state, id, method, url)
        }
        (&Method::POST, ["payment_intents", id, "cancel"]) => intents::cancel(state, id, params),
        (&Method::POST, ["refunds"]) => refunds::refund(state, params),
        (&Method::POST, ["accounts"]) => connect::create_account(state, params),
        (&Method::POST, ["account_links"]) => connect::create_link(state, params, url),
        (&Method::POST, ["transfers"]) => connect::transfer(state, params),
        (&Method::POST, ["transfers", id, "reversals"]) => connect::reverse(state, id, params),
        (&Method::GET, ["transfers", id, "reversals"]) => {
            state.get("transfer", id, "id")?;
            state.list("transfer_reversal", &call.path, params, &[], |reversal| reversal["transfer"] == *id)
        }
        (&Method::GET, ["balance"]) => Ok(books::balance(state, call.account.as_deref())),
        (&Method::GET, [collection]) => match kind_of(collection) {
            Some((_, kind, filters)) => state.list(kind, &call.path, params, filters, |_| true),
            None => Err(unrecognised(call)),
        },
        (&Method::GET, [collection, id]) => match kind_of(collection) {
            Some((_, kind, _)) => {
                params.only(&["client_secret"])?;
                state.get(kind, id, if *kind == "payment_intent" { "intent" } else { "id" })
            }
            None => Err(unrecognised(call)),
        },
        _ => Err(unrecognised(call)),
    }
}

fn kind_of(collection: &str) -> Option<&'static (&'static str, &'static str, &'static [&'static str])> {
    COLLECTIONS.iter().find(|(path, ..)| *path == collection)
}

fn unrecognised(call: &Call) -> Refusal {
    let message = format!("Unrecognized request URL ({}: {}). {NOTICE}", call.method, call.path);
    Refusal::invalid("", message).with_status(404)
}

fn refused(refusal: &Refusal) -> Response {
    json_answer(refusal.status().as_u16(), &refusal.body())
}

fn json_answer(status: u16, body: &Value) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type("application/json")
        .header("Request-Id", format!("req_sandbox{}", uuid::Uuid::new_v4().simple()))
        .header("Stripe-Version", stripe_connect::API_VERSION)
        .body(body.to_string())
}

trait Replayed {
    fn with_replayed(self) -> Self;
}

impl Replayed for Response {
    fn with_replayed(mut self) -> Self {
        self.headers_mut().insert("idempotent-replayed", poem::http::HeaderValue::from_static("true"));
        self
    }
}

/// A body that fails before its first byte: the server closes the connection and has sent nothing.
fn hang_up() -> Response {
    let broken = stream::iter([Err::<Vec<u8>, _>(io::Error::other(json!(NOTICE).to_string()))]);
    Response::builder().body(Body::from_bytes_stream(broken))
}
