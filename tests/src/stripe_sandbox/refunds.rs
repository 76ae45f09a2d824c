//! What goes back to the payer: refunds, and disputes that its bank opens.

use serde_json::{Value, json};

use super::books;
use super::params::{Params, Refusal};
use super::state::State;

/// What Stripe takes for a dispute.
const DISPUTE_FEE: i64 = 2000;

/// Whom the payer's bank believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Won,
    Lost,
}

pub fn refund(state: &mut State, params: &Params) -> Result<Value, Refusal> {
    params.only(&["amount", "charge", "metadata", "payment_intent", "reason"])?;
    let mut charge = charge_of(state, params)?;
    let id = super::id_of(&charge);
    let left = charge["amount_captured"].as_i64().unwrap_or_default()
        - charge["amount_refunded"].as_i64().unwrap_or_default();
    let amount = params.cents("amount")?.unwrap_or(left);
    if charge["disputed"] == true {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(Refusal::invalid("charge_disputed", message));
    }
    if left == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(Refusal::invalid("charge_already_refunded", message));
    }
    if amount > left {
        let message =
            format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(Refusal::of_param("", "amount", message));
    }
    let refund_id = state.new_id("re");
    let metadata = params.metadata()?;
    let moved = books::move_cents(state, "refund", -amount, 0, &refund_id);
    let refund = json!({
        "id": refund_id, "object": "refund", "amount": amount, "balance_transaction": moved, "charge": id,
        "created": state.now(), "currency": "eur",
        "destination_details": { "card": { "type": "refund" }, "type": "card" }, "metadata": metadata,
        "payment_intent": charge["payment_intent"], "reason": params.text("reason"), "receipt_number": null,
        "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null,
    });
    state.put(refund.clone());
    let before = charge["amount_refunded"].clone();
    let refunded = before.as_i64().unwrap_or_default() + amount;
    charge["amount_refunded"] = json!(refunded);
    charge["refunded"] = json!(refunded == charge["amount_captured"].as_i64().unwrap_or_default());
    state.put(charge.clone());
    state.tell("charge.refunded", &charge, None, Some(json!({ "amount_refunded": before })));
    state.tell("refund.created", &refund, None, None);
    Ok(refund)
}

fn charge_of(state: &State, params: &Params) -> Result<Value, Refusal> {
    if let Some(charge) = params.text("charge") {
        return state.get("charge", charge, "charge");
    }
    let Some(intent) = params.text("payment_intent") else {
        let message =
            "One of the following params should be provided for this request: payment_intent or charge.";
        return Err(Refusal::of_param("parameter_missing", "payment_intent", message));
    };
    let intent = state.get("payment_intent", intent, "payment_intent")?;
    match intent["latest_charge"].as_str() {
        Some(charge) if intent["status"] == "succeeded" => state.get("charge", charge, "charge"),
        _ => {
            let message = "This PaymentIntent does not have a successful charge to refund.";
            Err(Refusal::invalid("payment_intent_unexpected_state", message))
        }
    }
}

/// A refund that the payer's bank sends back, as happens days later.
pub fn fail(state: &mut State, id: &str) -> Result<Value, Refusal> {
    let mut refund = state.get("refund", id, "refund")?;
    if refund["status"] != "succeeded" {
        return Err(Refusal::invalid("", "Only a refund that succeeded can fail."));
    }
    let amount = refund["amount"].as_i64().unwrap_or_default();
    let moved = books::move_cents(state, "refund_failure", amount, 0, id);
    refund["status"] = json!("failed");
    refund["failure_balance_transaction"] = json!(moved);
    refund["failure_reason"] = json!("expired_or_canceled_card");
    state.put(refund.clone());
    if let Some(mut charge) = refund["charge"].as_str().and_then(|charge| state.find(charge)).cloned() {
        let refunded = charge["amount_refunded"].as_i64().unwrap_or_default() - amount;
        charge["amount_refunded"] = json!(refunded);
        charge["refunded"] = json!(false);
        state.put(charge);
    }
    state.tell("refund.updated", &refund, None, Some(json!({ "status": "succeeded" })));
    state.tell("refund.failed", &refund, None, None);
    Ok(refund)
}

/// The payer's bank takes the money, or what is left of it, for as long as it asks.
pub fn dispute(state: &mut State, charge: &str, amount: Option<i64>) -> Result<Value, Refusal> {
    let mut charge = state.get("charge", charge, "charge")?;
    let left = charge["amount_captured"].as_i64().unwrap_or_default()
        - charge["amount_refunded"].as_i64().unwrap_or_default();
    let amount = amount.unwrap_or(left);
    if charge["disputed"] == true || charge["status"] != "succeeded" || !(1..=left).contains(&amount) {
        return Err(Refusal::invalid("", "This charge cannot be disputed, or not for this amount."));
    }
    let id = state.new_id("du");
    let moved = books::move_cents(state, "adjustment", -amount, DISPUTE_FEE, &id);
    let moved = state.get("balance_transaction", &moved, "id")?;
    let now = state.now();
    let dispute = json!({
        "id": id, "object": "dispute", "amount": amount, "balance_transactions": [moved],
        "charge": charge["id"], "created": now, "currency": "eur", "enhanced_eligibility_types": [],
        "evidence": { "enhanced_evidence": {} },
        "evidence_details": {
            "due_by": now + 7 * 86_400, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0,
        },
        "is_charge_refundable": false, "livemode": false, "metadata": {},
        "payment_intent": charge["payment_intent"], "reason": "general", "status": "needs_response",
    });
    charge["disputed"] = json!(true);
    state.put(charge);
    state.put(dispute.clone());
    state.tell("charge.dispute.created", &dispute, None, None);
    state.tell("charge.dispute.funds_withdrawn", &dispute, None, None);
    Ok(dispute)
}

pub fn close(state: &mut State, id: &str, verdict: Verdict) -> Result<Value, Refusal> {
    let mut dispute = state.get("dispute", id, "dispute")?;
    if dispute["status"] != "needs_response" {
        return Err(Refusal::invalid("", "This dispute is closed."));
    }
    dispute["status"] = json!(if verdict == Verdict::Won { "won" } else { "lost" });
    if verdict == Verdict::Won {
        // The money comes back, and in this sandbox the fee with it.
        let amount = dispute["amount"].as_i64().unwrap_or_default();
        let moved = books::move_cents(state, "adjustment", amount, -DISPUTE_FEE, id);
        let moved = state.get("balance_transaction", &moved, "id")?;
        if let Some(all) = dispute["balance_transactions"].as_array_mut() {
            all.push(moved);
        }
        if let Some(mut charge) = dispute["charge"].as_str().and_then(|charge| state.find(charge)).cloned() {
            charge["disputed"] = json!(false);
            state.put(charge);
        }
    }
    state.put(dispute.clone());
    if verdict == Verdict::Won {
        state.tell("charge.dispute.funds_reinstated", &dispute, None, None);
    }
    state.tell("charge.dispute.closed", &dispute, None, Some(json!({ "status": "needs_response" })));
    Ok(dispute)
}
