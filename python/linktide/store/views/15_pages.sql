-- What pages say of all their links, folded by page.

-- Precedence of a loss reason at one instant; of two dropped ones the greater by bytes holds.
CREATE OR REPLACE MACRO internal.reason_rank(reason) AS
    CASE reason WHEN 'notfound' THEN 7 WHEN 'pageredirected' THEN 6 WHEN 'lostredirect' THEN 5 WHEN 'noindex' THEN 4
                WHEN 'notcanonical' THEN 3 WHEN 'removedfromhtml' THEN 2 WHEN 'pageerror' THEN 0 ELSE 1 END;

CREATE VIEW internal.page_losses AS
SELECT page_key, observed_at, loss_reason, loss_reason <> 'pageerror' AS is_firm, set_id, source_id, off, rev
FROM internal.page_snapshots
WHERE loss_reason IS NOT NULL AND accepts_losses;

-- When every link of a page was last seen or lost by a whole answer, and when last checked at all.
CREATE VIEW internal.page_checks AS
SELECT page_key, max(observed_at) FILTER (is_firm) AS firm_at, max(observed_at) AS checked_at
FROM internal.page_losses
GROUP BY page_key;
