//! The working-time guard: daily rest, hours of a day, hours of a week, over all establishments. Figures and rule live in
//! `working_time_breach`; triggers on `assignments` and `bookings` enforce them, whatever the code believes.

use crate::error::Error;

/// What the trigger raises, as an assignment without an override would break a rule.
pub const CONSTRAINT: &str = "assignments_working_time";

pub const BREACH: Error = Error::Conflict {
    code: "WORKING_TIME",
    message: "This would break the legal limits of working time: daily rest, hours of a day or hours of a week",
};
