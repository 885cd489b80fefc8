-- The markers of toxicity and their points. A marker is true, false, or null where nothing is known to tell it by.

CREATE VIEW internal.built_in_markers AS
SELECT marker, place, points, about
FROM (VALUES
    ('citation_trust_ratio', 1, 15, 'the authority of its domain is more than 6.58 times its trust; more than 9.87 times: twice the points'),
    ('link_farm_page', 2, 15, 'its page has more than 100 links to other sites, and more than 10 for each 100 words'),
    ('money_anchor', 3, 15, 'the anchor is a money term and nothing else, in a comment, forum, directory or profile'),
    ('same_block', 4, 15, 'more than 5 referring domains of one /24 of addresses began to link within 7 days'),
    ('twin_profile', 5, 20, 'its domain links to the same domains as another referring domain (Jaccard above 0.9, of 10 at least)'),
    ('sitewide', 6, 10, 'the same link stands in footer or aside of 3 pages of its domain at least, and of more than half of those known'),
    ('ugc_dofollow', 7, 5, 'a comment or forum post whose rel says neither ugc nor nofollow'),
    ('lang_mismatch', 8, 5, 'its page has another language than the page it links to'),
    ('hidden', 9, 5, 'who reads its page does not see it'),
    ('noindex', 10, 5, 'its page asks not to be indexed'),
    ('blocklisted', 11, 40, 'its domain is on a blocklist of yours'),
    ('burst_member', 12, 10, 'it began on a day of a toxic burst')
) t(marker, place, points, about);

CREATE VIEW main.toxicity_markers AS
SELECT b.marker, CAST(coalesce(y.points, b.points) AS BIGINT) AS points, y.points IS NOT NULL AS is_yours,
       CAST(b.points AS BIGINT) AS built_in_points, b.about
FROM internal.built_in_markers b
LEFT JOIN internal.marker_points y ON y.marker = b.marker
ORDER BY b.place;

-- In the order of their places. Without points (null): switched off, neither told nor counted.
CREATE VIEW internal.marker_weights AS
SELECT list(b.marker ORDER BY b.place) AS names, list(nullif(m.points, 0) ORDER BY b.place) AS weights,
       count(nullif(m.points, 0)) AS in_use
FROM internal.built_in_markers b
JOIN main.toxicity_markers m ON m.marker = b.marker;

-- What each marker brings: null, 0 or its points. burst_member rests on the others and is appended to them.
CREATE OR REPLACE MACRO internal.marker_points(m, weights) AS [
    CAST(m.citation_trust_ratio AS BIGINT) * weights[1] * CASE WHEN m.is_far_ratio THEN 2 ELSE 1 END,
    CAST(m.link_farm_page AS BIGINT) * weights[2], CAST(m.money_anchor AS BIGINT) * weights[3],
    CAST(m.same_block AS BIGINT) * weights[4], CAST(m.twin_profile AS BIGINT) * weights[5],
    CAST(m.sitewide AS BIGINT) * weights[6], CAST(m.ugc_dofollow AS BIGINT) * weights[7],
    CAST(m.lang_mismatch AS BIGINT) * weights[8], CAST(m.hidden AS BIGINT) * weights[9],
    CAST(m.noindex AS BIGINT) * weights[10], CAST(m.blocklisted AS BIGINT) * weights[11]
];

-- Null where fewer than half of the markers in use can be told: it would be low for want of knowledge.
CREATE OR REPLACE MACRO internal.toxicity_of(points, in_use) AS
    CASE WHEN in_use > 0 AND 2 * list_count(points) >= in_use THEN CAST(least(list_sum(points), 100) AS BIGINT) END;

CREATE OR REPLACE MACRO internal.markers_fired(points, names) AS list_filter(names, lambda x, i: points[i] > 0);
