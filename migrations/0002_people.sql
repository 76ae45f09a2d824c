create type user_role as enum ('CLIENT', 'TALENT', 'ADMIN');
create type user_status as enum ('PENDING', 'VERIFIED', 'SUSPENDED', 'BANNED', 'PENDING_INVITE', 'INVITED');
create type client_type as enum ('PARTICULAR', 'ESTABLISHMENT');
create type compliance_status as enum ('PENDING', 'SUBMITTED', 'VALIDATED', 'REJECTED', 'EXPIRED');
create type structure_type as enum ('MECS', 'EHPAD', 'ITEP', 'CHRS', 'IME', 'OTHER');
create type organization_type as enum ('PUBLIC', 'PRIVATE', 'ASSOCIATION');
create type site_role as enum ('OWNER', 'MANAGER', 'VIEWER');
create type sector as enum ('SOCIAL', 'MEDICAL');

create table users (
    id            uuid        primary key,
    email         text        not null check (length(email) between 3 and 254),
    -- A PHC string: algorithm, parameters and salt travel with the hash.
    password_hash text        not null,
    role          user_role   not null,
    status        user_status not null default 'PENDING',
    client_type   client_type,
    phone         text,
    locale        text        not null default 'fr' check (locale in ('fr', 'en')),
    referral_code text        not null,
    referred_by   uuid        references users,
    points        integer     not null default 0,
    created_at    timestamptz not null,
    constraint users_referral_code unique (referral_code)
);
create unique index users_email on users (lower(email));

create table sessions (
    id           uuid        primary key,
    user_id      uuid        not null references users on delete cascade,
    -- The refresh token is derived from (id, generation): nothing secret is stored.
    generation   integer     not null default 0,
    rotated_at   timestamptz not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    user_agent   text,
    ip           text
);
create index sessions_user on sessions (user_id) where revoked_at is null;

-- Reference of professions; a profession's id on the wire (jobId) is its slug.
create table professions (
    id       smallint primary key,
    slug     text     not null unique,
    label    text     not null,
    sector   sector   not null,
    -- Registered professions carry an RPPS number; see required_documents in the reference.
    required_documents text[] not null
);

insert into professions (id, slug, label, sector, required_documents)
select id, slug, label, sector::sector,
       array['DIPLOMA', 'ID_CARD', 'INSURANCE', 'COMPANY_REGISTRATION', 'URSSAF_VIGILANCE']
         || case when registered then array['RPPS_PROOF'] else array[]::text[] end
         || case when sector = 'MEDICAL' then array['VACCINATION', 'CRIMINAL_RECORD'] else array['HONORABILITY_CERTIFICATE'] end
  from (values
    ( 1, 'ide',                    'Infirmier diplômé d’État',                  'MEDICAL', true),
    ( 2, 'as',                     'Aide-soignant',                             'MEDICAL', false),
    ( 3, 'aes-medical',            'Accompagnant éducatif et social (médical)', 'MEDICAL', false),
    ( 4, 'kine',                   'Masseur-kinésithérapeute',                  'MEDICAL', true),
    ( 5, 'ergo',                   'Ergothérapeute',                            'MEDICAL', true),
    ( 6, 'psycho-medical',         'Psychologue (médical)',                     'MEDICAL', false),
    ( 7, 'orthophoniste',          'Orthophoniste',                             'MEDICAL', true),
    ( 8, 'ash',                    'Agent de service hospitalier',              'MEDICAL', false),
    ( 9, 'es',                     'Éducateur spécialisé',                      'SOCIAL',  false),
    (10, 'me',                     'Moniteur-éducateur',                        'SOCIAL',  false),
    (11, 'eje',                    'Éducateur de jeunes enfants',               'SOCIAL',  false),
    (12, 'aes-social',             'Accompagnant éducatif et social (social)',  'SOCIAL',  false),
    (13, 'tisf',                   'Technicien de l’intervention sociale et familiale', 'SOCIAL', false),
    (14, 'cesf',                   'Conseiller en économie sociale familiale',  'SOCIAL',  false),
    (15, 'ass',                    'Assistant de service social',               'SOCIAL',  true),
    (16, 'amp',                    'Aide médico-psychologique',                 'SOCIAL',  false),
    (17, 'psychomotricien',        'Psychomotricien',                           'SOCIAL',  true),
    (18, 'auxiliaire-puericulture','Auxiliaire de puériculture',                'SOCIAL',  false),
    (19, 'animateur',              'Animateur',                                 'SOCIAL',  false)
  ) as reference (id, slug, label, sector, registered);

