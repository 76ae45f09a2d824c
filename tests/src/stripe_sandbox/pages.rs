//! What a person sees: the page of a payment, the page of an onboarding, and all that there is.

use std::sync::Arc;

use poem::http::{Method, StatusCode, header};
use poem::web::Html;
use poem::{IntoResponse, Request, Response};
use serde_json::{Value, json};

use super::{Core, NOTICE, connect};

pub fn is_page(path: &str) -> bool {
    path.starts_with("sandbox/pay/") || path.starts_with("sandbox/onboarding/")
}

pub async fn answer(core: &Arc<Core>, request: Request) -> poem::Result<Response> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let told = request.method() == Method::POST;
    Ok(match path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
        ["pay", secret] => payment(core, secret),
        ["onboarding", id] => onboarding(core, id, told),
        _ => not_found(),
    })
}

pub fn not_found() -> Response {
    let page = page("Nothing here", "<p>There is no such page.</p>");
    page.with_status(StatusCode::NOT_FOUND).into_response()
}

/// For who knows the client secret, as Stripe has it.
fn payment(core: &Core, secret: &str) -> Response {
    let state = core.state();
    let found = state.all("payment_intent").iter().find(|intent| intent["client_secret"] == secret);
    let Some(intent) = found.cloned() else {
        drop(state);
        return not_found();
    };
    drop(state);
    let (id, status) = (said(&intent["id"]), said(&intent["status"]));
    let what = format!(
        "<h2>{}</h2><p>{}</p><p>Status: <b>{status}</b> <small>{id}</small></p>",
        euros(&intent["amount"]),
        said(&intent["description"])
    );
    let here = format!("/sandbox/pay/{}", escape(secret));
    let acts = match intent["status"].as_str().unwrap_or_default() {
        "processing" => {
            act(&format!("payment_intents/{id}/arrive"), "The bank says yes", &here, &[("paid", "true")])
                + &act(
                    &format!("payment_intents/{id}/arrive"),
                    "The bank says no",
                    &here,
                    &[("paid", "false")],
                )
        }
        status if status.starts_with("requires_") => {
            let pay =
                |label, card| act(&format!("payment_intents/{id}/pay"), label, &here, &[("card", card)]);
            pay("Pay with a card that works", "works")
                + &pay("Pay with a card that is declined", "declined")
                + &pay("Pay by bank debit, which takes a while", "late")
        }
        _ => "<p>There is nothing more to do.</p>".to_owned(),
    };
    page("Payment", &(what + &acts)).into_response()
}

/// Good once and for minutes; after that it leads to where a new one is asked for.
fn onboarding(core: &Core, id: &str, told: bool) -> Response {
    let state = core.state();
    let now = state.now();
    let found = state.find(id).filter(|link| link["object"] == connect::ONBOARDING).cloned();
    drop(state);
    let Some(mut link) = found else { return not_found() };
    let is_good = link["visited"] == false && link["expires_at"].as_i64().is_some_and(|end| now <= end);
    if !is_good {
        return lead_to(&link["refresh_url"]);
    }
    if !told {
        let account = said(&link["account"]);
        let body = format!(
            "<p>Here Stripe would ask the owner of <small>{account}</small> for identity papers and a bank \
             account.</p><form method=post><button>Say everything that is wanted</button></form>"
        );
        return page("Onboarding", &body).into_response();
    }
    let to = link["return_url"].clone();
    core.change(|state| {
        link["visited"] = json!(true);
        let account = link["account"].as_str().unwrap_or_default().to_owned();
        state.put(link);
        // The account was there when the link was made, and nothing removes one.
        let _ = connect::onboard(state, &account);
    });
    lead_to(&to)
}

fn lead_to(url: &Value) -> Response {
    let url = url.as_str().unwrap_or("/");
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, url).finish()
}

/// The last of everything, with what can be done to it.
pub fn index(core: &Core) -> Html<String> {
    let state = core.state();
    let mut body = format!("<p>Balance of the platform: <b>{}</b></p>", euros(&json!(state.balance(None))));
    for (kind, title) in [
        ("payment_intent", "Payments"),
        ("charge", "Charges"),
        ("refund", "Refunds"),
        ("dispute", "Disputes"),
        ("account", "Accounts"),
        ("transfer", "Transfers"),
        ("sandbox.delivery", "Webhooks"),
    ] {
        let all = state.all(kind);
        body.push_str(&format!("<h2>{title} <small>{}</small></h2><table>", all.len()));
        for object in all.iter().rev().take(20) {
            body.push_str(&row(kind, object));
        }
        body.push_str("</table>");
    }
    page("Stripe sandbox", &body)
}

fn row(kind: &str, object: &Value) -> String {
    let id = said(&object["id"]);
    let acts = match (kind, object["status"].as_str().unwrap_or_default()) {
        ("payment_intent", status) if status.starts_with("requires_") || status == "processing" => {
            format!("<a href=\"/sandbox/pay/{}\">pay</a>", said(&object["client_secret"]))
        }
        ("charge", "succeeded") if object["disputed"] == false && object["refunded"] == false => {
            act(&format!("charges/{id}/dispute"), "dispute", "/", &[])
        }
        ("refund", "succeeded") => act(&format!("refunds/{id}/fail"), "fail", "/", &[]),
        ("dispute", "needs_response") => {
            act(&format!("disputes/{id}/close"), "won", "/", &[("verdict", "won")])
                + &act(&format!("disputes/{id}/close"), "lost", "/", &[("verdict", "lost")])
        }
        ("account", _) if object["payouts_enabled"] == true => {
            act(&format!("accounts/{id}/payout"), "pay out", "/", &[])
                + &act(&format!("accounts/{id}/payout"), "fail a payout", "/", &[("fails", "true")])
                + &act(&format!("accounts/{id}/restrict"), "restrict", "/", &[])
        }
        ("account", _) => act(&format!("accounts/{id}/onboard"), "onboard", "/", &[]),
        _ => String::new(),
    };
    let what = match kind {
        "account" => said(&object["email"]),
        "sandbox.delivery" => format!("{} {}", said(&object["type"]), said(&object["last"])),
        _ => format!("{} {}", euros(&object["amount"]), said(&object["status"])),
    };
    format!("<tr><td><small>{id}</small><td>{what}<td>{acts}")
}

/// A button that does something and comes back.
fn act(path: &str, label: &str, then: &str, told: &[(&str, &str)]) -> String {
    let told: String =
        told.iter().map(|(name, value)| format!("<input type=hidden name={name} value={value}>")).collect();
    format!(
        "<form method=post action=\"/sandbox/{path}\"><input type=hidden name=then value=\"{then}\">{told}\
         <button>{label}</button></form>"
    )
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} – sandbox</title><style>body{{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;\
         padding:0 1em}}p.notice{{background:#fd0;padding:.5em 1em}}form{{display:inline}}\
         td{{padding:.1em 1em .1em 0;vertical-align:top}}button{{margin:.2em}}small{{color:#666}}</style>\
         <p class=notice><b>{NOTICE}</b></p><h1>{title}</h1>{body}"
    ))
}

fn euros(cents: &Value) -> String {
    let cents = cents.as_i64().unwrap_or_default();
    let sign = if cents < 0 { "−" } else { "" };
    format!("{sign}{}.{:02} €", cents.abs() / 100, cents.abs() % 100)
}

/// A text of the object's, safe to show.
fn said(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
