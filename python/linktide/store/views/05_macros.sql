-- Whether canonical rel tokens (joined by a space; null: never carried) hold one.
CREATE OR REPLACE MACRO internal.has_token(rel, token) AS
    coalesce(contains(' ' || rel || ' ', ' ' || token || ' '), false);

-- Whether a link with this rel passes authority. Without other macros: the narrow copies of views call it from elsewhere.
CREATE OR REPLACE MACRO internal.is_followed(rel) AS
    NOT coalesce(contains(' ' || rel || ' ', ' nofollow ') OR contains(' ' || rel || ' ', ' ugc ')
                 OR contains(' ' || rel || ' ', ' sponsored '), false);

-- Host and path of a normalised URL; of a host, itself.
CREATE OR REPLACE MACRO internal.host_of(url) AS regexp_extract(url, '^(?:[a-z]+://)?(\[[^\]]*\]|[^/:?#]*)', 1);
CREATE OR REPLACE MACRO internal.path_of(url) AS regexp_extract(url, '^[a-z]+://[^/?#]*(.*)$', 1);

-- Names of domains as tables have them (view_text.py).
CREATE OR REPLACE MACRO internal.lowered(names) AS list_transform(CAST(names AS VARCHAR[]), lambda x: lower(x));

-- What a macro takes as a number, if it is in its range; else an error that names it, its value and what is wanted.
CREATE OR REPLACE MACRO internal.out_of_range(name, value, wanted) AS
    error(name || ' is ' || coalesce(CAST(value AS VARCHAR), 'null') || '; wanted ' || wanted);
CREATE OR REPLACE MACRO internal.days_within(name, days, low) AS
    CASE WHEN TRY_CAST(days AS DOUBLE) BETWEEN low AND 36500 THEN CAST(days AS DOUBLE)
         ELSE internal.out_of_range(name, days, 'a number of days from ' || low || ' to 36500') END;
CREATE OR REPLACE MACRO internal.is_whole(value, low, high) AS
    TRY_CAST(value AS DOUBLE) BETWEEN low AND high AND TRY_CAST(value AS DOUBLE) = floor(TRY_CAST(value AS DOUBLE));
CREATE OR REPLACE MACRO internal.whole_days(name, days) AS
    CASE WHEN internal.is_whole(days, 1, 36500) THEN CAST(days AS INTEGER)
         ELSE internal.out_of_range(name, days, 'a whole number of days from 1 to 36500') END;
CREATE OR REPLACE MACRO internal.whole_within(name, value, low, high) AS
    CASE WHEN internal.is_whole(value, low, high) THEN CAST(value AS BIGINT)
         ELSE internal.out_of_range(name, value, 'a whole number from ' || low || ' to ' || high) END;
