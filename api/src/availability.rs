//! When a talent can work.

use domain::availability::{self, Availability, Exception, WeeklySlot};
use jobs::effects;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use time::OffsetDateTime;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{ActiveTalent, AnyTalent, Auth};
use crate::wire::{self, TimeOfDay};

#[derive(Debug)]
pub struct AvailabilityApi;

/// Where the wall clock of weekly slots hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
enum Timezone {
    #[oai(rename = "Europe/Paris")]
    Paris,
}

/// A slot of every week, on the wall clock. One that ends at or before its start goes on into the next day.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct WeeklySlotView {
    /// 1 is Monday, 7 is Sunday.
    #[oai(validator(minimum(value = "1"), maximum(value = "7")))]
    weekday: i16,
    /// `HH:MM`.
    from: TimeOfDay,
    /// `HH:MM`.
    to: TimeOfDay,
}

/// A period that differs from the weekly slots. Where two meet, the one that is not available wins.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ExceptionView {
    from: OffsetDateTime,
    /// After `from`.
    to: OffsetDateTime,
    available: bool,
}

/// When a talent can work. Without weekly slots every time is free, unless an exception says no.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct AvailabilityView {
    timezone: Option<Timezone>,
    #[oai(default, validator(max_items = 50))]
    weekly: Vec<WeeklySlotView>,
    #[oai(default, validator(max_items = 200))]
    exceptions: Vec<ExceptionView>,
}

impl From<Availability> for AvailabilityView {
    fn from(availability: Availability) -> Self {
        let slot = |slot: WeeklySlot| WeeklySlotView {
            weekday: slot.weekday,
            from: time_of_day(slot.from),
            to: time_of_day(slot.to),
        };
        let exception = |e: Exception| ExceptionView { from: e.from, to: e.to, available: e.available };
        Self {
            timezone: Some(Timezone::Paris),
            weekly: availability.weekly.into_iter().map(slot).collect(),
            exceptions: availability.exceptions.into_iter().map(exception).collect(),
        }
    }
}

fn time_of_day(minutes: i16) -> TimeOfDay {
    TimeOfDay(format!("{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Minutes since midnight of a text as in a request.
fn minutes(text: &TimeOfDay) -> ApiResult<i16> {
    let parsed = text
        .0
        .split_once(':')
        .and_then(|(hours, minutes)| Some(hours.parse::<i16>().ok()? * 60 + minutes.parse::<i16>().ok()?));
    parsed.ok_or_else(|| ApiError::invalid("weekly", "from and to are HH:MM"))
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::People")]
impl AvailabilityApi {
    /// Read when one can work
    ///
    /// Weekly hours and dated exceptions, in Paris time; without any, a talent counts as available.
    #[oai(path = "/me/availability", method = "get", operation_id = "getMyAvailability")]
    async fn get_my_availability(
        &self,
        app: Data<&App>,
        caller: Auth<AnyTalent>,
    ) -> ApiResult<Json<AvailabilityView>> {
        Ok(Json(availability::get(&mut *app.db.conn().await?, caller.0.user).await?.into()))
    }

    /// Say when one can work
    ///
    /// Replaces all that was said before.
    #[oai(path = "/me/availability", method = "put", operation_id = "replaceMyAvailability")]
    async fn replace_my_availability(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        body: Json<AvailabilityView>,
    ) -> ApiResult<Json<AvailabilityView>> {
        let slot = |slot: &WeeklySlotView| -> ApiResult<_> {
            Ok(WeeklySlot { weekday: slot.weekday, from: minutes(&slot.from)?, to: minutes(&slot.to)? })
        };
        let exception = |e: &ExceptionView| Exception { from: e.from, to: e.to, available: e.available };
        let new = Availability {
            weekly: body.weekly.iter().map(slot).collect::<ApiResult<_>>()?,
            exceptions: body.exceptions.iter().map(exception).collect(),
        };
        let mut tx = app.db.begin().await?;
        let declared = availability::replace(&mut tx, caller.0.user, new).await?;
        effects::missions::talent_changed(&mut tx, caller.0.user, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(declared.into()))
    }
}
