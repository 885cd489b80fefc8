-- Whether canonical rel tokens (joined by a space; null: never carried) hold one.
CREATE OR REPLACE MACRO internal.has_token(rel, token) AS
    coalesce(contains(' ' || rel || ' ', ' ' || token || ' '), false);
