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
