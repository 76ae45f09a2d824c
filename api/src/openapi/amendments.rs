//! What poem-openapi does and does not say, or cannot know.

use serde_json::{Map, Value, json};

pub fn make(document: &mut Value) {
    normalise(document);
    say_what_is_public(document);
    say_what_is_idempotent(document);
    say_what_comes_in_headers(document);
    close_request_bodies(document);
    bound_integers(document);
}

pub fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    paths.filter_map(Value::as_object).flat_map(|methods| methods.values())
}

pub fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    paths.filter_map(Value::as_object_mut).flat_map(|methods| methods.values_mut())
}

/// Generators choke on a media type with a parameter; the header that we send keeps its charset. And the bounds of whole
/// numbers are written as whole numbers, not as `100.0`.
fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "saturates; every bound here is below 2^53"
                )]
                let whole = whole as i64;
                *number = whole.into();
            }
        }
        Value::Object(map) => {
            if let Some(schema) = map.remove("application/json; charset=utf-8") {
                map.insert("application/json".into(), schema);
            }
            map.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

/// An operation without a guard says so, instead of saying nothing.
fn say_what_is_public(document: &mut Value) {
    for operation in operations_mut(document) {
        if operation.get("security").is_none() {
            operation["security"] = json!([]);
        }
    }
}

/// Every guarded POST outside `auth/` takes an `Idempotency-Key`; the edge reads this very table.
fn say_what_is_idempotent(document: &mut Value) {
    let replayed = json!({
        "description": "true when the answer is that of an earlier request with the same key",
        "required": false,
        "schema": { "type": "string", "enum": ["true"] },
    });
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let guarded = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
            let takes_key = method == "post" && guarded && !path.starts_with("/api/v1/auth/");
            let responses = operation["responses"].as_object_mut();
            if !takes_key {
                responses.map(|responses| responses.remove("422"));
                continue;
            }
            for (status, response) in responses.into_iter().flatten() {
                if !matches!(status.as_str(), "401" | "429" | "500" | "503") {
                    response["headers"]["Idempotent-Replayed"] = replayed.clone();
                }
            }
            let parameter = json!({
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and request within 24 hours get the first answer again, and have no second \
                                effect. Another request with the same key is refused (422).",
                "required": false,
                "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
                "example": "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7",
            });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.push(parameter),
                None => operation["parameters"] = json!([parameter]),
            }
        }
    }
}

/// Headers that the edge adds to answers.
fn say_what_comes_in_headers(document: &mut Value) {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string", "maxLength": 1000 } });
    let seconds = json!({
        "description": "Seconds to wait",
        "schema": { "type": "integer", "minimum": 1, "maximum": 3600 },
    });
    for operation in operations_mut(document) {
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            let headers = &mut response["headers"];
            // poem-openapi writes an operation's own in capitals, and cannot bound them.
            for (capitals, mut header) in std::mem::take(headers.as_object_mut().unwrap_or(&mut Map::new())) {
                header["schema"]["maxLength"] = json!(1000);
                headers[spelled(&capitals)] = header;
            }
            headers["X-Request-Id"] = text("Names the request in logs, jobs and mails");
            headers["RateLimit-Policy"] = text("Budgets of the operation, as in the IETF draft");
            headers["RateLimit"] = text("What is left of them");
            match status.as_str() {
                "401" => headers["WWW-Authenticate"] = text("Bearer"),
                "429" | "503" => headers["Retry-After"] = seconds.clone(),
                _ => {}
            }
        }
    }
}

/// `CONTENT-DISPOSITION` as its RFC spells it.
fn spelled(capitals: &str) -> String {
    if capitals == "ETAG" {
        return "ETag".to_owned();
    }
    let word =
        |word: &str| word.chars().take(1).chain(word.chars().skip(1).flat_map(char::to_lowercase)).collect();
    capitals.split('-').map(word).collect::<Vec<String>>().join("-")
}

/// Unknown fields are refused; poem-openapi does it and does not say it.
fn close_request_bodies(document: &mut Value) {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(name) =
                    map.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                {
                    found.push(name.to_owned());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut open = Vec::new();
    for operation in operations(document) {
        references(&operation["requestBody"], &mut open);
    }
    while let Some(name) = open.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if schema["type"] == "object" && schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = json!(false);
            references(&schema["properties"], &mut open);
        }
    }
}

/// Numbers that we count or keep ourselves; those that come in are bounded where they are parsed.
fn bound_integers(document: &mut Value) {
    const CLOSER: [(&str, i64, i64); 15] = [
        ("filled", 0, 20),
        ("slots", 1, 20),
        ("hourlyRateCents", 1, 100_000),
        ("points", -2_147_483_648, 2_147_483_647),
        ("priority", 0, 2),
        ("proposedRateCents", 1200, 10_000),
        ("radiusKm", 1, 200),
        ("rank", 1, 2_147_483_647),
        ("seq", 1, MOST_EXACT),
        ("rateBps", 0, 2_000),
        ("shareBps", 0, 10_000),
        ("vatBps", 0, 2_000),
        ("version", 1, 32_767),
        ("wave", 1, 32_767),
        ("attempt", 0, 32_767),
    ];
    /// Above, a JSON number is no longer exact in JavaScript.
    const MOST_EXACT: i64 = (1 << 53) - 1;
    for schema in
        document["components"]["schemas"].as_object_mut().into_iter().flat_map(|all| all.values_mut())
    {
        for (name, property) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if property["type"] != "integer" {
                continue;
            }
            let most = match property["format"].as_str() {
                Some("int16") => i64::from(i16::MAX),
                Some("int32") => i64::from(i32::MAX),
                _ => MOST_EXACT,
            };
            let closer = CLOSER.iter().find(|(known, ..)| known == name);
            let (least, most) = closer.map_or((0, most), |(_, least, most)| (*least, *most));
            for (bound, value) in [("minimum", least), ("maximum", most)] {
                if property.get(bound).is_none() {
                    property[bound] = value.into();
                }
            }
        }
    }
}
