//! The top-3 query alone.

use std::time::Instant;

use domain::geo::Point;
use domain::ids::{ConversationId, MissionId, UserId};
use domain::matching;
use domain::missions::{MatchingState, Mission, MissionStatus, UrgencyLevel};
use domain::{Clock, specialties};
use rand::RngExt;

use crate::report::{Table, percentile, percentiles, thousands};
use crate::servers::Place;
use crate::talents::{self, WORDS};
use crate::{Bench, Outcome};

const RADIUS_KM: i32 = 30;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let (crowd, runs) = (bench.size(bench.talents, 20_000), bench.size(200, 20));
    let filling = Instant::now();
    talents::fill(place, crowd).await?;
    let mut table = Table::new(
        "top 3",
        format!(
            "{} talents of 19 professions (made in {:.0} s), missions with three specialties within {RADIUS_KM} km, one connection, \
             {runs} runs each, including the round trip",
            thousands(crowd),
            filling.elapsed().as_secs_f64()
        ),
    );
    let paris = Point { latitude: 48.8566, longitude: 2.3522 };
    let country = Point { latitude: 44.5, longitude: 4.0 };
    for (label, around, target) in [("dense (Paris)", paris, 15.0), ("sparse (Ardèche)", country, 2.0)] {
        let db = place.db()?;
        let mut conn = db.conn().await?;
        let (mut times, mut boxed, mut found) = (vec![], 0, 0);
        let usage = bench.meter.start();
        for _ in 0..runs {
            let mission = mission(around);
            let began = Instant::now();
            found +=
                matching::rank(&mut conn, &mission, matching::Whom::Everybody, matching::TOP).await?.len();
            times.push(began.elapsed());
        }
        let usage = usage();
        times.sort_unstable();
        table.at_most(format!("top 3, {label}, p99"), percentile(&times, 99), target, "ms");
        for _ in 0..20 {
            boxed += in_box(place, &mission(around)).await? / 20;
        }
        let label = format!("{label}: about {} of the profession in the box", thousands(boxed));
        let cpu = format!("{}; {found} found", usage.per(runs as f64, "query"));
        table.row(label, percentiles(&mut times, &[50, 99]), cpu);
    }
    Ok(table)
}

/// A mission near this point, of any profession.
fn mission(around: Point) -> Mission {
    let mut rng = rand::rng();
    let now = Clock::default().now();
    let mut near = |degrees: f64| degrees + rng.random_range(-0.01..0.01);
    let (latitude, longitude) = (near(around.latitude), near(around.longitude));
    let wanted = (0..3).map(|_| WORDS[rng.random_range(0..WORDS.len())]);
    Mission {
        id: MissionId::new(),
        client_id: UserId::new(),
        establishment_id: None,
        conversation_id: ConversationId::new(),
        specialties: specialties::normalise_all(wanted),
        profession_id: rng.random_range(1..=19),
        job_id: String::new(),
        title: String::new(),
        description: None,
        hourly_rate_cents: 2500,
        urgency_level: UrgencyLevel::High,
        start_date: now + time::Duration::days(1),
        end_date: now + time::Duration::hours(32),
        is_night_shift: false,
        requires_diploma: true,
        requires_car: false,
        address: None,
        city: String::new(),
        postal_code: String::new(),
        latitude: Some(latitude),
        longitude: Some(longitude),
        radius_km: RADIUS_KM,
        slots: 1,
        filled: 0,
        status: MissionStatus::Open,
        matching: MatchingState::Pending,
        round: 1,
        wave: 0,
        matched_at: None,
        cancel_cause: None,
        cancel_reason: None,
        cancelled_at: None,
        cancellation_cents: None,
        created_at: now,
    }
}

async fn in_box(place: &Place, mission: &Mission) -> Outcome<usize> {
    let bounds = mission.point().ok_or("a mission without a place")?.bounds(f64::from(mission.radius_km));
    let count: i64 = sqlx::query_scalar(
        "select count(*) from talent_search
          where profession_id = $1 and latitude between $2 and $3 and longitude between $4 and $5",
    )
    .bind(mission.profession_id)
    .bind(bounds.south)
    .bind(bounds.north)
    .bind(bounds.west)
    .bind(bounds.east)
    .fetch_one(&place.pool)
    .await?;
    Ok(usize::try_from(count)?)
}
