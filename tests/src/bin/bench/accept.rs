//! First come, first served.

use std::sync::Arc;
use std::time::Instant;

use domain::users::Role;
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::http::{Connection, request};
use crate::report::{Table, percentiles};
use crate::servers::Place;
use crate::{Bench, Outcome, matching, platform};

const RUNNERS: usize = 50;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let races = bench.size(20, 2);
    let mut table = Table::new(
        "accept race",
        format!(
            "{races} missions with one slot, {RUNNERS} invited talents accept each at once, each on a connection of its own"
        ),
    );
    let (api, base) = platform::api(place).await?;
    let db = place.db()?;
    let (_, client) = platform::person(&db, &base, "client", Role::Client).await?;
    let mut talents = Vec::new();
    for n in 0..RUNNERS {
        talents.push(platform::person(&db, &base, &format!("talent-{n}"), Role::Talent).await?);
    }
    let ids: Vec<_> = talents.iter().map(|(id, _)| id.0).collect();
    let (mut winners, mut refused, mut others, mut times) = (vec![], 0, 0, vec![]);
    for n in 0..races {
        let mut mission = matching::mission(n)?;
        // Days apart, so that a winner may win again.
        let start = domain::Clock::default().now() + time::Duration::days(n as i64 + 1);
        mission["startDate"] = start.format(&time::format_description::well_known::Rfc3339)?.into();
        let posted = client.post("/api/v1/matching/missions", mission).await.expect(201);
        let id: Uuid = posted["id"].as_str().ok_or("a mission without id")?.parse()?;
        let invited = invite(place, id, &ids).await?;

        let line = Arc::new(Barrier::new(RUNNERS));
        let mut runners = Vec::new();
        for (_, talent) in &talents {
            let own = invited.iter().find(|(_, invited)| invited.to_string() == talent.id);
            let path = format!("/api/v1/invitations/{}/accept", own.ok_or("not invited")?.0);
            let request = request(talent, "POST", &path, None);
            let mut connection = Connection::open(&base).await?;
            let line = line.clone();
            runners.push(tokio::spawn(async move {
                line.wait().await;
                let began = Instant::now();
                connection.exchange(&request).await.map(|status| (status, began.elapsed()))
            }));
        }
        let mut won = 0;
        for runner in runners {
            let (status, took) = runner.await??;
            times.push(took);
            match status {
                200 => won += 1,
                409 => refused += 1,
                _ => others += 1,
            }
        }
        winners.push(won);
    }
    api.end().await?;
    let (least, most) = (winners.iter().min().unwrap_or(&0), winners.iter().max().unwrap_or(&0));
    let each = if least == most { least.to_string() } else { format!("{least} to {most}") };
    table.row("winners of each race", each, format!("{refused} refused (409), {others} other answers"));
    table.row("answer to each", percentiles(&mut times, &[50, 99]), "");
    Ok(table)
}

/// Invites the talents, wherever they are.
async fn invite(place: &Place, mission: Uuid, talents: &[Uuid]) -> Outcome<Vec<(Uuid, Uuid)>> {
    let invited = sqlx::query_as(
        "insert into invitations (id, mission_id, talent_id, wave, created_at)
         select gen_random_uuid(), $1, talent_id, 1, now() from unnest($2) as new (talent_id) returning id, talent_id",
    );
    Ok(invited.bind(mission).bind(talents).fetch_all(&place.pool).await?)
}
