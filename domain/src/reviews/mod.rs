//! Reviews: what the two sides of finished work say of each other, one each, and the one answer to it.
//!
//! The averages that follow from them are kept by the database, in the transaction of each review (0030). Reading has a file of
//! its own.

mod reading;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::assignments::AssignmentStatus;
use crate::bookings::{self, BookingStatus};
use crate::error::{Error, Result, violates};
use crate::ids::{AssignmentId, BookingId, EstablishmentId, MissionId, ReviewId, UserId};
use crate::sessions::Viewer;
use crate::standing::{Between, Side};
use crate::{missions, profiles};

pub use reading::{Direction, list_mine, list_of_site, list_of_talent};

/// The work that a review is about.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    Assignment { mission: MissionId, assignment: AssignmentId },
    Booking(BookingId),
}

#[derive(Clone, Debug)]
pub struct Review {
    pub id: ReviewId,
    pub mission_id: Option<MissionId>,
    pub assignment_id: Option<AssignmentId>,
    pub booking_id: Option<BookingId>,
    pub client_id: UserId,
    pub establishment_id: Option<EstablishmentId>,
    pub talent_id: UserId,
    /// Of which side it is.
    pub side: Side,
    pub author_id: UserId,
    /// As the public may call that side: a site's name, or a first name and an initial.
    pub author: String,
    pub rating: i16,
    pub comment: Option<String>,
    pub created_at: OffsetDateTime,
    pub response: Option<String>,
    pub responded_at: Option<OffsetDateTime>,
}

impl Review {
    fn between(&self) -> Between {
        Between { client: self.client_id, site: self.establishment_id, talent: self.talent_id }
    }

    /// Who is told that it was written.
    pub fn reviewed(&self) -> UserId {
        match self.side {
            Side::Client => self.talent_id,
            Side::Talent => self.client_id,
        }
    }
}

/// Reviews as they are read, as `r`; the rest of the statement says which.
macro_rules! select_reviews {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            $crate::reviews::Review,
            r#"select r.id as "id: _", r.mission_id as "mission_id: _", r.assignment_id as "assignment_id: _",
                      r.booking_id as "booking_id: _", r.client_id as "client_id: _", r.establishment_id as "establishment_id: _",
                      r.talent_id as "talent_id: _", r.side as "side: _", r.author_id as "author_id: _",
                      case when r.side = 'CLIENT' and e.id is not null then e.name
                           else coalesce(nullif(trim(concat(p.first_name, ' ', left(p.last_name, 1) || '.')), ''), 'SocioPulse')
                      end as "author!",
                      r.rating, r.comment, r.created_at, r.response, r.responded_at
                 from reviews r
                 left join establishments e on e.id = r.establishment_id
                 left join profiles p on p.user_id = case r.side when 'TALENT' then r.talent_id else r.client_id end "# + $rest,
            $($argument),*
        )
    };
}

use select_reviews;

#[derive(Debug)]
pub struct NewReview {
    pub rating: i16,
    pub comment: Option<String>,
}

const NOT_COMPLETED: Error =
    Error::Conflict { code: "WORK_NOT_COMPLETED", message: "Work can be reviewed once it is completed" };
const ALREADY_REVIEWED: Error =
    Error::Conflict { code: "ALREADY_REVIEWED", message: "Your side has reviewed this work already" };
const OWN_WORK: Error =
    Error::Refused { code: "OWN_WORK", message: "Who stands on both sides of the work cannot review it" };

/// Reviews a talent's part in a mission: a talent its own, the client's side the one that is meant, or the only one. Completed it
/// stays, so nothing has to be locked.
pub async fn write_of_mission(
    conn: &mut PgConnection,
    mission: MissionId,
    of: Option<AssignmentId>,
    viewer: Viewer,
    new: &NewReview,
    now: OffsetDateTime,
) -> Result<Review> {
    let found = missions::get(&mut *conn, mission).await?;
    let places = sqlx::query!(
        r#"select id as "id: AssignmentId", talent_id as "talent_id: UserId", status as "status: AssignmentStatus"
             from assignments where mission_id = $1 and status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED') order by id"#,
        mission.0,
    );
    let places = places.fetch_all(&mut *conn).await?;
    let between = |talent| Between { client: found.client_id, site: found.establishment_id, talent };
    let own = places.iter().find(|place| place.talent_id == viewer.user);
    let place = match own {
        Some(own) => own,
        None => {
            // Asked before what there is to review, which is not a stranger's to know.
            between(UserId(uuid::Uuid::nil())).side(&mut *conn, viewer).await?;
            match (of, places.as_slice()) {
                (Some(of), places) => {
                    places.iter().find(|place| place.id == of).ok_or(Error::NotFound("assignment"))?
                }
                (None, [only]) => only,
                (None, []) => return Err(NOT_COMPLETED),
                (None, _) => {
                    let message = "several talents have this mission: say whose part is meant";
                    return Err(Error::Invalid { field: "assignmentId", message });
                }
            }
        }
    };
    let work = Work::Assignment { mission, assignment: place.id };
    let completed = place.status == AssignmentStatus::Completed;
    write(conn, work, between(place.talent_id), completed, viewer, new, now).await
}

