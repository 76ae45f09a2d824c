-- Growth: points and their log, referrals, tags, levels; and the proofs that talents show of themselves, of which one confirms a
-- referral.

create type point_action as enum (
    'PROFILE_PHOTO', 'TAGS_COMPLETED', 'FIRST_MISSION', 'MISSION_COMPLETED', 'REVIEW_GIVEN', 'SERVICE_PUBLISHED', 'REFERRAL',
    'ADJUSTMENT'
);

create table point_entries (
    id          uuid         primary key,
    user_id     uuid         not null references users,
    action      point_action not null,
    -- What earned them: an assignment, a review, a service, whoever was invited; for what is earned once, the user itself.
    reference   uuid         not null,
    points      integer      not null check (points <> 0),
    -- The entry that this one takes back.
    reverses_id uuid         references point_entries,
    -- Of an admin's adjustment: why, and by whom.
    reason      text,
    made_by     uuid         references users,
    created_at  timestamptz  not null,
    constraint point_awards_are_positive check (reverses_id is not null or action = 'ADJUSTMENT' or points > 0),
    constraint point_adjustments_are_explained check ((reason is not null) = (made_by is not null)
                                                      and (reason is not null) = (action = 'ADJUSTMENT' and reverses_id is null))
);
create unique index point_entries_once on point_entries (user_id, action, reference) where reverses_id is null;
create unique index point_entries_reversed_once on point_entries (reverses_id) where reverses_id is not null;
create index point_entries_user on point_entries (user_id, created_at desc, id desc);

create function guard_point_reversal() returns trigger language plpgsql as $$
begin
    if not exists (select from point_entries e
                    where e.id = new.reverses_id and e.reverses_id is null
                      and (e.user_id, e.action, e.reference, e.points) = (new.user_id, new.action, new.reference, -new.points)) then
        raise exception using errcode = '23514', table = 'point_entries', constraint = 'point_reversals_mirror',
            message = 'a reversal takes back what its entry gave';
    end if;
    return new;
end
$$;
create trigger point_reversals_mirror before insert on point_entries
    for each row when (new.reverses_id is not null) execute function guard_point_reversal();

-- A user's points are the sum of the log: written by the log's own trigger, and by nothing else.
create function keep_points() returns trigger language plpgsql as $$
begin
    update users set points = points + new.points where id = new.user_id;
    return null;
end
$$;
create trigger point_entries_are_summed after insert on point_entries for each row execute function keep_points();

create function guard_points() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '23514', table = 'users', constraint = 'points_are_the_sum_of_their_log',
        message = 'points come from their log';
end
$$;
create trigger users_points before update of points on users
    for each row when (new.points <> old.points and pg_trigger_depth() = 0) execute function guard_points();
create trigger users_begin_without_points before insert on users
    for each row when (new.points <> 0) execute function guard_points();
create trigger point_entries_append_only before update or delete or truncate on point_entries
    for each statement execute function guard_append_only('point_log_is_append_only');

alter table users
    -- Slugs of domain::growth::tags.
    add column tags           text[]  not null default '{}' check (cardinality(tags) <= 50),
    -- Whether the person wants to be seen there.
    add column on_leaderboard boolean not null default false;
create index users_leaderboard on users (points desc, id) where on_leaderboard;

create type referral_status as enum (
    'PENDING',
    'CONFIRMED',
    -- Confirmed when the referrer had as many as count.
    'CAPPED'
);

create table referrals (
    invitee_id  uuid            primary key references users,
    referrer_id uuid            not null references users,
    status      referral_status not null default 'PENDING',
    created_at  timestamptz     not null,
    decided_at  timestamptz,
    constraint referrals_of_others check (invitee_id <> referrer_id),
    constraint referral_is_decided_at_a_time check ((status = 'PENDING') = (decided_at is null))
);
create index referrals_referrer on referrals (referrer_id, created_at desc, invitee_id desc);

-- With the account, also where a process of the version before makes it.
create function note_referral() returns trigger language plpgsql as $$
begin
    insert into referrals (invitee_id, referrer_id, created_at) values (new.id, new.referred_by, new.created_at);
    return null;
end
$$;
create trigger users_are_referred after insert on users
    for each row when (new.referred_by is not null) execute function note_referral();
insert into referrals (invitee_id, referrer_id, created_at)
select id, referred_by, created_at from users where referred_by is not null;

create type talent_level as enum ('NOUVEAU', 'CONFIRME', 'SUPER');

-- Levels that a talent has ever reached: each is told once, also where a rating falls and rises again.
create table levels_reached (
    user_id    uuid         not null references users,
    level      talent_level not null,
    reached_at timestamptz  not null,
    primary key (user_id, level)
);

create type proof_type as enum (
    'DIPLOMA', 'ID_CARD', 'INSURANCE', 'CRIMINAL_RECORD', 'HONORABILITY_CERTIFICATE', 'DRIVER_LICENSE', 'RPPS_PROOF', 'VACCINATION',
    'COMPANY_REGISTRATION', 'URSSAF_VIGILANCE', 'CERTIFICATE'
);
create type proof_status as enum ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED');

-- What people show of themselves, and what an admin found. (`documents` are those that the platform makes.)
create table proofs (
    id         uuid         primary key,
    user_id    uuid         not null references users,
    type       proof_type   not null,
    status     proof_status not null default 'PENDING',
    comment    text,
    created_at timestamptz  not null,
    decided_at timestamptz,
    decided_by uuid         references users,
    constraint proof_is_decided_by_somebody check ((status = 'PENDING') = (decided_at is null)
                                                   and (decided_at is null) = (decided_by is null)),
    constraint proof_is_rejected_for_a_reason check (status <> 'REJECTED' or comment is not null)
);
create index proofs_user on proofs (user_id, type, created_at desc, id desc);
create index proofs_newest on proofs (created_at desc, id desc);