create table profiles (
    user_id               uuid     primary key references users on delete cascade,
    first_name            text,
    last_name             text,
    avatar_url            text,
    bio                   text     check (length(bio) <= 300),
    headline              text,
    profession_id         smallint references professions,
    -- Trimmed, lower-case, unaccented: compared byte for byte.
    specialties           text[]   not null default '{}',
    diplomas              jsonb    not null default '[]',
    hourly_rate_cents     integer  check (hourly_rate_cents > 0),
    address               text,
    city                  text,
    postal_code           text     check (postal_code ~ '^\d{5}$'),
    latitude              float8   check (latitude between -90 and 90),
    longitude             float8   check (longitude between -180 and 180),
    radius_km             integer  not null default 30 check (radius_km between 1 and 200),
    has_driver_license    boolean  not null default false,
    can_do_night_shift    boolean  not null default false,
    is_video_enabled      boolean  not null default false,
    is_marketplace_visible boolean not null default true,
    compliance_status     compliance_status not null default 'PENDING',
    total_missions        integer  not null default 0,
    total_reviews         integer  not null default 0,
    -- Hundredths of a star: 466 reads 4.66.
    average_rating        smallint not null default 0 check (average_rating between 0 and 500),
    constraint coordinates_come_in_pairs check ((latitude is null) = (longitude is null))
);

create table establishments (
    id                  uuid primary key,
    name                text not null,
    structure_type      structure_type not null default 'OTHER',
    organization_type   organization_type,
    siret               text check (siret ~ '^\d{14}$'),
    contact_name        text,
    contact_phone       text,
    address             text,
    city                text,
    postal_code         text check (postal_code ~ '^\d{5}$'),
    latitude            float8 check (latitude between -90 and 90),
    longitude           float8 check (longitude between -180 and 180),
    credit_limit_cents  bigint not null default 0 check (credit_limit_cents >= 0),
    billing_name        text,
    billing_address     text,
    billing_email       text,
    created_at          timestamptz not null,
    constraint site_coordinates_come_in_pairs check ((latitude is null) = (longitude is null))
);

create table establishment_members (
    establishment_id uuid not null references establishments on delete cascade,
    user_id          uuid not null references users on delete cascade,
    role             site_role not null,
    joined_at        timestamptz not null,
    primary key (user_id, establishment_id)
);
create index establishment_members_site on establishment_members (establishment_id);

-- Where matching looks: one narrow row per talent who may be matched at all (verified, placed, of a profession), kept
-- by the transactions that change a profile or a status. The index carries every column that filters or ranks, so the
-- heap is not read.
create table talent_search (
    talent_id         uuid     primary key references users on delete cascade,
    profession_id     smallint not null,
    latitude          float8   not null,
    longitude         float8   not null,
    -- Known specialties as bits (domain::specialties); the others are compared in profiles.
    specialties       bigint   not null,
    average_rating    smallint not null,
    total_missions    integer  not null,
    compliant         boolean  not null,
    can_do_night_shift boolean not null,
    has_driver_license boolean not null,
    marketplace_visible boolean not null
);
create index talent_search_place on talent_search (profession_id, latitude, longitude)
    include (talent_id, specialties, average_rating, total_missions, compliant, can_do_night_shift, has_driver_license,
             marketplace_visible);
