-- Who may be matched: availability, working time, the "never again" list, and the record of automatic decisions.
--
-- The questions that ranking asks of one talent at a time are PL/pgSQL, whose statements keep their plans.

-- What a talent has declared, and beside it the same as ranges: a question is one row and a few range operators.
create table availability (
    talent_id  uuid  primary key references users on delete cascade,
    weekly     jsonb not null,
    exceptions jsonb not null,
    -- Minutes of the week on the wall clock in Paris, Monday 00:00 is 0, laid over the week before and the week after so
    -- that nothing has to wrap. Empty: every week is free.
    week       int4multirange not null,
    -- Exceptions; where they meet, closed wins.
    closed     tstzmultirange not null,
    opened     tstzmultirange not null
);

-- The minutes of the week that the wall clock in Paris shows between two instants at most a day apart.
--
-- The European Union changes its clocks at 01:00 UTC (directive 2000/84/EC), so the last 01:00 UTC before the end is the
-- only place where the wall clock can jump: what lies before and after is read on its own. In spring nobody is asked for
-- the hour that does not exist, in autumn the hour that exists twice is one hour of the wall clock.
create function paris_minutes(starts timestamptz, ends timestamptz) returns int4multirange
    language plpgsql immutable parallel safe as $$
declare
    monday  timestamp := date_trunc('week', starts at time zone 'Europe/Paris');
    last    timestamptz := ends - interval '1 microsecond';
    jump    timestamptz := date_trunc('day', last - interval '1 hour', 'UTC') + interval '1 hour';
    minutes int4multirange := '{}';
begin
    if jump > starts then
        minutes := int4multirange(int4range(
            floor(extract(epoch from (starts at time zone 'Europe/Paris') - monday) / 60)::int4,
            floor(extract(epoch from ((jump - interval '1 microsecond') at time zone 'Europe/Paris') - monday) / 60)::int4 + 1));
    end if;
    return minutes + int4multirange(int4range(
        floor(extract(epoch from (greatest(jump, starts) at time zone 'Europe/Paris') - monday) / 60)::int4,
        floor(extract(epoch from (last at time zone 'Europe/Paris') - monday) / 60)::int4 + 1));
end
$$;

-- A talent without weekly slots is available unless an exception says no.
create function is_available(talent uuid, starts timestamptz, ends timestamptz) returns boolean
    language plpgsql stable parallel safe as $$
declare
    declared record;
    part     tstzrange;
begin
    select a.week, a.closed, a.opened into declared from availability a where a.talent_id = talent;
    if not found then
        return true;
    end if;
    if declared.closed && tstzrange(starts, ends) then
        return false;
    end if;
    if isempty(declared.week) then
        return true;
    end if;
    for part in select unnest(tstzmultirange(tstzrange(starts, ends)) - declared.opened) loop
        if not declared.week @> paris_minutes(lower(part), upper(part)) then
            return false;
        end if;
    end loop;
    return true;
end
$$;

create index assignments_talent_time on assignments (talent_id, upper(period), lower(period))
    where status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED');

-- The rule that work at this time would break, over all establishments; null when there is none.
--
-- Days and weeks (Monday to Sunday) are those of Paris, and a shift over midnight counts on each day, and in each week,
-- with the hours that lie in it. Hours are elapsed time, also where the clocks change. Shifts less than the daily rest
-- apart are one working day, whose ends may lie 24 h less the rest apart: a morning and an afternoon with a lunch
-- between are allowed, a second shift eight hours after the first is not.
create function working_time_breach(talent uuid, starts timestamptz, ends timestamptz, except_assignment uuid default null)
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
    work      tstzrange[];
    began     timestamptz := starts;
    ended     timestamptz := ends;
    shift     tstzrange;
    broken    text;
begin
    select array_agg(a.period order by lower(a.period)) into work
      from assignments a
     where a.talent_id = talent and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
       and upper(a.period) > least(starts - interval '1 day', monday at time zone 'Europe/Paris')
       and lower(a.period) < greatest(ends + interval '1 day', sunday at time zone 'Europe/Paris')
       and a.id is distinct from except_assignment;
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

-- The guard itself. After the row, so that a double booking is named first; behind a lock on the talent, so that of two
-- acceptances at once the second sees the first.
create function guard_working_time() returns trigger language plpgsql as $$
declare
    broken text;
begin
    perform pg_advisory_xact_lock(hashtextextended('working-time:' || new.talent_id, 0));
    broken := working_time_breach(new.talent_id, lower(new.period), upper(new.period), new.id);
    if broken is not null then
        raise exception using errcode = '23514', constraint = 'assignments_working_time', table = 'assignments',
            message = 'working time of the talent: ' || broken, detail = broken;
    end if;
    return null;
