//! The link in a mail by which its reader says that they want no more of its kind.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{NotificationType, Preference};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::users;

const INVALID: Error = Error::Unusable { code: "TOKEN_INVALID", message: "This link is not valid" };

/// Hexadecimal digits of a link's proof.
const PROOF: usize = 32;

fn proof(key: Uuid, user: UserId, kind: NotificationType) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.chain_update(b"unsubscribe").chain_update(user.0.as_bytes()).chain_update(kind.code())
}

/// What the link of a mail carries, where its kind is one that its reader may do without. It holds for this kind and person only, and
/// for ever.
pub async fn find_token(
    conn: &mut PgConnection,
    user: UserId,
    kind: NotificationType,
) -> Result<Option<String>> {
    if kind.manner().must_mail() {
        return Ok(None);
    }
    let key = sqlx::query_scalar!("select mail_key from users where id = $1", user.0);
    let key = key.fetch_optional(conn).await?.ok_or(Error::NotFound("user"))?;
    let proof = proof(key, user, kind).finalize().into_bytes();
    let proof: String = proof.iter().take(PROOF / 2).map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(format!("{}.{}.{proof}", user.0.simple(), kind.code())))
}

/// The reader of a mail wants no more of its kind: the same as its switch among the preferences. Twice is harmless.
pub async fn unsubscribe(conn: &mut PgConnection, token: &str) -> Result<()> {
    let (user, kind, shown) = read(token).ok_or(INVALID)?;
    let key = sqlx::query_scalar!("select mail_key from users where id = $1", user.0);
    let key = key.fetch_optional(&mut *conn).await?.ok_or(INVALID)?;
    proof(key, user, kind).verify_truncated_left(&shown).map_err(|_| INVALID)?;
    // As whoever replaces them all does, who would else wait for our row and we for theirs.
    users::lock(&mut *conn, user).await?;
    let usual = Preference::usual(kind);
    sqlx::query!(
        "insert into notification_preferences (user_id, type, in_app, push, mail) values ($1, $2, $3, $4, false)
         on conflict (user_id, type) do update set mail = false",
        user.0,
        kind.code(),
        usual.in_app,
        usual.push,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn read(token: &str) -> Option<(UserId, NotificationType, [u8; PROOF / 2])> {
    let mut parts = token.split('.');
    let user = Uuid::try_parse(parts.next()?).ok()?;
    let kind = NotificationType::of(parts.next()?).filter(|kind| !kind.manner().must_mail())?;
    let digits = parts.next().filter(|digits| digits.len() == PROOF && parts.next().is_none())?;
    let proof = u128::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    Some((UserId(user), kind, proof.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_whole_or_not_at_all() {
        let user = Uuid::now_v7().simple();
        let good = format!("{user}.MESSAGE_RECEIVED.{}", "0f".repeat(16));
        assert!(
            read(&good)
                .is_some_and(|(_, kind, proof)| kind == NotificationType::MessageReceived && proof[0] == 0x0f)
        );
        for bad in [
            String::new(),
            good[1..].to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good}.x"),
            good.replace("MESSAGE_RECEIVED", "CONTRACT_TO_SIGN"),
            good.replace("0f0f0f0f", "+f0f0f0f"),
            good.replace("0f0f0f0f", "zz0f0f0f"),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }
}
