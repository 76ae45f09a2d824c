//! Customers, payment intents and the charges that come of them.

use serde_json::{Value, json};

use super::books;
use super::params::{Params, Refusal};
use super::state::State;

/// What Stripe takes at least.
const LEAST: i64 = 50;
const MOST: i64 = 99_999_999;

pub fn create_customer(state: &mut State, params: &Params) -> Result<Value, Refusal> {
    params.only(&["address", "description", "email", "metadata", "name", "phone", "preferred_locales"])?;
    let metadata = params.metadata()?;
    let customer = json!({
        "id": state.new_id("cus"), "object": "customer", "address": null, "balance": 0, "created": state.now(),
        "currency": null, "default_source": null, "delinquent": false, "description": params.text("description"),
        "discount": null, "email": params.text("email"), "invoice_prefix": "SANDBOX",
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        },
        "livemode": false, "metadata": metadata, "name": params.text("name"), "next_invoice_sequence": 1,
        "phone": params.text("phone"), "preferred_locales": [], "shipping": null, "tax_exempt": "none",
        "test_clock": null,
    });
    state.tell("customer.created", &customer, None, None);
    Ok(state.put(customer))
}

pub fn create(state: &mut State, params: &Params, url: &str) -> Result<Value, Refusal> {
    params.only(&[
        "amount",
        "automatic_payment_methods",
        "capture_method",
        "confirm",
        "currency",
        "customer",
        "description",
        "metadata",
        "off_session",
        "payment_method",
        "payment_method_types",
        "receipt_email",
        "return_url",
        "statement_descriptor",
        "transfer_group",
    ])?;
    params.required("amount")?;
    let amount = amount(params)?;
    params.euros()?;
    if let Some(customer) = params.text("customer") {
        state.get("customer", customer, "customer")?;
    }
    let metadata = params.metadata()?;
    let id = state.new_id("pi");
    let secret = format!("{id}_secret_{}", uuid::Uuid::new_v4().simple());
    let method = params.text("payment_method");
    let status = if method.is_some() { "requires_confirmation" } else { "requires_payment_method" };
    let intent = json!({
        "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0,
        "amount_details": { "tip": {} }, "amount_received": 0, "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": { "allow_redirects": "always", "enabled": true }, "canceled_at": null,
        "cancellation_reason": null, "capture_method": "automatic_async", "client_secret": secret,
        "confirmation_method": "automatic", "created": state.now(), "currency": "eur",
        "customer": params.text("customer"), "description": params.text("description"),
        "last_payment_error": null, "latest_charge": null, "livemode": false, "metadata": metadata,
        "next_action": null, "on_behalf_of": null, "payment_method": method, "payment_method_options": {},
        "payment_method_types": ["card", "sepa_debit"], "processing": null,
        "receipt_email": params.text("receipt_email"), "review": null, "setup_future_usage": null,
        "shipping": null, "source": null, "statement_descriptor": params.text("statement_descriptor"),
        "statement_descriptor_suffix": null, "status": status, "transfer_data": null,
        "transfer_group": params.text("transfer_group"),
    });
    state.put(intent.clone());
    state.tell("payment_intent.created", &intent, None, None);
    match method {
        Some(method) if params.flag("confirm") => confirm(state, &id, method, url),
        _ => Ok(intent),
    }
}

fn amount(params: &Params) -> Result<i64, Refusal> {
    match params.cents("amount")?.unwrap_or_default() {
        low if low < LEAST => {
            let message = "Amount must be at least €0.50 eur";
            Err(Refusal::of_param("amount_too_small", "amount", message))
        }
        high if high > MOST => {
            let message = "Amount must be no more than €999,999.99";
            Err(Refusal::of_param("amount_too_large", "amount", message))
        }
        amount => Ok(amount),
    }
}

