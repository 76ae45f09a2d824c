//! The two tokens that we show: ES256 to push services, RS256 to Google. Nobody here reads one.

use base64::Engine;
use serde_json::{Value, json};

use crate::encryption::BASE64;

/// A compact JWS over claims; `sign` is the algorithm.
pub(crate) fn signed<E>(
    algorithm: &str,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let header = json!({ "typ": "JWT", "alg": algorithm });
    let part = |value: &Value| BASE64.encode(value.to_string());
    let said = format!("{}.{}", part(&header), part(claims));
    let signature = BASE64.encode(sign(said.as_bytes())?);
    Ok(format!("{said}.{signature}"))
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "others judge these claims, by the clock on the wall")]
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
