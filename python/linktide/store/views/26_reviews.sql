-- What people said of domains and pages that link: all of it, and what holds.

CREATE VIEW main.review_history AS
SELECT subject, subject_kind, state, note, contact, noted_at, noted_by, CAST(review_number AS BIGINT) AS review_number
FROM internal.reviews;

-- Of a subject the newest row by time, of two at one instant the one told later.
CREATE VIEW main.reviews AS
SELECT subject, any_value(subject_kind) AS subject_kind, arg_max_null(state, place) AS state, arg_max_null(note, place) AS note,
       arg_max_null(contact, place) AS contact, max(noted_at) AS noted_at, arg_max(noted_by, place) AS noted_by
FROM (SELECT *, {'at': noted_at, 'number': review_number} AS place FROM internal.reviews)
GROUP BY subject;

CREATE OR REPLACE MACRO main.reviews_asof(at_time) AS TABLE
SELECT p.subject, any_value(p.subject_kind) AS subject_kind, arg_max_null(p.state, p.place) AS state,
       arg_max_null(p.note, p.place) AS note, arg_max_null(p.contact, p.place) AS contact, max(p.noted_at) AS noted_at,
       arg_max(p.noted_by, p.place) AS noted_by
FROM (SELECT r.*, {'at': r.noted_at, 'number': r.review_number} AS place FROM internal.reviews r) p
WHERE p.noted_at <= CAST(at_time AS TIMESTAMPTZ)
GROUP BY p.subject;