/// What a test card's name says that it does.
enum Card {
    Works,
    Declined(&'static str),
    /// Money that comes days later.
    Late,
    /// The payer has to say yes on its bank's page.
    AsksPayer,
    Disputed,
}

fn card(method: &str) -> Option<Card> {
    Some(match method {
        "pm_card_visa" | "pm_card_mastercard" | "pm_card_amex" | "pm_card_fr" => Card::Works,
        "pm_card_visa_chargeDeclined" | "pm_card_chargeDeclined" => Card::Declined("generic_decline"),
        "pm_card_visa_chargeDeclinedInsufficientFunds" | "pm_card_chargeDeclinedInsufficientFunds" => {
            Card::Declined("insufficient_funds")
        }
        "pm_card_visa_chargeDeclinedExpiredCard" | "pm_card_chargeDeclinedExpiredCard" => {
            Card::Declined("expired_card")
        }
        "pm_card_authenticationRequired" | "pm_card_threeDSecure2Required" => Card::AsksPayer,
        "pm_card_createDispute" => Card::Disputed,
        "pm_sepa_debit" | "pm_sepa_debit_fr" => Card::Late,
        _ => return None,
    })
}

/// The payer pays with this method.
pub fn confirm(state: &mut State, id: &str, method: &str, url: &str) -> Result<Value, Refusal> {
    let mut intent = state.get("payment_intent", id, "intent")?;
    let open = ["requires_payment_method", "requires_confirmation", "requires_action"];
    let card = card(method).ok_or_else(|| Refusal::missing("PaymentMethod", method, "payment_method"))?;
    if !open.iter().any(|status| intent["status"] == *status) {
        return Err(unexpected(&intent, "confirm"));
    }
    intent["payment_method"] = json!(method);
    intent["next_action"] = Value::Null;
    match card {
        Card::Works => Ok(paid(state, intent, true)),
        Card::Disputed => {
            let intent = paid(state, intent, true);
            let charge = super::id_of(&json!({ "id": intent["latest_charge"] }));
            super::refunds::dispute(state, &charge, None)?;
            Ok(intent)
        }
        Card::Declined(why) => Err(declined(state, intent, why)),
        Card::Late => {
            intent["status"] = json!("processing");
            let charge = charge(state, &intent, "pending");
            intent["latest_charge"] = charge["id"].clone();
            state.put(charge.clone());
            state.tell("charge.pending", &charge, None, None);
            state.put(intent.clone());
            state.tell("payment_intent.processing", &intent, None, None);
            Ok(intent)
        }
        Card::AsksPayer => {
            intent["status"] = json!("requires_action");
            intent["next_action"] = json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "return_url": null, "url": format!("{url}/sandbox/pay/{}", intent["client_secret"].as_str().unwrap_or_default()) },
            });
            state.put(intent.clone());
            state.tell("payment_intent.requires_action", &intent, None, None);
            Ok(intent)
        }
    }
}

/// The bank of a late payment has said yes or no.
pub fn arrive(state: &mut State, id: &str, good: bool) -> Result<Value, Refusal> {
    let intent = state.get("payment_intent", id, "intent")?;
    match intent["status"] == "processing" {
        false => Err(unexpected(&intent, "settle")),
        true if good => Ok(paid(state, intent, false)),
        true => {
            let refusal = declined(state, intent, "debit_not_authorized");
            Ok(refusal.intent.map(|intent| *intent).unwrap_or_default())
        }
    }
}

fn paid(state: &mut State, mut intent: Value, card: bool) -> Value {
    let amount = intent["amount"].as_i64().unwrap_or_default();
    let pending = intent["latest_charge"].as_str().and_then(|id| state.find(id)).cloned();
    let mut charge = match pending.filter(|charge| charge["status"] == "pending") {
        Some(charge) => charge,
        None => charge(state, &intent, "succeeded"),
    };
    let (kind, fee) = if card { ("charge", books::card_fee(amount)) } else { ("payment", 35) };
    let id = super::id_of(&charge);
    let moved = books::move_cents(state, kind, amount, fee, &id);
    for (field, value) in [
        ("status", json!("succeeded")),
        ("paid", json!(true)),
        ("captured", json!(true)),
        ("amount_captured", json!(amount)),
        ("balance_transaction", json!(moved)),
    ] {
        charge[field] = value;
    }
    intent["status"] = json!("succeeded");
    intent["amount_received"] = json!(amount);
    intent["latest_charge"] = json!(id);
    intent["last_payment_error"] = Value::Null;
    state.put(charge.clone());
    state.tell("charge.succeeded", &charge, None, None);
    state.put(intent.clone());
    state.tell("payment_intent.succeeded", &intent, None, None);
    intent
}

