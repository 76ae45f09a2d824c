//! What was told before: the same key and parameters get the first answer again.

use serde_json::{Value, json};

use super::params::Refusal;
use super::state::State;
use super::v1::Call;

/// One thing that was told, with its answer and how often it came.
pub const KIND: &str = "sandbox.call";
/// Stripe may forget a key after a day, so nobody may rely on more.
const KEPT_SECONDS: i64 = 86_400;

pub enum Begin {
    Run,
    Replay(u16, Value),
    Refuse(Refusal),
}

/// Takes the key. Whoever runs has to [`end`] it.
pub fn begin(state: &mut State, call: &Call) -> Begin {
    let Some(key) = &call.key else { return Begin::Run };
    if key.len() > 255 {
        let message = "Idempotency keys can be at most 255 characters.";
        return Begin::Refuse(Refusal::invalid("", message));
    }
    let known = state.find(&id(key)).filter(|known| !is_old(known, state.now())).cloned();
    let Some(mut known) = known else {
        if !state.under_way.insert(key.clone()) {
            return Begin::Refuse(in_use(key));
        }
        return Begin::Run;
    };
    let same = known["method"] == call.method.as_str()
        && known["path"] == call.path
        && known["params"] == call.told();
    let counted = if same { "count" } else { "mismatches" };
    known[counted] = json!(known[counted].as_i64().unwrap_or_default() + 1);
    state.put(known.clone());
    if !same {
        return Begin::Refuse(other_parameters(key));
    }
    Begin::Replay(known["status"].as_u64().unwrap_or(500) as u16, known["answer"].clone())
}

/// Gives the key back with its answer, or without one where Stripe would not keep it.
pub fn end(state: &mut State, call: &Call, answer: Option<(u16, &Value)>) {
    if let Some(key) = &call.key {
        state.under_way.remove(key);
    }
    let Some((status, answer)) = answer else { return };
    let id = match &call.key {
        Some(key) => id(key),
        None => state.new_id("call"),
    };
    let record = json!({
        "object": KIND, "id": id, "key": call.key, "method": call.method.as_str(), "path": call.path,
        "params": call.told(), "status": status, "answer": answer, "count": 1, "mismatches": 0,
        "created": state.now(),
    });
    state.put(record);
}

fn id(key: &str) -> String {
    format!("call:{key}")
}

fn is_old(known: &Value, now: i64) -> bool {
    now - known["created"].as_i64().unwrap_or_default() > KEPT_SECONDS
}

fn in_use(key: &str) -> Refusal {
    let message = format!(
        "There is currently another in-progress request using this Idempotent Key (that probably means you \
         submitted twice, and the other request is still going through): {key}. Please try again later."
    );
    Refusal { status: 409, kind: "idempotency_error", ..Refusal::invalid("idempotency_key_in_use", message) }
}

fn other_parameters(key: &str) -> Refusal {
    let message = format!(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
         using a key other than '{key}' if you meant to execute a different request."
    );
    Refusal { kind: "idempotency_error", ..Refusal::invalid("", message) }
}
