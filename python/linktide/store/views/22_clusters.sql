-- What most likely is one page: the cluster form of a normalised URL, as the core's url/cluster.rs has it, without its scheme.

-- All leading `www.` and `wwwN.` of what lies before the registrable domain; what most hosts have, without expressions.
CREATE OR REPLACE MACRO internal.without_www(bare, domain) AS
    CASE WHEN NOT starts_with(bare, 'www') THEN bare
         WHEN starts_with(bare, 'www.' || domain) AND NOT starts_with(domain, 'www') THEN substr(bare, 5)
         ELSE substr(bare, 1 + length(regexp_extract(
             left(bare, greatest(length(regexp_extract(bare, '^(?:\[[^\]]*\]|[^/:?]*)')) - length(domain), 0)),
             '^(?:www[0-9]*\.)+'))) END;

-- Pairs of a query in the order of their names, those of one name as they stand.
CREATE OR REPLACE MACRO internal.sorted_query(query) AS
    CASE WHEN contains(query, '&')
         THEN array_to_string(list_transform(
             list_sort(list_transform(string_split(query, '&'), lambda x, i: {'n': split_part(x, '=', 1), 'i': i, 'x': x})),
             lambda s: s.x), '&')
         ELSE query END;

-- Slashes and index pages at the end of a path go, and slashes in it that are repeated. Most paths have none of these, and to
-- see that costs a fraction of the expressions.
CREATE OR REPLACE MACRO internal.kept_path(path) AS
    CASE WHEN ends_with(path, '/') OR contains(path, '//') OR contains(lower(path), '/index.') OR contains(lower(path), '/default.')
         THEN regexp_replace(regexp_replace(path, '(?:/+|/(?i:index|default)\.(?i:html?|php|aspx?|jsp))+$', ''), '/+', '/', 'g')
         ELSE path END;

CREATE OR REPLACE MACRO internal.cluster_of(url, domain) AS
    list_transform([internal.without_www(CASE WHEN starts_with(url, 'https://') THEN substr(url, 9)
                                              ELSE regexp_replace(url, '^[a-z]+://', '') END, domain)],
                   lambda t: CASE WHEN contains(t, '?')
                                  THEN internal.kept_path(split_part(t, '?', 1)) || '?'
                                       || internal.sorted_query(substr(t, strpos(t, '?') + 1))
                                  ELSE internal.kept_path(t) END)[1];
