//! Accounts of others: how they come about, what is transferred to them and back, and to their banks.

use serde_json::{Value, json};

use super::books;
use super::params::{Params, Refusal};
use super::state::State;

/// A page of onboarding that somebody may open, once.
pub const ONBOARDING: &str = "sandbox.onboarding";
const LINK_SECONDS: i64 = 300;

fn wanted(fields: &[&str], why: Option<&str>) -> Value {
    json!({
        "alternatives": [], "current_deadline": null, "currently_due": fields, "disabled_reason": why,
        "errors": [], "eventually_due": fields, "past_due": fields, "pending_verification": [],
    })
}

pub fn create_account(state: &mut State, params: &Params) -> Result<Value, Refusal> {
    params.only(&[
        "business_profile",
        "business_type",
        "capabilities",
        "controller",
        "country",
        "default_currency",
        "email",
        "individual",
        "metadata",
        "settings",
        "type",
    ])?;
    let metadata = params.metadata()?;
    let capabilities = params.inner("capabilities");
    let capability = |name: &str| capabilities.inner(name).flag("requested").then_some("inactive");
    let account = json!({
        "id": state.new_id("acct"), "object": "account", "business_type": params.text("business_type"),
        "capabilities": {
            "card_payments": capability("card_payments").unwrap_or("inactive"),
            "transfers": capability("transfers").unwrap_or("inactive"),
        },
        "charges_enabled": false, "controller": { "type": "application", "is_controller": true },
        "country": params.text("country").unwrap_or("FR"), "created": state.now(), "default_currency": "eur",
        "details_submitted": false, "email": params.text("email"), "metadata": metadata,
        "payouts_enabled": false, "type": params.text("type").unwrap_or("standard"),
        "requirements": wanted(
            &["external_account", "individual.dob.day", "individual.verification.document", "tos_acceptance.date"],
            Some("requirements.past_due"),
        ),
        "future_requirements": wanted(&[], None),
    });
    Ok(state.put(account))
}

pub fn create_link(state: &mut State, params: &Params, url: &str) -> Result<Value, Refusal> {
    params.only(&["account", "collection_options", "refresh_url", "return_url", "type"])?;
    let account = params.required("account")?;
    state.get("account", account, "account")?;
    let kind = params.required("type")?;
    if !matches!(kind, "account_onboarding" | "account_update") {
        return Err(Refusal::of_param("", "type", format!("Invalid type: {kind}")));
    }
    let (to, again) = (params.required("return_url")?, params.required("refresh_url")?);
    let id = uuid::Uuid::new_v4().simple().to_string();
    let now = state.now();
    let expires = now + LINK_SECONDS;
    state.put(json!({
        "object": ONBOARDING, "id": id, "account": account, "return_url": to, "refresh_url": again,
        "expires_at": expires, "visited": false,
    }));
    let page = format!("{url}/sandbox/onboarding/{id}");
    Ok(json!({ "object": "account_link", "created": now, "expires_at": expires, "url": page }))
}

/// All that Stripe wants to know was said.
pub fn onboard(state: &mut State, id: &str) -> Result<Value, Refusal> {
    let mut account = state.get("account", id, "account")?;
    account["requirements"] = wanted(&[], None);
    account["capabilities"] = json!({ "card_payments": "active", "transfers": "active" });
    able(state, account, true)
}

/// Something new is wanted, and until then nothing goes.
pub fn restrict(state: &mut State, id: &str) -> Result<Value, Refusal> {
    let mut account = state.get("account", id, "account")?;
    account["requirements"] =
        wanted(&["individual.verification.additional_document"], Some("requirements.past_due"));
    account["capabilities"] = json!({ "card_payments": "inactive", "transfers": "inactive" });
    able(state, account, false)
}

fn able(state: &mut State, mut account: Value, able: bool) -> Result<Value, Refusal> {
    let before = json!({
        "charges_enabled": account["charges_enabled"], "payouts_enabled": account["payouts_enabled"],
        "details_submitted": account["details_submitted"],
    });
    account["charges_enabled"] = json!(able);
    account["payouts_enabled"] = json!(able);
    account["details_submitted"] = json!(able || account["details_submitted"] == true);
    let id = super::id_of(&account);
    state.put(account.clone());
    state.tell("account.updated", &account, Some(&id), Some(before));
    Ok(account)
}