end
$$;
create trigger assignments_working_time after insert on assignments
    for each row when (new.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED') and new.override_reason is null)
    execute function guard_working_time();
-- A start or an end of work that was allowed is not judged again.
create trigger assignments_working_time_again after update of status, period, talent_id on assignments
    for each row when (new.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED') and new.override_reason is null
                       and (old.status not in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
                            or old.period <> new.period or old.talent_id <> new.talent_id))
    execute function guard_working_time();

-- "Never again": kept per client. A talent never learns of it.
create table exclusions (
    client_id  uuid not null references users on delete cascade,
    talent_id  uuid not null references users on delete cascade,
    reason     text check (length(reason) between 1 and 500),
    created_at timestamptz not null,
    primary key (client_id, talent_id)
);
create index exclusions_newest on exclusions (client_id, created_at desc, talent_id desc);
create index exclusions_talent on exclusions (talent_id);

-- On the list of the mission's poster, or of somebody who manages its site; a viewer decides nothing for a site.
create function is_excluded(talent uuid, client uuid, site uuid) returns boolean
    language plpgsql stable parallel safe as $$
begin
    return exists (
        select from exclusions e
         where e.talent_id = talent
           and (e.client_id = client
                or exists (select from establishment_members m
                            where m.user_id = e.client_id and m.establishment_id = site and m.role in ('OWNER', 'MANAGER'))));
end
$$;

-- What each automatic decision saw (GDPR art. 22 and 15(1)(h)): the rule, the mission as it was, and of those who were
-- ranked and invited the values that were compared. Narrow: a few talents per row, distances instead of places.
create table match_decisions (
    id           uuid        primary key,
    mission_id   uuid        not null references missions on delete cascade,
    wave         smallint    not null,
    rule_version text        not null,
    mission      jsonb       not null,
    talents      jsonb       not null,
    decided_at   timestamptz not null
);
create index match_decisions_mission on match_decisions (mission_id, id desc);

-- A talent's change asks for the open missions of its profession.
create index missions_open_profession on missions (profession_id, created_at desc, id desc) where status = 'OPEN';

-- Required documents. 0002 asked every medical profession for a criminal record and every social one for the
-- certificate of honorability; what decides is whether the profession works with protected children or disabled people.
create table document_rules (
    type            text primary key,
    -- Months for which a document of this type counts; null: for ever.
    validity_months smallint check (validity_months > 0),
    source          text not null,
    as_of           date not null
);
insert into document_rules (type, validity_months, source, as_of) values
    ('DIPLOMA',                 null, 'Code de la santé publique, L4311-2 et s. ; CASF, D451-1 et s.',      '2026-11-23'),
    ('ID_CARD',                 null, 'Code du travail, L8251-1',                                           '2026-11-23'),
    ('INSURANCE',               12,   'Code de la santé publique, L1142-2 ; contrats annuels',              '2026-11-23'),
    ('COMPANY_REGISTRATION',    null, 'Code du travail, D8222-5, 2°',                                       '2026-11-23'),
    ('URSSAF_VIGILANCE',        6,    'Code du travail, D8222-5, 1° ; Code de la sécurité sociale, L243-15', '2026-11-23'),
    ('RPPS_PROOF',              null, 'Code de la santé publique, D4113-118 et s. (numéros ADELI plus délivrés)', '2026-11-23'),
    ('VACCINATION',             null, 'Code de la santé publique, L3111-4',                                 '2026-11-23'),
    ('HONORABILITY_CERTIFICATE', 6,   'CASF, L133-6 et D133-1 et s.',                                       '2026-11-23'),
    ('CRIMINAL_RECORD',         6,    'Code de procédure pénale, 777 (bulletin n° 3)',                      '2026-11-23'),
    ('DRIVER_LICENSE',          null, 'Code de la route, L221-1',                                           '2026-11-23');

update professions set required_documents =
       array['DIPLOMA', 'ID_CARD', 'INSURANCE', 'COMPANY_REGISTRATION', 'URSSAF_VIGILANCE']
         || case when slug in ('ide', 'kine', 'ergo', 'orthophoniste', 'psychomotricien', 'ass')
                 then array['RPPS_PROOF'] else array[]::text[] end
         -- Who works at health sites, whatever the sector of the reference.
         || case when sector = 'MEDICAL' or slug in ('psychomotricien', 'auxiliaire-puericulture', 'amp')
                 then array['VACCINATION'] else array[]::text[] end
         || case when slug in ('aes-medical', 'es', 'me', 'eje', 'aes-social', 'tisf', 'ass', 'amp', 'psychomotricien',
                               'auxiliaire-puericulture', 'animateur')
                 then array['HONORABILITY_CERTIFICATE'] else array['CRIMINAL_RECORD'] end
         -- Works in families' homes, from one to the next.
         || case when slug = 'tisf' then array['DRIVER_LICENSE'] else array[]::text[] end;
