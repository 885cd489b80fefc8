-- Kinds for the macros of one domain. Beside the views, whose narrow copies can name no macro of this kind.

-- Of all links to a domain from others, ended ones, too. They are kept, so that of all answers of pages those of their sources alone
-- are read.
CREATE OR REPLACE MACRO internal.kinds_of(domain_name) AS TABLE
WITH spoken AS MATERIALIZED (
    SELECT * FROM internal.kind_words WHERE target_domain = domain_name
), pages AS (
    FROM internal.told_by_sources('spoken')
)
FROM internal.ruled_kinds('spoken', 'pages');
