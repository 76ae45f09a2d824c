//! Where addresses are: what is asked of the address service, and its answers, kept for a while.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::geo::{self, Point};
use crate::specialties::normalise;

/// How long an answer is believed †.
pub const KEPT: Duration = Duration::days(90);
/// Below this score the service has guessed †.
pub const CONFIDENT: f64 = 0.5;

/// What the service accepts as a question, in characters.
const LONGEST: usize = 200;
const SHORTEST: usize = 3;
/// Of a street, so that the municipality behind it is never cut off.
const LONGEST_STREET: usize = 120;

/// An address as its owner wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub street: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
}

impl Address {
    /// The narrowest first. Nothing is asked without a municipality: every town has the same streets.
    pub fn questions(&self) -> Vec<Question> {
        let (postal_code, city) =
            (self.postal_code.as_deref().unwrap_or_default(), self.city.as_deref().unwrap_or_default());
        let street = self.street.as_deref().unwrap_or_default().trim();
        let Some(municipality) = question(&format!("{city} {postal_code}"), true) else { return Vec::new() };
        let whole = Some(street).filter(|street| !street.is_empty()).and_then(|street| {
            let street: String = street.chars().take(LONGEST_STREET).collect();
            question(&format!("{street}, {postal_code} {city}"), false)
        });
        whole.into_iter().chain([municipality]).collect()
    }

    /// The same for an address however it is written, and nothing that can be read.
    pub fn fingerprint(&self) -> String {
        let digest =
            self.questions().iter().fold(Sha256::new(), |all, question| all.chain_update(question.key()));
        digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One question to the address service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub text: String,
    /// Only municipalities are looked for.
    pub municipality: bool,
}

impl Question {
    fn key(&self) -> Vec<u8> {
        let scope: &[u8] = if self.municipality { b"municipality:" } else { b"address:" };
        Sha256::new().chain_update(scope).chain_update(normalise(&self.text)).finalize().to_vec()
    }
}

/// The service refuses a question that is too short or long, or does not begin with a letter or digit.
fn question(text: &str, municipality: bool) -> Option<Question> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches(|first: char| !first.is_alphanumeric());
    let text: String = text.chars().take(LONGEST).collect();
    (text.chars().count() >= SHORTEST).then_some(Question { text, municipality })
}

/// The best that the service found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub point: Point,
    /// 0 to 1.
    pub score: f64,
}

/// What the service answered not long ago; the inner nothing is an answer too.
pub async fn recall(
    conn: &mut PgConnection,
    question: &Question,
    now: OffsetDateTime,
) -> Result<Option<Option<Found>>> {
    let row = sqlx::query!(
        "select latitude, longitude, score from places where question = $1 and answered_at > $2",
        question.key(),
        now - KEPT,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let point = Point::from_pair(row.latitude, row.longitude)?;
        Some(Found { point, score: row.score? })
    }))
}

/// Keeps an answer, also one that nothing was found.
pub async fn remember(
    conn: &mut PgConnection,
    question: &Question,
    found: Option<Found>,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "insert into places (question, latitude, longitude, score, answered_at) values ($1, $2, $3, $4, $5)
         on conflict (question) do update set latitude = excluded.latitude, longitude = excluded.longitude,
             score = excluded.score, answered_at = excluded.answered_at",
        question.key(),
        found.map(|found| geo::rounded(found.point.latitude)),
        found.map(|found| geo::rounded(found.point.longitude)),
        found.map(|found| found.score),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes answers that are believed no more, at most `limit`; returns how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        "delete from places where question in
            (select question from places where answered_at <= $1 order by answered_at limit $2 for update skip locked)",
        now - KEPT,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(street: &str, postal_code: &str, city: &str) -> Vec<String> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let address = Address { street: some(street), postal_code: some(postal_code), city: some(city) };
        address.questions().into_iter().map(|question| question.text).collect()
    }

    #[test]
    fn the_whole_address_is_asked_for_before_its_municipality() {
        assert_eq!(questions("5 rue  X", "69001", "Lyon"), ["5 rue X, 69001 Lyon", "Lyon 69001"]);
        assert_eq!(questions("", "69001", "Lyon"), ["Lyon 69001"]);
        assert_eq!(questions(" ", "", "Lyon"), ["Lyon"]);
        assert_eq!(questions("5 rue X", "", ""), [""; 0]);
        assert_eq!(questions("« Les Lilas »", "69001", "Lyon")[0], "Les Lilas », 69001 Lyon");
        let long = questions(&"é".repeat(400), "69001", "Lyon");
        assert!(long[0].ends_with("69001 Lyon") && long[0].chars().count() <= LONGEST);
    }

    #[test]
    fn questions_are_one_however_they_are_written() {
        let key = |text: &str, municipality| Question { text: text.into(), municipality }.key();
        assert_eq!(key("5 Rue de l’Évêché", false), key("5 rue de  l’eveche", false));
        assert_ne!(key("Lyon", false), key("Lyon", true));
    }
}
