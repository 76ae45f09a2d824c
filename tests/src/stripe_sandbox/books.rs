//! Balance transactions: what moved on the platform's balance.

use serde_json::{Value, json};

use super::state::State;

/// What a card of the European Economic Area costs: 1.5 % and 25 cents.
pub fn card_fee(cents: i64) -> i64 {
    (cents * 15 + 500) / 1000 + 25
}

/// Writes it down; its id. `amount` is negative where it leaves.
pub fn move_cents(state: &mut State, kind: &str, amount: i64, fee: i64, source: &str) -> String {
    let id = state.new_id("txn");
    let now = state.now();
    let fees = match fee {
        0 => json!([]),
        fee => json!([{
            "amount": fee, "application": null, "currency": "eur", "description": "Stripe processing fees",
            "type": "stripe_fee",
        }]),
    };
    let category = match kind {
        "payment" => "charge",
        "adjustment" if amount < 0 => "dispute",
        "adjustment" => "dispute_reversal",
        "transfer_refund" => "transfer_reversal",
        kind => kind,
    };
    state.put(json!({
        "id": id, "object": "balance_transaction", "amount": amount, "available_on": now, "created": now,
        "balance_type": "payments", "currency": "eur", "description": null, "exchange_rate": null, "fee": fee,
        "fee_details": fees, "net": amount - fee, "reporting_category": category, "source": source,
        "status": "available", "type": kind,
    }));
    state.add_to_balance(None, amount - fee);
    id
}

pub fn balance(state: &State, account: Option<&str>) -> Value {
    let amount = json!([{
        "amount": state.balance(account), "currency": "eur", "source_types": { "card": state.balance(account) },
    }]);
    let none = json!([{ "amount": 0, "currency": "eur", "source_types": { "card": 0 } }]);
    json!({ "object": "balance", "available": amount, "pending": none, "livemode": false })
}
