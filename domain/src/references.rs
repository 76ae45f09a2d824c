//! Numbers of papers, dense within each series and year of Paris.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::paris;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    Quote,
    Contract,
}

impl Series {
    fn prefix(self) -> &'static str {
        match self {
            Self::Quote => "DEVIS",
            Self::Contract => "CTR",
        }
    }
}

/// Takes the next number, as `CTR-2026-0042`. Its row is held until the commit: call it late. Whoever rolls back gives it back.
pub async fn next(conn: &mut PgConnection, series: Series, now: OffsetDateTime) -> Result<String> {
    let year = paris::year(now);
    let number = sqlx::query_scalar!(
        "insert into reference_counters as c (series, year, last) values ($1, $2, 1)
         on conflict (series, year) do update set last = c.last + 1 returning last",
        series.prefix(),
        year,
    );
    Ok(written(series, year, number.fetch_one(conn).await?))
}

fn written(series: Series, year: i16, number: i32) -> String {
    format!("{}-{year}-{number:04}", series.prefix())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn numbers_begin_anew_on_1_january_in_paris() {
        assert_eq!(paris::year(datetime!(2026-12-31 22:59:59.999 UTC)), 2026);
        assert_eq!(paris::year(datetime!(2026-12-31 23:00 UTC)), 2027);
        assert_eq!(paris::year(datetime!(2027-06-01 12:00 UTC)), 2027);
    }

    #[test]
    fn numbers_have_four_digits_or_more() {
        assert_eq!(written(Series::Quote, 2026, 7), "DEVIS-2026-0007");
        assert_eq!(written(Series::Contract, 2026, 12_345), "CTR-2026-12345");
    }
}
