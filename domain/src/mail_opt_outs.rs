//! Mails that one may do without, and the link in each by which its reader says so.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::notifications::NotificationType;

/// A kind of mail that its reader may do without, as it is stored and stands in links. What an account, a contract or money needs is
/// none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionalMail {
    /// In the words of this notification, or to the same end.
    Notice(NotificationType),
    /// The digest of a conversation.
    UnreadMessages,
    /// To join an establishment.
    SiteInvitation,
}

/// Of the notifications, those whose mail is a convenience.
const OPTIONAL: [NotificationType; 10] = [
    NotificationType::MissionInvitation,
    NotificationType::ApplicationReceived,
    NotificationType::ApplicationRejected,
    NotificationType::MissionChanged,
    NotificationType::MissionUnfilled,
    NotificationType::MissionDeadline,
    NotificationType::BookingTomorrow,
    NotificationType::BookingInAnHour,
    NotificationType::BookingSoon,
    NotificationType::BookingCompleted,
];

impl OptionalMail {
    /// Of a notification, if its mail is one.
    pub fn notice(kind: NotificationType) -> Option<Self> {
        OPTIONAL.contains(&kind).then_some(Self::Notice(kind))
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Notice(kind) => kind.code(),
            Self::UnreadMessages => "UNREAD_MESSAGES",
            Self::SiteInvitation => "SITE_INVITATION",
        }
    }

    fn read(code: &str) -> Option<Self> {
        let notices = OPTIONAL.into_iter().map(Self::Notice);
        notices.chain([Self::UnreadMessages, Self::SiteInvitation]).find(|kind| kind.code() == code)
    }
}

const INVALID: Error = Error::Unusable { code: "TOKEN_INVALID", message: "This link is not valid" };

/// Hexadecimal digits of a link's proof.
const PROOF: usize = 32;

fn proof(key: Uuid, user: UserId, kind: OptionalMail) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.chain_update(b"unsubscribe").chain_update(user.0.as_bytes()).chain_update(kind.code())
}

/// How somebody is asked whether they want a kind of mail.
#[derive(Debug)]
pub enum Wish {
    /// Not any more.
    Declined,
    /// Until the link with this token says otherwise. It holds for this kind and person only, and for ever.
    Wanted { token: String },
}

/// Whether somebody wants this kind of mail.
pub async fn ask(conn: &mut PgConnection, user: UserId, kind: OptionalMail) -> Result<Wish> {
    let asked = sqlx::query!(
        r#"select mail_key, exists (select from mail_opt_outs where user_id = $1 and kind = $2) as "declined!"
             from users where id = $1"#,
        user.0,
        kind.code(),
    );
    let asked = asked.fetch_optional(conn).await?.ok_or(Error::NotFound("user"))?;
    if asked.declined {
        return Ok(Wish::Declined);
    }
    let proof = proof(asked.mail_key, user, kind).finalize().into_bytes();
    let proof: String = proof.iter().take(PROOF / 2).map(|byte| format!("{byte:02x}")).collect();
    Ok(Wish::Wanted { token: format!("{}.{}.{proof}", user.0.simple(), kind.code()) })
}

/// The reader of a mail wants no more of its kind; twice is harmless.
pub async fn decline(conn: &mut PgConnection, token: &str, now: OffsetDateTime) -> Result<()> {
    let (user, kind, shown) = read(token).ok_or(INVALID)?;
    let key = sqlx::query_scalar!("select mail_key from users where id = $1", user.0);
    let key = key.fetch_optional(&mut *conn).await?.ok_or(INVALID)?;
    proof(key, user, kind).verify_truncated_left(&shown).map_err(|_| INVALID)?;
    sqlx::query!(
        "insert into mail_opt_outs (user_id, kind, since) values ($1, $2, $3) on conflict do nothing",
        user.0,
        kind.code(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn read(token: &str) -> Option<(UserId, OptionalMail, [u8; PROOF / 2])> {
    let mut parts = token.split('.');
    let user = Uuid::try_parse(parts.next()?).ok()?;
    let kind = OptionalMail::read(parts.next()?)?;
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
        let good = format!("{user}.UNREAD_MESSAGES.{}", "0f".repeat(16));
        assert!(
            read(&good)
                .is_some_and(|(_, kind, proof)| kind == OptionalMail::UnreadMessages && proof[0] == 0x0f)
        );
        for bad in [
            String::new(),
            good[1..].to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good}.x"),
            good.replace("UNREAD_MESSAGES", "CONTRACT_SIGNED"),
            good.replace("0f0f0f0f", "+f0f0f0f"),
            good.replace("0f0f0f0f", "zz0f0f0f"),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn every_kind_has_a_code_of_its_own_that_leads_back() {
        let kinds = OPTIONAL.into_iter().map(OptionalMail::Notice);
        for kind in kinds.chain([OptionalMail::UnreadMessages, OptionalMail::SiteInvitation]) {
            assert_eq!(OptionalMail::read(kind.code()), Some(kind));
        }
        assert_eq!(OptionalMail::notice(NotificationType::ContractToSign), None);
    }
}
