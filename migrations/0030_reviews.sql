-- What the two sides of finished work say of each other, and the averages that follow from it.

-- Stars given, beside how many reviews gave them and what is their average: the three move together.
alter table profiles add column rating_sum integer not null default 0 check (rating_sum >= 0);
update profiles set rating_sum = round(average_rating * total_reviews / 100.0) where total_reviews > 0;
alter table establishments
    add column total_reviews  integer  not null default 0,
    add column rating_sum     integer  not null default 0 check (rating_sum >= 0),
    -- Hundredths of a star, as in profiles.
    add column average_rating smallint not null default 0 check (average_rating between 0 and 500);

create table reviews (
    id               uuid          primary key,
    -- The work: a talent's place in a mission, or a booking.
    assignment_id    uuid          references assignments,
    mission_id       uuid          references missions,
    booking_id       uuid          references bookings,
    client_id        uuid          not null references users,
    establishment_id uuid          references establishments,
    talent_id        uuid          not null references users,
    -- Of which of the two sides it is; the other one is reviewed.
    side             contract_side not null,
    -- Who wrote it: for the client's side perhaps a manager of its site.
    author_id        uuid          not null references users,
    rating           smallint      not null,
    comment          text,
    created_at       timestamptz   not null,
    response         text,
    responded_at     timestamptz,
    responded_by     uuid          references users,
    constraint review_is_of_one_work check ((assignment_id is null) <> (booking_id is null)
                                            and (assignment_id is null) = (mission_id is null)),
    constraint review_is_of_others check ((author_id = talent_id) = (side = 'TALENT') and client_id <> talent_id),
    constraint review_is_bounded check (rating between 1 and 5 and length(comment) between 1 and 1000
                                        and length(response) between 1 and 1000),
    constraint review_is_answered_by_somebody check ((response is null) = (responded_at is null)
                                                     and (response is null) = (responded_by is null))
);
-- One for each side of each work.
create unique index reviews_assignment on reviews (assignment_id, side) where assignment_id is not null;
create unique index reviews_booking    on reviews (booking_id, side) where booking_id is not null;
create index reviews_of_talents on reviews (talent_id, created_at desc, id desc) where side = 'CLIENT';
create index reviews_of_sites   on reviews (establishment_id, created_at desc, id desc)
    where side = 'TALENT' and establishment_id is not null;
create index reviews_of_clients on reviews (client_id, created_at desc, id desc)
    where side = 'TALENT' and establishment_id is null;
create index reviews_author     on reviews (author_id, created_at desc, id desc);

-- Whoever is reviewed: a talent, a site, or a client without one. The row of whoever it is is where reviews at once queue.
create function count_review() returns trigger language plpgsql as $$
begin
    if new.side = 'TALENT' and new.establishment_id is not null then
        update establishments
           set total_reviews = total_reviews + 1, rating_sum = rating_sum + new.rating,
               average_rating = round(100.0 * (rating_sum + new.rating) / (total_reviews + 1))
         where id = new.establishment_id;
    else
        update profiles
           set total_reviews = total_reviews + 1, rating_sum = rating_sum + new.rating,
               average_rating = round(100.0 * (rating_sum + new.rating) / (total_reviews + 1))
         where user_id = case new.side when 'CLIENT' then new.talent_id else new.client_id end;
    end if;
    return null;
end
$$;
create trigger reviews_are_counted after insert on reviews for each row execute function count_review();

-- What was said stays said; it can be answered, once.
create function review_is_final() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.response is null
       and to_jsonb(new) - '{response,responded_at,responded_by}'::text[]
           = to_jsonb(old) - '{response,responded_at,responded_by}'::text[] then
        return new;
    end if;
    raise exception using errcode = '23514', table = 'reviews', constraint = 'review_is_final',
        message = 'a review is neither changed nor deleted';
end
$$;
create trigger review_is_final before update or delete on reviews for each row execute function review_is_final();
