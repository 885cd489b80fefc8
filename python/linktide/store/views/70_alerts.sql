CREATE VIEW main.alerts AS
SELECT alert_id, alert, domain_name, severity,
       CASE WHEN ended_at IS NOT NULL THEN 'resolved' WHEN inhibited_by IS NOT NULL THEN 'inhibited'
            ELSE 'firing' END AS state,
       is_historical, started_at, ended_at, inhibited_by, summary,
       CAST(evidence AS JSON) AS evidence, CAST(offsets AS JSON) AS offsets, noted_at
FROM (
    SELECT alert_id, arg_max_null(alert, change_number) AS alert, arg_max_null(domain_name, change_number) AS domain_name,
           arg_max_null(severity, change_number) AS severity, arg_max_null(is_historical, change_number) AS is_historical,
           arg_max_null(started_at, change_number) AS started_at, arg_max_null(ended_at, change_number) AS ended_at,
           arg_max_null(inhibited_by, change_number) AS inhibited_by, arg_max_null(summary, change_number) AS summary,
           arg_max_null(evidence, change_number) AS evidence, arg_max_null(offsets, change_number) AS offsets,
           min(noted_at) AS noted_at
    FROM internal.alert_changes
    GROUP BY alert_id
);