/// Reviews a session, for one of its two sides.
pub async fn write_of_booking(
    conn: &mut PgConnection,
    id: BookingId,
    viewer: Viewer,
    new: &NewReview,
    now: OffsetDateTime,
) -> Result<Review> {
    let booking = bookings::get(&mut *conn, id).await?;
    let between =
        Between { client: booking.client_id, site: booking.establishment_id, talent: booking.talent_id };
    let completed = booking.status == BookingStatus::Completed;
    write(conn, Work::Booking(id), between, completed, viewer, new, now).await
}

async fn write(
    conn: &mut PgConnection,
    work: Work,
    between: Between,
    completed: bool,
    viewer: Viewer,
    new: &NewReview,
    now: OffsetDateTime,
) -> Result<Review> {
    let side = between.side(&mut *conn, viewer).await?;
    if side == Side::Talent && is_member(&mut *conn, between.site, viewer.user).await? {
        return Err(OWN_WORK);
    }
    if !completed {
        return Err(NOT_COMPLETED);
    }
    let (mission, assignment, booking) = match work {
        Work::Assignment { mission, assignment } => (Some(mission.0), Some(assignment.0), None),
        Work::Booking(booking) => (None, None, Some(booking.0)),
    };
    let id = ReviewId::new();
    sqlx::query!(
        "insert into reviews (id, mission_id, assignment_id, booking_id, client_id, establishment_id, talent_id, side, author_id,
                              rating, comment, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        id.0,
        mission,
        assignment,
        booking,
        between.client.0,
        between.site.map(|site| site.0),
        between.talent.0,
        side as Side,
        viewer.user.0,
        new.rating,
        new.comment,
        now,
    )
    .execute(&mut *conn)
    .await
    .map_err(|error| match violates(&error, "reviews_assignment") || violates(&error, "reviews_booking") {
        true => ALREADY_REVIEWED,
        false => Error::Database(error),
    })?;
    if side == Side::Client {
        profiles::refresh_search(&mut *conn, between.talent).await?;
    }
    get(conn, id).await
}

async fn is_member(conn: &mut PgConnection, site: Option<EstablishmentId>, user: UserId) -> Result<bool> {
    let member = sqlx::query_scalar!(
        r#"select exists (select from establishment_members where establishment_id = $1 and user_id = $2) as "is!""#,
        site.map(|site| site.0),
        user.0,
    );
    Ok(member.fetch_one(conn).await?)
}

/// Who has finished this work and has not said anything of it.
pub async fn list_silent(conn: &mut PgConnection, of: Work) -> Result<Vec<UserId>> {
    match of {
        Work::Assignment { assignment, .. } => silent(conn, None, Some(assignment), None).await,
        Work::Booking(booking) => silent(conn, None, None, Some(booking)).await,
    }
}

/// Who has not said anything of some work that is finished in a mission.
pub(crate) async fn list_silent_on(conn: &mut PgConnection, mission: MissionId) -> Result<Vec<UserId>> {
    silent(conn, Some(mission), None, None).await
}

async fn silent(
    conn: &mut PgConnection,
    mission: Option<MissionId>,
    assignment: Option<AssignmentId>,
    booking: Option<BookingId>,
) -> Result<Vec<UserId>> {
    let silent = sqlx::query_scalar!(
        r#"select case side when 'CLIENT' then client_id else talent_id end as "user!: UserId"
             from (select m.client_id, a.talent_id, a.id as assignment_id, null::uuid as booking_id
                     from assignments a join missions m on m.id = a.mission_id
                    where (a.mission_id = $1 or a.id = $2) and a.status = 'COMPLETED'
                   union all
                   select client_id, talent_id, null, id from bookings where id = $3 and status = 'COMPLETED') as done
             cross join unnest(enum_range(null::contract_side)) as sides (side)
            where not exists (select from reviews r
                               where (r.assignment_id = done.assignment_id or r.booking_id = done.booking_id)
                                 and r.side = sides.side)"#,
        mission.map(|id| id.0),
        assignment.map(|id| id.0),
        booking.map(|id| id.0),
    );
    Ok(silent.fetch_all(conn).await?)
}

pub async fn get(conn: &mut PgConnection, id: ReviewId) -> Result<Review> {
    let review = select_reviews!("where r.id = $1", id.0);
    review.fetch_optional(conn).await?.ok_or(Error::NotFound("review"))
}

/// The one answer of the side that was reviewed.
pub async fn answer(
    conn: &mut PgConnection,
    id: ReviewId,
    viewer: Viewer,
    response: &str,
    now: OffsetDateTime,
) -> Result<Review> {
    let review = get(&mut *conn, id).await?;
    if review.between().side(&mut *conn, viewer).await? == review.side {
        return Err(Error::Refused {
            code: "OWN_REVIEW",
            message: "A review is answered by the side that it is about",
        });
    }
    let answered = sqlx::query!(
        "update reviews set response = $2, responded_at = $3, responded_by = $4 where id = $1 and response is null",
        id.0,
        response,
        now,
        viewer.user.0,
    );
    if answered.execute(&mut *conn).await?.rows_affected() == 0 {
        return Err(Error::Conflict {
            code: "ALREADY_ANSWERED",
            message: "This review was answered already",
        });
    }
    get(conn, id).await
}
