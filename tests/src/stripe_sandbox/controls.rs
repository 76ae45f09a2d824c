//! What people, banks and bad networks do, as calls under `/sandbox`. Bodies are JSON or forms; `then` leads a browser on.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method, StatusCode, header};
use poem::{Request, Response};
use serde_json::{Map, Value, json};

use super::faults::{self, Armed, Fault};
use super::params::Refusal;
use super::refunds::{self, Verdict};
use super::{Core, NOTICE, connect, form, idempotency, intents};

pub async fn answer(core: &Arc<Core>, mut request: Request) -> poem::Result<Response> {
    let method = request.method().clone();
    let path = request.uri().path().trim_matches('/').to_owned();
    let body = request.take_body().into_string().await?;
    let is_json = request.content_type().is_some_and(|kind| kind.starts_with("application/json"));
    let told: Map<String, Value> = match is_json {
        true => serde_json::from_str(&body).unwrap_or_default(),
        false => form::parse(&body).unwrap_or_default(),
    };
    let path: Vec<&str> = path.split('/').skip(1).collect();
    let done = match method {
        Method::POST => act(core, &path, &told),
        Method::DELETE if path == ["faults"] => {
            faults::disarm(core);
            Ok(json!({}))
        }
        _ => look(core, &path),
    };
    let then = told
        .get("then")
        .and_then(Value::as_str)
        .filter(|url| url.starts_with("http") || url.starts_with('/'));
    Ok(match (done, then) {
        (Ok(_) | Err(Refusal { status: 402, .. }), Some(url)) => {
            Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, url).finish()
        }
        (Ok(body), None) => answered(StatusCode::OK, &body),
        (Err(refusal), _) => answered(refusal.status(), &refusal.body()),
    })
}

fn answered(status: StatusCode, body: &Value) -> Response {
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

fn look(core: &Core, path: &[&str]) -> Result<Value, Refusal> {
    let state = core.state();
    match path {
        ["objects"] => {
            Ok(state.kinds().map(|(kind, all)| (kind.clone(), json!(all))).collect::<Map<_, _>>().into())
        }
        ["objects", kind_or_id] => match state.find(kind_or_id) {
            Some(object) => Ok(object.clone()),
            None => Ok(json!(state.all(kind_or_id))),
        },
        ["calls"] => Ok(json!(state.all(idempotency::KIND))),
        ["balances", account] => Ok(json!({ "cents": state.balance(Some(account)) })),
        ["balance"] => Ok(json!({ "cents": state.balance(None) })),
        ["faults"] => Ok(faults::armed(core).iter().map(|armed| json!(format!("{armed:?}"))).collect()),
        _ => Err(nothing_here()),
    }
}

fn act(core: &Core, path: &[&str], told: &Map<String, Value>) -> Result<Value, Refusal> {
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    let is = |name: &str| told.get(name).is_some_and(|value| value == true || value == "true");
    let number = |name: &str| told.get(name).and_then(whole);
    match path {
        ["payment_intents", id, "pay"] => {
            let method = match text("card") {
                "" | "works" => "pm_card_visa",
                "declined" => "pm_card_visa_chargeDeclined",
                "late" => "pm_sepa_debit",
                other => other,
            };
            core.change(|state| intents::confirm(state, id, method, &core.url))
        }
        ["payment_intents", id, "arrive"] => core.change(|state| intents::arrive(state, id, is("paid"))),
        ["charges", id, "dispute"] => core.change(|state| refunds::dispute(state, id, number("amountCents"))),
        ["disputes", id, "close"] => {
            let verdict = if text("verdict") == "won" { Verdict::Won } else { Verdict::Lost };
            core.change(|state| refunds::close(state, id, verdict))
        }
        ["refunds", id, "fail"] => core.change(|state| refunds::fail(state, id)),
        ["accounts", id, "onboard"] => core.change(|state| connect::onboard(state, id)),
        ["accounts", id, "restrict"] => core.change(|state| connect::restrict(state, id)),
        ["accounts", id, "payout"] => core.change(|state| connect::pay_out(state, id, !is("fails"))),
        ["events", id, "send"] => {
            core.state().get("event", id, "id")?;
            core.webhooks.push(vec![(*id).to_owned()]);
            Ok(json!({}))
        }
        ["webhooks"] => {
            core.webhooks.hold(is("held"));
            if let Some(url) = told.get("url").and_then(Value::as_str) {
                core.webhooks.set_url(Some(url.to_owned()).filter(|url| !url.is_empty()));
            }
            Ok(json!({}))
        }
        ["faults"] => {
            let fault = match text("fault") {
                "refuse" => Fault::Refuse {
                    status: number("status").and_then(|status| u16::try_from(status).ok()).unwrap_or(400),
                    code: text("code").to_owned(),
                },
                "busy" => Fault::Busy,
                "fail" => Fault::Fail,
                "slow" => Fault::Slow(Duration::from_millis(number("ms").unwrap_or(1000).unsigned_abs())),
                "drop-before" => Fault::DropBefore,
                "drop" => Fault::DropAfter,
                other => return Err(Refusal::invalid("", format!("no such fault: {other}"))),
            };
            let times = number("times").and_then(|times| u32::try_from(times).ok()).unwrap_or(1);
            let method = text("method").to_owned();
            faults::arm(core, Armed { method, path: text("path").to_owned(), fault, times });
            Ok(json!({}))
        }
        _ => Err(nothing_here()),
    }
}

/// JSON has numbers, forms have their digits.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn nothing_here() -> Refusal {
    Refusal::invalid("", format!("There is no such control. {NOTICE}")).with_status(404)
}
