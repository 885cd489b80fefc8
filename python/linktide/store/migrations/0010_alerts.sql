-- What became of alerts: a row when one begins and one when it ends; the newest of an alert_id wins.
CREATE TABLE internal.alert_changes (
    alert_id VARCHAR NOT NULL,          -- says what fired, of whom and since when: the same alert has the same id
    alert VARCHAR NOT NULL,
    domain_name VARCHAR,                -- null: of the service
    severity VARCHAR NOT NULL,          -- info, warning, critical
    is_historical BOOLEAN NOT NULL,     -- of the past when it was told; nobody is called
    started_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ, -- of domains: event time
    inhibited_by VARCHAR,               -- the alert that explains it; nobody is called
    summary VARCHAR NOT NULL,
    evidence VARCHAR NOT NULL,          -- JSON list of rows
    offsets VARCHAR NOT NULL,           -- JSON list: the stretches of the batch that caused it
    noted_at TIMESTAMPTZ NOT NULL,
    change_number UBIGINT NOT NULL);    -- counts the rows of this table

-- News of tracked domains by hour of event time, as they came: what alerts compare with. Revisions move it not.
CREATE TABLE internal.tracked_hours (
    domain_name VARCHAR, hour TIMESTAMPTZ,
    gained_dofollow INTEGER NOT NULL, gained_nofollow INTEGER NOT NULL,
    lost_dofollow INTEGER NOT NULL, lost_nofollow INTEGER NOT NULL,
    PRIMARY KEY (domain_name, hour));

-- Scores of tracked domains, one an hour of event time: what a drop is a drop from.
CREATE TABLE internal.tracked_scores (
    domain_name VARCHAR, hour TIMESTAMPTZ, authority DOUBLE NOT NULL, PRIMARY KEY (domain_name, hour));

-- Calls to the webhook: written with the alert, struck off once answered.
CREATE TABLE internal.alert_notices (
    notice_id VARCHAR PRIMARY KEY, alert_id VARCHAR NOT NULL, state VARCHAR NOT NULL, body VARCHAR NOT NULL,
    noted_at TIMESTAMPTZ NOT NULL, delivered_at TIMESTAMPTZ);

-- Losses that time alone decided while records waited, one of which may take them back: judged once none waits.
CREATE TABLE internal.held_turns (
    link_id UBIGINT NOT NULL, s_dom_key UBIGINT NOT NULL, domain_name VARCHAR NOT NULL, change VARCHAR NOT NULL, changed_at TIMESTAMPTZ NOT NULL,
    is_dofollow BOOLEAN NOT NULL, is_recent BOOLEAN NOT NULL, page_authority DOUBLE NOT NULL,
    domain_authority DOUBLE NOT NULL);
