-- Equality on a talent beside overlap on a period, in one exclusion constraint.
create extension if not exists btree_gist;

create type urgency_level as enum ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL');
create type mission_status as enum ('OPEN', 'ASSIGNED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED');
create type matching_state as enum ('PENDING', 'WAITING_FOR_LOCATION', 'MATCHED', 'NONE');
create type invitation_status as enum ('PENDING', 'ACCEPTED', 'DECLINED', 'EXPIRED');
create type assignment_status as enum ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'WITHDRAWN');

create table missions (
    id                uuid primary key,
    client_id         uuid not null references users,
    establishment_id  uuid references establishments,
    profession_id     smallint not null references professions,
    title             text not null,
    description       text,
    hourly_rate_cents integer not null check (hourly_rate_cents between 1200 and 10000),
    urgency_level     urgency_level not null default 'HIGH',
    start_date        timestamptz not null,
    end_date          timestamptz not null,
    is_night_shift    boolean not null,
    requires_diploma  boolean not null,
    requires_car      boolean not null,
    specialties       text[] not null,
    address           text,
    city              text not null,
    postal_code       text not null check (postal_code ~ '^\d{5}$'),
    latitude          float8 check (latitude between -90 and 90),
    longitude         float8 check (longitude between -180 and 180),
    radius_km         integer not null check (radius_km between 1 and 200),
    slots             smallint not null check (slots between 1 and 20),
    -- Slots taken by living assignments: the row that parallel accepts queue on.
    filled            smallint not null default 0,
    status            mission_status not null default 'OPEN',
    matching          matching_state not null,
    cancel_reason     text,
    created_at        timestamptz not null,
    constraint mission_ends_after_its_start check (end_date > start_date and end_date <= start_date + interval '12 hours'),
    constraint mission_slots check (filled between 0 and slots),
    constraint mission_coordinates_come_in_pairs check ((latitude is null) = (longitude is null)),
    constraint mission_open_while_slots_are_free check (status <> 'OPEN' or filled < slots)
);
create index missions_open on missions (created_at desc, id desc) where status = 'OPEN';
create index missions_client on missions (client_id, created_at desc, id desc);
create index missions_site on missions (establishment_id, created_at desc, id desc);

-- The stored answer of match-mission: the binding top 3, reproducible long after profiles have changed.
create table mission_matches (
    mission_id          uuid     not null references missions on delete cascade,
    rank                smallint not null check (rank between 1 and 3),
    talent_id           uuid     not null references users,
    distance_km         float8   not null,
    -- Tenths of a per cent: 667 reads 66.7.
    score               smallint not null check (score between 0 and 1000),
    matched_specialties text[]   not null,
    primary key (mission_id, rank),
    unique (mission_id, talent_id)
);

create table invitations (
    id          uuid primary key,
    mission_id  uuid not null references missions on delete cascade,
    talent_id   uuid not null references users,
    wave        smallint not null check (wave > 0),
    status      invitation_status not null default 'PENDING',
    created_at  timestamptz not null,
    answered_at timestamptz,
    constraint invitations_once unique (mission_id, talent_id)
);
create index invitations_talent on invitations (talent_id, created_at desc, id desc);

create table assignments (
    id         uuid primary key,
    mission_id uuid not null references missions,
    talent_id  uuid not null references users,
    period     tstzrange not null,
    status     assignment_status not null default 'ASSIGNED',
    created_at timestamptz not null,
    -- Nobody is double-booked, across all establishments, whatever the code believes.
    constraint assignments_no_double_booking
        exclude using gist (talent_id with =, period with &&) where (status in ('ASSIGNED', 'IN_PROGRESS'))
);
create unique index assignments_once on assignments (mission_id, talent_id) where status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED');

-- Great-circle distance on a sphere of radius 6,371 km. One expression, so the planner inlines it; not declared strict,
-- which would forbid that (least() is not). Without coordinates the answer is half the globe, beyond every radius.
create function haversine_km(lat1 float8, lon1 float8, lat2 float8, lon2 float8) returns float8
    language sql immutable parallel safe
    return 12742.0 * asin(sqrt(least(1.0,
        power(sin(radians(lat2 - lat1) / 2), 2)
        + cos(radians(lat1)) * cos(radians(lat2)) * power(sin(radians(lon2 - lon1) / 2), 2))));

-- Participants of a mission: its poster, the members of its establishment, and those who are (or were, to the end)
-- assigned. Invitees and applicants are not. Asked inside the statements that it guards, never before them.
-- In PL/pgSQL, whose statements keep their plan: a SQL function with EXISTS cannot be inlined and is planned at each call.
create function is_mission_participant(mission uuid, person uuid) returns boolean
    language plpgsql stable parallel safe as $$
begin
    return exists (
        select from missions m
         where m.id = mission
           and (m.client_id = person
                or exists (select from establishment_members e
                            where e.establishment_id = m.establishment_id and e.user_id = person)
                or exists (select from assignments a
                            where a.mission_id = m.id and a.talent_id = person
                              and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED'))));
end
$$;
