//! Signatures of contracts: a code by mail proves who signs, the text's hash what is signed. Whatever is asked, tried or signed is
//! an event of the contract.
//!
//! Everything here holds the contract's row, so that both sides, and all tries of one, come one after the other.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::contracts::{self, Contract, ContractEventKind, ContractStatus, NewEvent, Origin};
use crate::error::{Error, Result};
use crate::ids::{ContractId, SignatureCodeId, UserId};
use crate::sessions::Viewer;
use crate::standing::Side;

/// How long a code is good †.
pub const CODE_LIFETIME: Duration = Duration::minutes(15);
/// Wrong tries of one code †.
pub const MOST_TRIES: i16 = 3;
/// Codes that one signer is sent within an hour †: with three tries each, guessing stays hopeless.
const MOST_CODES: i64 = 5;

/// Expired codes are kept this long, so that who is late still reads why.
const KEPT: Duration = Duration::days(30);

/// A code was asked for. See `jobs::effects::contracts::code_requested`.
#[derive(Debug)]
#[must_use = "a code is to be sent"]
pub struct CodeRequested {
    pub code: SignatureCodeId,
    pub expires_at: OffsetDateTime,
}

/// The side that the viewer may sign for, now.
async fn signing_side(
    conn: &mut PgConnection,
    contract: &Contract,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Side> {
    let side = contract.between().side(conn, viewer).await?;
    if contract.has_signed(side) {
        return Err(Error::Conflict {
            code: "ALREADY_SIGNED",
            message: "Your side has signed this contract",
        });
    }
    if !contract.is_pending() {
        let message = "This contract can no longer be signed";
        return Err(Error::Conflict { code: "CONTRACT_NOT_PENDING", message });
    }
    if contract.sign_by <= now {
        let message = "The time to sign this contract is over";
        return Err(Error::Expired { code: "CONTRACT_EXPIRED", message });
    }
    Ok(side)
}

/// Asks for a code; an older one is good no longer.
pub async fn request_code(
    conn: &mut PgConnection,
    id: ContractId,
    viewer: Viewer,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<CodeRequested> {
    let contract = contracts::lock(&mut *conn, id).await?;
    let side = signing_side(&mut *conn, &contract, viewer, now).await?;
    let asked = sqlx::query_scalar!(
        r#"select count(*) as "asked!" from signature_codes where contract_id = $1 and signer_id = $2 and requested_at > $3"#,
        id.0,
        viewer.user.0,
        now - Duration::HOUR,
    );
    if asked.fetch_one(&mut *conn).await? >= MOST_CODES {
        let message = "Too many codes were asked for; try again in an hour";
        return Err(Error::Conflict { code: "TOO_MANY_CODES", message });
    }
    sqlx::query!(
        "update signature_codes set closed_at = $3 where contract_id = $1 and signer_id = $2 and closed_at is null",
        id.0,
        viewer.user.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let code = SignatureCodeId::new();
    let expires_at = now + CODE_LIFETIME;
    sqlx::query!(
        "insert into signature_codes (id, contract_id, signer_id, side, ip, user_agent, requested_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        code.0,
        id.0,
        viewer.user.0,
        side as Side,
        origin.ip,
        origin.user_agent,
        now,
        expires_at,
    )
    .execute(&mut *conn)
    .await?;
    let event = NewEvent {
        actor: Some(viewer.user),
        side: Some(side),
        origin: Some(origin),
        detail: Some(&contract.terms_sha256),
    };
    contracts::insert_event(conn, id, ContractEventKind::CodeRequested, event, now).await?;
    Ok(CodeRequested { code, expires_at })
}

/// A code, for the one mail that carries it.
#[derive(Debug)]
pub struct PlainCode {
    pub digits: String,
    pub signer: UserId,
    pub contract: ContractId,
    pub reference: String,
    pub expires_at: OffsetDateTime,
}

fn hash(salt: &[u8], digits: &str) -> Vec<u8> {
    Sha256::new().chain_update(salt).chain_update(digits.as_bytes()).finalize().to_vec()
}

/// Makes the code that was asked for, of which only a salted hash is kept; nothing when it was sent, replaced or is over. One that
/// is made again replaces itself.
pub async fn make_code(
    conn: &mut PgConnection,
    id: SignatureCodeId,
    now: OffsetDateTime,
) -> Result<Option<PlainCode>> {
    let digits = format!("{:06}", rand::random_range(0..1_000_000_u32));
    let salt = rand::random::<[u8; 16]>();
    let made = sqlx::query!(
        r#"update signature_codes s set salt = $2, hash = $3 from contracts c
            where s.id = $1 and c.id = s.contract_id and s.closed_at is null and s.sent_at is null and s.expires_at > $4
              and c.status in ('PENDING', 'PENDING_CLIENT', 'PENDING_TALENT')
           returning s.signer_id as "signer: UserId", s.contract_id as "contract: ContractId", c.reference, s.expires_at"#,
        id.0,
        &salt[..],
        hash(&salt, &digits),
        now,
    );
    Ok(made.fetch_optional(conn).await?.map(|row| PlainCode {
        digits,
        signer: row.signer,
        contract: row.contract,
        reference: row.reference,
        expires_at: row.expires_at,
    }))
}

/// The mail server has taken the code's mail.
pub async fn mark_sent(conn: &mut PgConnection, id: SignatureCodeId, now: OffsetDateTime) -> Result<()> {
    let sent = sqlx::query!(
        r#"update signature_codes set sent_at = $2 where id = $1 and sent_at is null
           returning contract_id as "contract: ContractId", signer_id as "signer: UserId", side as "side: Side""#,
        id.0,
        now,
    );
    if let Some(sent) = sent.fetch_optional(&mut *conn).await? {
        let event = NewEvent { actor: Some(sent.signer), side: Some(sent.side), ..NewEvent::default() };
        contracts::insert_event(conn, sent.contract, ContractEventKind::CodeSent, event, now).await?;
    }
    Ok(())
}

/// A side has signed. See `jobs::effects::contracts::signed` for what that sets off.
#[derive(Debug)]
#[must_use = "a signature has effects"]
pub struct Signed {
    /// As it is now: SIGNED when this was the second signature.
    pub contract: Contract,
    pub side: Side,
}

impl Signed {
    pub fn by_both(&self) -> bool {
        self.contract.status == ContractStatus::Signed
    }
}

/// What became of a try. Both are kept: a wrong try counts, so its transaction is committed too.
#[derive(Debug)]
#[must_use = "a try has effects"]
pub enum Confirmation {
    Signed(Box<Signed>),
    Wrong,
}

pub const WRONG_CODE: Error =
    Error::Unusable { code: "SIGNATURE_CODE_WRONG", message: "This is not the code" };
const CHANGED: Error = Error::Conflict {
    code: "CONTRACT_CHANGED",
    message: "What you have read is not the text of this contract; read it again",
};

/// Signs with the code that the viewer was sent, what the viewer has read: the text with this hash.
pub async fn confirm(
    conn: &mut PgConnection,
    id: ContractId,
    viewer: Viewer,
    digits: &str,
    terms_sha256: &str,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<Confirmation> {
    let contract = contracts::lock(&mut *conn, id).await?;
    let side = signing_side(&mut *conn, &contract, viewer, now).await?;
    // Also of the text as it rests here: a hash that only repeats its neighbour proves nothing.
    if contract.terms_sha256 != terms_sha256 || contracts::sha256(&contract.terms) != terms_sha256 {
        return Err(CHANGED);
    }
    let tried = count_try(&mut *conn, id, viewer.user, now).await?;
    let event = |detail| NewEvent {
        actor: Some(viewer.user),
        side: Some(side),
        origin: Some(origin),
        detail: Some(detail),
    };
    if hash(&tried.salt, digits) != tried.hash {
        let detail = format!("{}/{MOST_TRIES}", tried.tries);
        contracts::insert_event(conn, id, ContractEventKind::WrongCode, event(&detail), now).await?;
        return Ok(Confirmation::Wrong);
    }
    sqlx::query!("update signature_codes set closed_at = $2 where id = $1", tried.id.0, now)
        .execute(&mut *conn)
        .await?;
    let contract = contracts::sign(&mut *conn, id, side, terms_sha256, now).await?.ok_or(CHANGED)?;
    contracts::insert_event(conn, id, ContractEventKind::Signed, event(terms_sha256), now).await?;
    Ok(Confirmation::Signed(Box::new(Signed { contract, side })))
}

struct Tried {
    id: SignatureCodeId,
    salt: Vec<u8>,
    hash: Vec<u8>,
    tries: i16,
}

/// Counts a try before it is known what it is worth: many at once are not many guesses.
async fn count_try(
    conn: &mut PgConnection,
    id: ContractId,
    signer: UserId,
    now: OffsetDateTime,
) -> Result<Tried> {
    let tried = sqlx::query_as!(
        Tried,
        r#"update signature_codes set tries = tries + 1
            where contract_id = $1 and signer_id = $2 and closed_at is null and hash is not null and expires_at > $3 and tries < $4
           returning id as "id: _", salt as "salt!", hash as "hash!", tries"#,
        id.0,
        signer.0,
        now,
        MOST_TRIES,
    );
    if let Some(tried) = tried.fetch_optional(&mut *conn).await? {
        return Ok(tried);
    }
    let code = sqlx::query!(
        "select tries, expires_at from signature_codes where contract_id = $1 and signer_id = $2 and closed_at is null",
        id.0,
        signer.0,
    );
    Err(match code.fetch_optional(conn).await? {
        Some(code) if code.tries >= MOST_TRIES => Error::Conflict {
            code: "SIGNATURE_CODE_SPENT",
            message: "This code was tried three times; ask for another",
        },
        Some(code) if code.expires_at <= now => Error::Expired {
            code: "SIGNATURE_CODE_EXPIRED",
            message: "This code has expired; ask for another",
        },
        _ => Error::Conflict {
            code: "SIGNATURE_CODE_NOT_SENT",
            message: "Ask for a code first, and wait for its mail",
        },
    })
}

/// Deletes codes that expired long ago, at most `limit`; returns how many. What became of them is among the contract's events.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        "delete from signature_codes where id in
            (select id from signature_codes where expires_at < $1 order by expires_at limit $2 for update skip locked)",
        now - KEPT,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn the_same_code_has_another_hash_with_another_salt() {
        assert_ne!(hash(&[1; 16], "123456"), hash(&[2; 16], "123456"));
        assert_eq!(hash(&[1; 16], "123456"), hash(&[1; 16], "123456"));
    }
}
