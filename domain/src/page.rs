//! Keyset pages, newest first: a cursor is the place of the last item, so a page never shifts when rows arrive.

use time::OffsetDateTime;
use uuid::Uuid;

/// Where a page ends: creation time, then id. Written `<microseconds, hex>-<id, hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: OffsetDateTime,
    pub id: Uuid,
}

impl Cursor {
    pub fn encode(self) -> String {
        let micros = (self.created_at.unix_timestamp_nanos() / 1000) as i64;
        format!("{micros:x}-{}", self.id.simple())
    }

    pub fn decode(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('-')?;
        let micros = i64::from_str_radix(micros, 16).ok()?;
        let created_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()?;
        Some(Self { created_at, id: Uuid::try_parse(id).ok().filter(|_| id.len() == 32)? })
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub after: Option<Cursor>,
    pub limit: i64,
}

impl Page {
    /// Statements ask for one row more than the limit; its presence is the promise of another page.
    pub fn rows(self) -> i64 {
        self.limit + 1
    }

    /// Cuts the extra row off and says where the next page starts.
    pub fn cut<T>(self, mut rows: Vec<T>, place: impl Fn(&T) -> Cursor) -> (Vec<T>, Option<Cursor>) {
        let more = rows.len() as i64 > self.limit;
        rows.truncate(self.limit as usize);
        let next = if more { rows.last().map(place) } else { None };
        (rows, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        let cursor = Cursor {
            created_at: time::macros::datetime!(2026-03-01 10:20:30.123456 UTC),
            id: Uuid::now_v7(),
        };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        for bad in [
            "",
            "-",
            "zz-00",
            "1-2",
            "ffffffffffffffffff-00000000000000000000000000000000",
            "7fffffffffffffff-00000000000000000000000000000000",
        ] {
            assert_eq!(Cursor::decode(bad), None, "{bad}");
        }
    }
}
