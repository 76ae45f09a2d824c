//! What a call was told, and how Stripe refuses it.

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

/// An answer that is an error, in Stripe's words.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<String>,
    pub message: String,
    pub param: Option<String>,
    /// Of card errors: the intent as it is now.
    pub intent: Option<Box<Value>>,
    pub decline_code: Option<&'static str>,
}

impl Refusal {
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: message.into(),
            param: None,
            intent: None,
            decline_code: None,
        }
    }

    pub fn of_param(code: &str, param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::invalid(code, message) }
    }

    pub fn missing(kind: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        Self { status: 404, ..Self::of_param("resource_missing", param, message) }
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = &self.code {
            error["code"] = json!(code);
            error["doc_url"] =
                json!(format!("https://docs.stripe.com/error-codes/{}", code.replace('_', "-")));
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        if let Some(decline) = self.decline_code {
            error["decline_code"] = json!(decline);
        }
        if let Some(intent) = &self.intent {
            error["charge"] = intent["latest_charge"].clone();
            error["payment_intent"] = *intent.clone();
        }
        json!({ "error": error })
    }
}

/// The parameters of one call, of which those that no call knows are refused.
#[derive(Clone, Debug)]
pub struct Params(pub Map<String, Value>);

impl Params {
    /// Refuses what is not in `known`. `expand` is read by nobody: nothing is expanded here.
    pub fn only(&self, known: &[&str]) -> Result<&Self, Refusal> {
        let unknown = self.0.keys().find(|key| *key != "expand" && !known.contains(&key.as_str()));
        match unknown {
            None => Ok(self),
            Some(key) => {
                Err(Refusal::of_param("parameter_unknown", key, format!("Received unknown parameter: {key}")))
            }
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| {
            Refusal::of_param("parameter_missing", name, format!("Missing required param: {name}."))
        })
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Refusal::of_param("parameter_invalid_integer", name, format!("Invalid integer: {text}"))
        })
    }

    /// A positive amount of cents.
    pub fn cents(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.integer(name)? {
            Some(cents) if cents < 1 => Err(Refusal::of_param(
                "parameter_invalid_integer",
                name,
                "This value must be greater than or equal to 1.",
            )),
            cents => Ok(cents),
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// Only euros are held here.
    pub fn euros(&self) -> Result<(), Refusal> {
        match self.required("currency")?.to_ascii_lowercase().as_str() {
            "eur" => Ok(()),
            other => Err(Refusal::of_param("", "currency", format!("Invalid currency: {other}"))),
        }
    }

    /// At most 50 pairs of 40 and 500 characters, as Stripe has it.
    pub fn metadata(&self) -> Result<Value, Refusal> {
        let Some(given) = self.0.get("metadata") else { return Ok(json!({})) };
        let invalid = |why: &str| Refusal::of_param("", "metadata", why.to_owned());
        let Some(pairs) = given.as_object() else {
            return match given.as_str() {
                Some("") => Ok(json!({})),
                _ => Err(invalid("Invalid object")),
            };
        };
        let fits = |(key, value): (&String, &Value)| {
            key.chars().count() <= 40 && value.as_str().is_some_and(|value| value.chars().count() <= 500)
        };
        match pairs.len() <= 50 && pairs.iter().all(fits) {
            true => Ok(given.clone()),
            false => Err(invalid("Metadata has at most 50 keys of 40 characters and values of 500.")),
        }
    }

    pub fn inner(&self, name: &str) -> Params {
        Params(self.0.get(name).and_then(Value::as_object).cloned().unwrap_or_default())
    }
}