pub fn transfer(state: &mut State, params: &Params) -> Result<Value, Refusal> {
    params.only(&[
        "amount",
        "currency",
        "description",
        "destination",
        "metadata",
        "source_transaction",
        "transfer_group",
    ])?;
    params.euros()?;
    let destination = params.required("destination")?.to_owned();
    let account = state.get("account", &destination, "destination")?;
    params.required("amount")?;
    let amount = params.cents("amount")?.unwrap_or_default();
    let metadata = params.metadata()?;
    if account["capabilities"]["transfers"] != "active" {
        let message = "Your destination account needs to have at least one of the following capabilities enabled: \
                       transfers, crypto_transfers, legacy_payments";
        return Err(Refusal::invalid("insufficient_capabilities_for_transfer", message));
    }
    let mut group = params.text("transfer_group").map(str::to_owned);
    match params.text("source_transaction") {
        Some(charge) => {
            let charge = state.get("charge", charge, "source_transaction")?;
            if amount > untransferred(state, &charge) {
                let message =
                    "Transfers using this transaction as a source must not exceed the source amount.";
                return Err(Refusal::of_param("balance_insufficient", "amount", message));
            }
            group = group.or_else(|| charge["transfer_group"].as_str().map(str::to_owned));
        }
        None if amount > state.balance(None) => {
            let message = "You have insufficient available funds in your Stripe account.";
            return Err(Refusal::invalid("balance_insufficient", message));
        }
        None => {}
    }
    let id = state.new_id("tr");
    let moved = books::move_cents(state, "transfer", -amount, 0, &id);
    state.add_to_balance(Some(&destination), amount);
    let transfer = json!({
        "id": id, "object": "transfer", "amount": amount, "amount_reversed": 0, "balance_transaction": moved,
        "created": state.now(), "currency": "eur", "description": params.text("description"),
        "destination": destination, "destination_payment": state.new_id("py"), "livemode": false,
        "metadata": metadata, "reversed": false, "source_transaction": params.text("source_transaction"),
        "reversals": {
            "object": "list", "data": [], "has_more": false, "url": format!("/v1/transfers/{id}/reversals"),
        },
        "source_type": "card", "transfer_group": group,
    });
    state.put(transfer.clone());
    state.tell("transfer.created", &transfer, None, None);
    Ok(transfer)
}

/// What of a charge is not under way to somebody.
fn untransferred(state: &State, charge: &Value) -> i64 {
    let of_charge = |transfer: &&Value| transfer["source_transaction"] == charge["id"];
    let transferred: i64 = state
        .all("transfer")
        .iter()
        .filter(of_charge)
        .map(|transfer| {
            transfer["amount"].as_i64().unwrap_or_default()
                - transfer["amount_reversed"].as_i64().unwrap_or_default()
        })
        .sum();
    charge["amount_captured"].as_i64().unwrap_or_default() - transferred
}

pub fn reverse(state: &mut State, id: &str, params: &Params) -> Result<Value, Refusal> {
    params.only(&["amount", "description", "metadata", "refund_application_fee"])?;
    let mut transfer = state.get("transfer", id, "id")?;
    let whole = transfer["amount"].as_i64().unwrap_or_default();
    let before = transfer["amount_reversed"].as_i64().unwrap_or_default();
    let amount = params.cents("amount")?.unwrap_or(whole - before);
    let metadata = params.metadata()?;
    if before == whole {
        return Err(Refusal::invalid("", format!("The transfer {id} is already fully reversed.")));
    }
    if amount > whole - before {
        let message =
            format!("Reversal amount ({amount}) is greater than unreversed amount ({})", whole - before);
        return Err(Refusal::of_param("", "amount", message));
    }
    let account = transfer["destination"].as_str().unwrap_or_default().to_owned();
    if amount > state.balance(Some(&account)) {
        let message = "The connected account has insufficient funds to reverse this transfer.";
        return Err(Refusal::invalid("balance_insufficient", message));
    }
    let reversal_id = state.new_id("trr");
    let moved = books::move_cents(state, "transfer_refund", amount, 0, &reversal_id);
    state.add_to_balance(Some(&account), -amount);
    let reversal = json!({
        "id": reversal_id, "object": "transfer_reversal", "amount": amount, "balance_transaction": moved,
        "created": state.now(), "currency": "eur", "destination_payment_refund": null, "metadata": metadata,
        "source_refund": null, "transfer": id,
    });
    state.put(reversal.clone());
    transfer["amount_reversed"] = json!(before + amount);
    transfer["reversed"] = json!(before + amount == whole);
    if let Some(all) = transfer["reversals"]["data"].as_array_mut() {
        all.insert(0, reversal.clone());
    }
    state.put(transfer.clone());
    state.tell("transfer.reversed", &transfer, None, Some(json!({ "amount_reversed": before })));
    Ok(reversal)
}

/// All that an account has, to its owner's bank, which takes it or sends it back.
pub fn pay_out(state: &mut State, account: &str, arrives: bool) -> Result<Value, Refusal> {
    state.get("account", account, "account")?;
    let amount = state.balance(Some(account));
    if amount < 1 {
        return Err(Refusal::invalid("balance_insufficient", "There is nothing to pay out."));
    }
    let now = state.now();
    let mut payout = json!({
        "id": state.new_id("po"), "object": "payout", "amount": amount, "application_fee": null,
        "application_fee_amount": null, "arrival_date": now, "automatic": true, "balance_transaction": null,
        "created": now, "currency": "eur", "description": "STRIPE PAYOUT", "destination": null,
        "failure_balance_transaction": null, "failure_code": null, "failure_message": null, "livemode": false,
        "metadata": {}, "method": "standard", "original_payout": null, "reconciliation_status": "completed",
        "reversed_by": null, "source_type": "card", "statement_descriptor": null, "status": "paid",
        "type": "bank_account",
    });
    let kind = if arrives {
        state.add_to_balance(Some(account), -amount);
        "payout.paid"
    } else {
        payout["status"] = json!("failed");
        payout["failure_code"] = json!("account_closed");
        payout["failure_message"] = json!("The bank account has been closed");
        "payout.failed"
    };
    state.put(payout.clone());
    state.tell(kind, &payout, Some(account), None);
    Ok(payout)
}
