//! Where the replicas of the API say who is in a conversation, for whoever has to know.

use std::time::Duration;

use redis::RedisResult;
use redis::aio::ConnectionManager;

use crate::Bus;
use crate::ids::{ConversationId, UserId};

/// Who is in a room is named every second, and that counts for this long: one beat may come late.
pub const PRESENT: Duration = Duration::from_millis(2_500);

/// A sorted set: users by when they were named last, in milliseconds of Redis's clock.
pub fn presence_key(bus: &Bus, room: ConversationId) -> String {
    bus.name(&format!("presence:{room}"))
}

/// Who is in these rooms, in two round trips for any number of them.
pub async fn present(
    redis: &mut ConnectionManager,
    bus: &Bus,
    rooms: &[ConversationId],
) -> RedisResult<Vec<(ConversationId, UserId)>> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(redis).await?;
    let since = seconds * 1_000 + micros / 1_000 - PRESENT.as_millis() as i64;
    let mut pipeline = redis::pipe();
    for room in rooms {
        pipeline.zrangebyscore(presence_key(bus, *room), since, "+inf");
    }
    let named: Vec<Vec<String>> = pipeline.query_async(redis).await?;
    let of_room = |(room, users): (&ConversationId, Vec<String>)| {
        let room = *room;
        users.into_iter().filter_map(move |user| Some((room, UserId(user.parse().ok()?))))
    };
    Ok(rooms.iter().zip(named).flat_map(of_room).collect())
}
