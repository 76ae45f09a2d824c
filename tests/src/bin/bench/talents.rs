//! Talents by the hundred thousand, made in SQL: professions in equal shares, a fifth of each around Paris, the others over
//! France; 90 % compliant, two to five specialties.

use domain::specialties;

use crate::Outcome;
use crate::servers::Place;

/// Of the known vocabulary.
pub const WORDS: [&str; 12] = [
    "addictologie",
    "alzheimer",
    "autisme",
    "fin de vie",
    "geriatrie",
    "handicap moteur",
    "nutrition",
    "parentalite",
    "pediatrie",
    "psychiatrie",
    "soins palliatifs",
    "soins techniques",
];

/// Distinct sets of specialties.
const KITS: &str = "
    create table bench_kits as
    select kit, array_agg(word order by word) as words, bit_or(bit) as bits
      from (select kit, word, bit, row_number() over (partition by kit order by random()) as place
              from generate_series(0, 499) as kit, unnest($1::text[], $2::bigint[]) as known (word, bit)) as dealt
     where place <= 2 + kit % 4 group by kit";

const PEOPLE: &str = "
    create table bench_talents as
    select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id, n, (n % 19 + 1)::smallint as profession,
           case when n / 19 % 5 = 0 then 48.8566 + (random() - 0.5) * 0.54 else 43 + random() * 7 end as latitude,
           case when n / 19 % 5 = 0 then 2.3522 + (random() - 0.5) * 0.81 else -1 + random() * 8 end as longitude,
           (random() * 499)::int as kit, (250 + random() * 250)::smallint as rating, (random() * 80)::int as missions,
           random() < 0.9 as compliant, random() < 0.5 as night, random() < 0.6 as car
      from generate_series(1, $1) as n";

const ROWS: [&str; 3] = [
    "insert into users (id, email, password_hash, role, status, referral_code, created_at)
     select id, 'talent-' || n || '@bench.example', 'none', 'TALENT', 'VERIFIED', 'T' || n, now() from bench_talents",
    "insert into profiles (user_id, first_name, last_name, profession_id, specialties, city, latitude, longitude,
                           has_driver_license, can_do_night_shift, compliance_status, total_missions, average_rating)
     select id, 'Zoé', 'Martin', profession, words, 'Paris', latitude, longitude, car, night,
            case when compliant then 'VALIDATED' else 'PENDING' end::compliance_status, missions, rating
       from bench_talents join bench_kits using (kit)",
    "insert into talent_search (talent_id, profession_id, latitude, longitude, specialties, average_rating, total_missions,
                                compliant, can_do_night_shift, has_driver_license, marketplace_visible)
     select id, profession, latitude, longitude, bits, rating, missions, compliant, night, car, true
       from bench_talents join bench_kits using (kit)",
];

pub async fn fill(place: &Place, count: usize) -> Outcome {
    let words = WORDS.map(str::to_owned);
    let bits: Vec<i64> = words.iter().map(|word| specialties::encode(std::slice::from_ref(word)).0).collect();
    let mut conn = place.pool.acquire().await?;
    sqlx::query("select setseed(0.5)").execute(&mut *conn).await?;
    sqlx::query(KITS).bind(&words[..]).bind(bits).execute(&mut *conn).await?;
    sqlx::query(PEOPLE).bind(i64::try_from(count)?).execute(&mut *conn).await?;
    for statement in ROWS {
        sqlx::query(statement).execute(&mut *conn).await?;
    }
    sqlx::query("drop table bench_talents, bench_kits").execute(&mut *conn).await?;
    drop(conn);
    place.vacuum().await
}
