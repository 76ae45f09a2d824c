//! What a message costs, and how soon it is there.

use std::time::Duration;

use domain::ids::UserId;
use domain::users::Role;

use crate::report::{Table, percentile, percentiles, rate, thousands};
use crate::rooms::{Room, speak};
use crate::servers::Place;
use crate::{Bench, Outcome, platform};

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let seconds = bench.size(5, 1);
    let mut table = Table::new(
        "chat",
        format!(
            "sockets of two participants, joined; members speak in turn, the next when all have the last; full speed, then paced, \
             {seconds} s each; latency from the sender's write to each socket's parsed frame"
        ),
    );
    let (api, base) = platform::api(place).await?;
    let db = place.db()?;
    let (owner, client) = platform::person(&db, &base, "client", Role::Client).await?;
    let (colleague, other) = platform::person(&db, &base, "colleague", Role::Client).await?;
    join_site(place, owner, colleague).await?;
    let long = Duration::from_secs(seconds as u64);
    for (rooms, size, per_second, target) in
        [(1, bench.size(200, 50), 20.0, 5.0), (bench.size(100, 20), 2, 2.0, 90.0)]
    {
        let mut room = Vec::new();
        for _ in 0..rooms {
            room.push(Room::open(&client, &other, size).await?);
        }
        let name = format!("{rooms} × {size}");
        (room, _) = speak(room, Duration::from_millis(500), None).await?;
        let usage = bench.meter.start();
        let (room, mut times) = speak(room, long, None).await?;
        let usage = usage();
        let value = format!(
            "{}  {}",
            rate(times.len(), usage.took, "deliveries"),
            percentiles(&mut times, &[50, 99])
        );
        let thousand = times.len() as f64 / 1000.0;
        table.at_most(format!("chat {name}, CPU per 1,000 deliveries"), usage.ms(thousand), target, "ms");
        table.row(format!("{name}, full speed"), value, usage.per(times.len() as f64 / 1000.0, "1,000"));

        let usage = bench.meter.start();
        let (_, mut times) = speak(room, long, Some(Duration::from_secs_f64(1.0 / per_second))).await?;
        let usage = usage();
        let value = format!(
            "{}  {}",
            rate(times.len(), usage.took, "deliveries"),
            percentiles(&mut times, &[50, 99])
        );
        table.at_most(format!("chat {name}, paced, p50"), percentile(&times, 50), 2.0, "ms");
        table.at_most(format!("chat {name}, paced, p99"), percentile(&times, 99), 10.0, "ms");
        let messages = thousands((f64::from(rooms as u32) * per_second) as usize);
        table.row(
            format!("{name}, {messages} messages/s"),
            value,
            usage.per(times.len() as f64 / 1000.0, "1,000"),
        );
    }
    api.end().await?;
    Ok(table)
}

/// Makes the colleague a member of the owner's establishment, and so a participant of its missions.
async fn join_site(place: &Place, owner: UserId, colleague: UserId) -> Outcome {
    sqlx::query(
        "insert into establishment_members (establishment_id, user_id, role, joined_at)
         select establishment_id, $2, 'MANAGER', joined_at from establishment_members where user_id = $1",
    )
    .bind(owner.0)
    .bind(colleague.0)
    .execute(&place.pool)
    .await?;
    Ok(())
}