fn declined(state: &mut State, mut intent: Value, why: &'static str) -> Refusal {
    let mut charge = charge(state, &intent, "failed");
    let message = "Your card was declined.";
    charge["failure_code"] = json!("card_declined");
    charge["failure_message"] = json!(message);
    state.put(charge.clone());
    state.tell("charge.failed", &charge, None, None);
    intent["status"] = json!("requires_payment_method");
    intent["latest_charge"] = charge["id"].clone();
    intent["payment_method"] = Value::Null;
    intent["last_payment_error"] = json!({
        "charge": charge["id"], "code": "card_declined", "decline_code": why, "message": message,
        "doc_url": "https://docs.stripe.com/error-codes/card-declined", "type": "card_error",
    });
    state.put(intent.clone());
    state.tell("payment_intent.payment_failed", &intent, None, None);
    Refusal {
        status: 402,
        kind: "card_error",
        decline_code: Some(why),
        intent: Some(Box::new(intent)),
        ..Refusal::invalid("card_declined", message)
    }
}

fn charge(state: &State, intent: &Value, status: &str) -> Value {
    let id = state.new_id("ch");
    json!({
        "id": id, "object": "charge", "amount": intent["amount"], "amount_captured": 0, "amount_refunded": 0,
        "application": null, "application_fee": null, "application_fee_amount": null,
        "balance_transaction": null,
        "billing_details": {
            "address": {
                "city": null, "country": "FR", "line1": null, "line2": null, "postal_code": null, "state": null,
            },
            "email": null, "name": "Sandbox", "phone": null, "tax_id": null,
        },
        "calculated_statement_descriptor": "SANDBOX", "captured": false, "created": state.now(),
        "currency": "eur", "customer": intent["customer"], "description": intent["description"],
        "disputed": false, "failure_balance_transaction": null, "failure_code": null, "failure_message": null,
        "fraud_details": {}, "livemode": false, "metadata": intent["metadata"], "on_behalf_of": null,
        "outcome": null, "paid": false, "payment_intent": intent["id"],
        "payment_method": intent["payment_method"], "payment_method_details": null, "receipt_email": null,
        "receipt_number": null, "receipt_url": null, "refunded": false, "review": null, "shipping": null,
        "source": null, "source_transfer": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": status, "transfer_data": null,
        "transfer_group": intent["transfer_group"],
    })
}

pub fn cancel(state: &mut State, id: &str, params: &Params) -> Result<Value, Refusal> {
    params.only(&["cancellation_reason"])?;
    let mut intent = state.get("payment_intent", id, "intent")?;
    if !intent["status"].as_str().unwrap_or_default().starts_with("requires_") {
        return Err(unexpected(&intent, "cancel"));
    }
    intent["status"] = json!("canceled");
    intent["canceled_at"] = json!(state.now());
    intent["cancellation_reason"] = json!(params.text("cancellation_reason"));
    intent["next_action"] = Value::Null;
    state.tell("payment_intent.canceled", &intent, None, None);
    Ok(state.put(intent))
}

fn unexpected(intent: &Value, what: &str) -> Refusal {
    let status = intent["status"].as_str().unwrap_or_default();
    let message = format!("You cannot {what} this PaymentIntent because it has a status of {status}.");
    Refusal {
        intent: Some(Box::new(intent.clone())),
        ..Refusal::invalid("payment_intent_unexpected_state", message)
    }
}
