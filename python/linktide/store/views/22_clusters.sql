-- What most likely is one page: the cluster form of a normalised URL, as the core's url/cluster.rs has it, without its scheme.

-- All leading `www.` and `wwwN.` of what lies before the registrable domain.
CREATE OR REPLACE MACRO internal.without_www(bare, domain) AS
    substr(bare, 1 + length(regexp_extract(
        left(bare, greatest(length(regexp_extract(bare, '^(?:\[[^\]]*\]|[^/:?]*)')) - length(domain), 0)),
        '^(?:www[0-9]*\.)+')));

-- Pairs of a query in the order of their names, those of one name as they stand.
CREATE OR REPLACE MACRO internal.sorted_query(query) AS
    CASE WHEN contains(query, '&')
         THEN array_to_string(list_transform(
             list_sort(list_transform(string_split(query, '&'), lambda x, i: {'n': split_part(x, '=', 1), 'i': i, 'x': x})),
             lambda s: s.x), '&')
         ELSE query END;

-- Slashes and index pages at the end of a path go, and slashes in it that are repeated.
CREATE OR REPLACE MACRO internal.kept_path(path) AS
    regexp_replace(regexp_replace(path, '(?:/+|/(?i:index|default)\.(?i:html?|php|aspx?|jsp))+$', ''), '/+', '/', 'g');

CREATE OR REPLACE MACRO internal.cluster_of(url, domain) AS
    list_transform([internal.without_www(regexp_replace(url, '^[a-z]+://', ''), domain)],
                   lambda t: CASE WHEN contains(t, '?')
                                  THEN internal.kept_path(split_part(t, '?', 1)) || '?'
                                       || internal.sorted_query(substr(t, strpos(t, '?') + 1))
                                  ELSE internal.kept_path(t) END)[1];
