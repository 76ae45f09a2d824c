-- Services that talents sell, their bookings, and what the video server tells of the sessions.

create type service_type as enum ('WORKSHOP', 'COACHING_VIDEO');
create type booking_status as enum ('PENDING', 'CONFIRMED', 'PAID', 'IN_PROGRESS', 'COMPLETED', 'REJECTED', 'EXPIRED',
                                    'CANCELLED', 'REFUNDED', 'NO_SHOW', 'DISPUTED');
-- Who or what ended a booking that did not take place.
create type booking_end as enum ('CLIENT', 'TALENT', 'ADMIN', 'ACCOUNT', 'UNANSWERED', 'UNPAID', 'CLIENT_ABSENT',
                                 'TALENT_ABSENT', 'BOTH_ABSENT');
create type price_plan as enum ('STANDARD', 'BETA', 'ENTERPRISE');

-- What the platform asks for its part; a site's plan counts before its member's (domain::plans).
alter table users add column plan price_plan not null default 'STANDARD';
alter table establishments add column plan price_plan not null default 'STANDARD';

create table services (
    id           uuid primary key,
    talent_id    uuid not null references users on delete cascade,
    name         text not null,
    slug         text not null,
    description  text not null,
    type         service_type not null,
    -- [{name, priceCents, durationMinutes}], each name once.
    options      jsonb not null,
    -- Most people of one booking.
    participants smallint not null,
    is_active    boolean not null default true,
    created_at   timestamptz not null,
    constraint services_slug unique (talent_id, slug)
);
create index services_newest on services (created_at desc, id desc) where is_active;
create index services_talent on services (talent_id, created_at desc, id desc);

create table bookings (
    id               uuid primary key,
    service_id       uuid not null references services,
    client_id        uuid not null references users,
    talent_id        uuid not null references users,
    establishment_id uuid references establishments,
    -- Of the service, as it was when it was booked; what is changed there later changes nothing here.
    title            text not null,
    option_name      text not null,
    type             service_type not null,
    price_cents      bigint not null,
    commission_bps   integer not null,
    participants     smallint not null,
    message          text,
    starts_at        timestamptz not null,
    ends_at          timestamptz not null,
    period           tstzrange not null generated always as (tstzrange(starts_at, ends_at)) stored,
    status           booking_status not null default 'PENDING',
    created_at       timestamptz not null,
    -- Until when the talent may accept, and then the client pay.
    answer_by        timestamptz not null,
    pay_by           timestamptz,
    answered_at      timestamptz,
    paid_at          timestamptz,
    started_at       timestamptz,
    -- Completed, or known not to take place.
    ended_at         timestamptz,
    end_cause        booking_end,
    end_reason       text,
    -- Of the price of a paid booking that ended before its time: what stays due, and what goes back.
    due_cents        bigint,
    refund_cents     bigint,
    refunded_at      timestamptz,
    disputed_from    booking_status,
    room_finished_at timestamptz,
    constraint booking_amounts check (ends_at > starts_at and price_cents >= 0 and commission_bps between 0 and 10000
                                      and coalesce(due_cents + refund_cents <= price_cents, true)),
    -- Nobody is booked twice, whatever the code believes; against assignments see the triggers below.
    constraint bookings_no_double_booking
        exclude using gist (talent_id with =, period with &&) where (status in ('CONFIRMED', 'PAID', 'IN_PROGRESS'))
);
create index bookings_client on bookings (client_id, created_at desc, id desc);
create index bookings_of_talent on bookings (talent_id, created_at desc, id desc);
create index bookings_service on bookings (service_id);
create index bookings_talent_time on bookings (talent_id, ends_at, starts_at)
    where status in ('CONFIRMED', 'PAID', 'IN_PROGRESS', 'COMPLETED');

alter table conversations
    add constraint conversations_booking foreign key (booking_id) references bookings on delete cascade;

-- Whether a booking takes the talent's time. One talent's bookings are asked: a view over both kinds of work was read by its
-- periods instead, and made ranking five times as long.
create function is_booked(talent uuid, starts timestamptz, ends timestamptz) returns boolean
    language plpgsql stable parallel safe as $$
begin
    return exists (select from bookings b
                    where b.talent_id = talent and b.status in ('CONFIRMED', 'PAID', 'IN_PROGRESS')
                      and b.period && tstzrange(starts, ends));
end
$$;

-- As in 0010, over bookings too. `except_assignment` is the work that is asked about, of either kind.
create or replace function working_time_breach(talent uuid, starts timestamptz, ends timestamptz,
                                               except_assignment uuid default null)
    returns text language plpgsql stable parallel safe cost 500 as $$
declare
    -- Working time †: the figures of the Code du travail, here and nowhere else.
    daily_rest   constant interval := '11 hours'; -- L3131-1: eleven consecutive hours of rest a day
    daily_hours  constant interval := '12 hours'; -- L3121-18: ten hours a day; twelve by agreement (L3121-19), usual in care
    weekly_hours constant interval := '48 hours'; -- L3121-20: hours of one week
    first_day timestamp := date_trunc('day', starts at time zone 'Europe/Paris');
    last_day  timestamp := date_trunc('day', (ends - interval '1 microsecond') at time zone 'Europe/Paris');
    monday    timestamp := date_trunc('week', starts at time zone 'Europe/Paris');
    sunday    timestamp := date_trunc('week', (ends - interval '1 microsecond') at time zone 'Europe/Paris') + interval '7 days';
    earliest  timestamptz := least(starts - interval '1 day', monday at time zone 'Europe/Paris');
    latest    timestamptz := greatest(ends + interval '1 day', sunday at time zone 'Europe/Paris');
    work      tstzrange[];
    began     timestamptz := starts;
    ended     timestamptz := ends;
    shift     tstzrange;
    broken    text;
begin
    select array_agg(w.period order by lower(w.period)) into work
      from (select a.period from assignments a
             where a.talent_id = talent and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
               and upper(a.period) > earliest and lower(a.period) < latest and a.id is distinct from except_assignment
            union all
            select b.period from bookings b
             where b.talent_id = talent and b.status in ('CONFIRMED', 'PAID', 'IN_PROGRESS', 'COMPLETED')
               and b.ends_at > earliest and b.starts_at < latest and b.id is distinct from except_assignment) as w;
    if work is null and ends - starts <= daily_hours then
        return null;
    end if;

    -- Nothing further than a day away matters: a chain that reaches there is too long already.
    for shift in select unnest(work) loop
        if lower(shift) >= ended and lower(shift) - ended < daily_rest then
            ended := greatest(ended, upper(shift));
        elsif lower(shift) < ended and upper(shift) > began then
            began := least(began, lower(shift));
            ended := greatest(ended, upper(shift));
        end if;
    end loop;
    for shift in select * from unnest(work) as shifts (shift) order by upper(shifts.shift) desc loop
        if upper(shift) <= began and began - upper(shift) < daily_rest then
            began := lower(shift);
        end if;
    end loop;
    if ended - began > interval '24 hours' - daily_rest then
        return 'DAILY_REST';
    end if;

    work := work || tstzrange(starts, ends);
    select case when span = interval '1 day' then 'DAILY_HOURS' else 'WEEKLY_HOURS' end into broken
      from (select day as first, interval '1 day' as span from generate_series(first_day, last_day, interval '1 day') as days (day)
            union all
            select week, interval '7 days' from generate_series(monday, sunday - interval '7 days', interval '7 days') as weeks (week))
           as spans,
           lateral (select tstzrange(first at time zone 'Europe/Paris', (first + span) at time zone 'Europe/Paris') as inside) as bounds
     where (select sum(upper(s.shift * inside) - lower(s.shift * inside))
              from unnest(work) as s (shift) where s.shift && inside)
           > case when span = interval '1 day' then daily_hours else weekly_hours end
     order by span desc
     limit 1;
    return broken;
end
$$;

-- An exclusion constraint knows one table. Across two the lock on the talent stands in for it, the same that working time
-- is guarded by: of two who write at once the second waits here, and sees the first.
create function guard_assignment_from_bookings() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('working-time:' || new.talent_id, 0));
    if is_booked(new.talent_id, lower(new.period), upper(new.period)) then
        raise exception using errcode = '23P01', constraint = 'assignments_no_double_booking', table = 'assignments',
            message = 'the talent is booked at that time';
    end if;
    return null;
end
$$;
-- Their names come before those of working time, as they do: a double booking is named first.
create trigger assignments_free_of_bookings after insert on assignments
    for each row when (new.status in ('ASSIGNED', 'IN_PROGRESS'))
    execute function guard_assignment_from_bookings();
create trigger assignments_free_of_bookings_again after update of status, period, talent_id on assignments
    for each row when (new.status in ('ASSIGNED', 'IN_PROGRESS')
                       and (old.status not in ('ASSIGNED', 'IN_PROGRESS')
                            or old.period <> new.period or old.talent_id <> new.talent_id))
    execute function guard_assignment_from_bookings();

create function guard_booking() returns trigger language plpgsql as $$
declare
    broken text;
begin
    perform pg_advisory_xact_lock(hashtextextended('working-time:' || new.talent_id, 0));
    if exists (select from assignments a
                where a.talent_id = new.talent_id and a.status in ('ASSIGNED', 'IN_PROGRESS') and a.period && new.period) then
        raise exception using errcode = '23P01', constraint = 'bookings_no_double_booking', table = 'bookings',
            message = 'the talent has a mission at that time';
    end if;
    broken := working_time_breach(new.talent_id, new.starts_at, new.ends_at, new.id);
    if broken is not null then
        raise exception using errcode = '23514', constraint = 'bookings_working_time', table = 'bookings',
            message = 'working time of the talent: ' || broken, detail = broken;
    end if;
    return null;
end
$$;
create trigger bookings_guard after insert on bookings
    for each row when (new.status in ('CONFIRMED', 'PAID', 'IN_PROGRESS')) execute function guard_booking();
create trigger bookings_guard_again after update of status, starts_at, ends_at, talent_id on bookings
    for each row when (new.status in ('CONFIRMED', 'PAID', 'IN_PROGRESS')
                       and (old.status not in ('CONFIRMED', 'PAID', 'IN_PROGRESS')
                            or old.starts_at <> new.starts_at or old.ends_at <> new.ends_at
                            or old.talent_id <> new.talent_id))
    execute function guard_booking();

-- Who was there, by what the video server told: each of the two once, with the first and the last arrival and the last leaving.
create table attendances (
    booking_id     uuid not null references bookings on delete cascade,
    user_id        uuid not null references users,
    joined_at      timestamptz not null,
    last_joined_at timestamptz not null,
    left_at        timestamptz,
    primary key (booking_id, user_id)
);

-- Every webhook whose signature was right, once by its id.
create table video_events (
    id          text primary key,
    event       text not null,
    -- Absent when the room is none of ours.
    booking_id  uuid,
    participant text,
    occurred_at timestamptz not null,
    received_at timestamptz not null
);
create index video_events_received on video_events (received_at);
