-- Functions of PostgreSQL's catalogue that its clients call. An argument may be a column of the caller: it is named
-- lt_key before a table is, and aliases begin with lt_, so that no name of the caller is caught in here.
CREATE MACRO pg.version() AS 'PostgreSQL 15.0 (linktide)';
CREATE MACRO pg.current_database() AS 'linktide';
CREATE MACRO pg.current_schema() AS 'public';
CREATE MACRO pg.current_schemas(with_implicit) AS
    CASE WHEN with_implicit THEN ['pg_catalog', 'public', 'own'] ELSE ['public', 'own'] END;
CREATE MACRO pg.pg_current_setting(wanted) AS (
    SELECT lt_s.setting FROM (SELECT lower(wanted) AS lt_key) lt_a JOIN pg.pg_settings lt_s ON lt_s.name = lt_a.lt_key),
    (wanted, missing_ok) AS (
    SELECT lt_s.setting FROM (SELECT lower(wanted) AS lt_key) lt_a JOIN pg.pg_settings lt_s ON lt_s.name = lt_a.lt_key);
CREATE MACRO pg.pg_set_config(name, value, is_local) AS value;
CREATE MACRO pg.pg_get_userbyid(role_oid) AS 'linktide';
CREATE MACRO pg.pg_encoding_to_char(encoding) AS 'UTF8';
CREATE MACRO pg.pg_char_to_encoding(name) AS 6;
CREATE MACRO pg.pg_table_is_visible(table_oid) AS coalesce((
    SELECT lt_c.relnamespace IN (11, 2200) OR (lt_c.relnamespace = 2201 AND NOT EXISTS (
        FROM pg.pg_class lt_o WHERE lt_o.relname = lt_c.relname AND lt_o.relnamespace IN (11, 2200)))
    FROM (SELECT table_oid AS lt_key) lt_a JOIN pg.pg_class lt_c ON lt_c.oid = lt_a.lt_key), false);
CREATE MACRO pg.pg_type_is_visible(type_oid) AS true;
CREATE MACRO pg.pg_function_is_visible(function_oid) AS true;
CREATE MACRO pg.pg_operator_is_visible(operator_oid) AS true;
CREATE MACRO pg.format_type(type_oid, modifier) AS (
    SELECT CASE lt_t.typcategory WHEN 'A' THEN pg.type_words(lt_e.typname, NULL) || '[]'
           ELSE pg.type_words(lt_t.typname, lt_a.lt_modifier) END
    FROM (SELECT type_oid AS lt_key, modifier AS lt_modifier) lt_a
    JOIN pg.pg_type lt_t ON lt_t.oid = lt_a.lt_key LEFT JOIN pg.pg_type lt_e ON lt_e.oid = lt_t.typelem);
CREATE MACRO pg.pg_oid_of_class(class_name) AS coalesce(try_cast(class_name AS BIGINT), (
    SELECT arg_min(lt_c.oid, (lt_c.relnamespace = 2201, lt_c.oid))
    FROM (SELECT replace(class_name, '"', '') AS lt_key) lt_a, pg.pg_class lt_c
    JOIN pg.pg_namespace lt_n ON lt_n.oid = lt_c.relnamespace
    WHERE lt_a.lt_key IN (lt_c.relname, lt_n.nspname || '.' || lt_c.relname)));
CREATE MACRO pg.to_regclass(class_name) AS pg.pg_oid_of_class(class_name);
CREATE MACRO pg.pg_class_of_oid(class_oid) AS (
    SELECT lt_c.relname FROM (SELECT class_oid AS lt_key) lt_a JOIN pg.pg_class lt_c ON lt_c.oid = lt_a.lt_key);
CREATE MACRO pg.pg_oid_of_type(type_name) AS coalesce(try_cast(type_name AS BIGINT), (
    SELECT min(lt_t.oid)
    FROM (SELECT replace(replace(type_name, '"', ''), 'pg_catalog.', '') AS lt_key) lt_a, pg.pg_type lt_t
    WHERE lt_a.lt_key IN (lt_t.typname, pg.type_words(lt_t.typname, NULL))));
CREATE MACRO pg.to_regtype(type_name) AS pg.pg_oid_of_type(type_name);
CREATE MACRO pg.pg_type_of_oid(type_oid) AS pg.format_type(type_oid, NULL);
CREATE MACRO pg.pg_namespace_of_oid(namespace_oid) AS (
    SELECT lt_n.nspname
    FROM (SELECT namespace_oid AS lt_key) lt_a JOIN pg.pg_namespace lt_n ON lt_n.oid = lt_a.lt_key);
CREATE MACRO pg.obj_description(object_oid) AS NULL::VARCHAR, (object_oid, catalogue) AS NULL::VARCHAR;
CREATE MACRO pg.shobj_description(object_oid, catalogue) AS NULL::VARCHAR;
CREATE MACRO pg.col_description(table_oid, number) AS NULL::VARCHAR;
CREATE MACRO pg.pg_get_expr(tree, relation) AS NULL::VARCHAR, (tree, relation, pretty) AS NULL::VARCHAR;
CREATE MACRO pg.pg_get_viewdef(view_oid) AS '', (view_oid, pretty) AS '';
CREATE MACRO pg.pg_get_ruledef(rule_oid) AS '', (rule_oid, pretty) AS '';
CREATE MACRO pg.pg_get_indexdef(index_oid) AS '', (index_oid, number, pretty) AS '';
CREATE MACRO pg.pg_get_constraintdef(constraint_oid) AS '', (constraint_oid, pretty) AS '';
CREATE MACRO pg.pg_get_partkeydef(table_oid) AS NULL::VARCHAR;
CREATE MACRO pg.pg_get_statisticsobjdef_columns(statistics_oid) AS NULL::VARCHAR;
CREATE MACRO pg.pg_get_serial_sequence(table_name, column_name) AS NULL::VARCHAR;
CREATE MACRO pg.pg_get_function_result(function_oid) AS (
    SELECT lt_p.prosrc
    FROM (SELECT function_oid AS lt_key) lt_a JOIN pg.pg_proc lt_p ON lt_p.oid = lt_a.lt_key);
CREATE MACRO pg.pg_get_function_arguments(function_oid) AS (
    SELECT array_to_string(lt_p.proargnames, ', ')
    FROM (SELECT function_oid AS lt_key) lt_a JOIN pg.pg_proc lt_p ON lt_p.oid = lt_a.lt_key);
CREATE MACRO pg.pg_get_function_identity_arguments(function_oid) AS (
    SELECT array_to_string(lt_p.proargnames, ', ')
    FROM (SELECT function_oid AS lt_key) lt_a JOIN pg.pg_proc lt_p ON lt_p.oid = lt_a.lt_key);
CREATE MACRO pg.pg_get_functiondef(function_oid) AS NULL::VARCHAR;
CREATE MACRO pg.pg_get_function_sqlbody(function_oid) AS NULL::VARCHAR;
CREATE MACRO pg.pg_collation_is_visible(collation_oid) AS true;
CREATE MACRO pg.pg_opclass_is_visible(opclass_oid) AS true;
CREATE MACRO pg.pg_relation_is_publishable(table_oid) AS false;
CREATE MACRO pg.pg_relation_size(table_oid) AS 0::BIGINT, (table_oid, fork) AS 0::BIGINT;
CREATE MACRO pg.pg_table_size(table_oid) AS 0::BIGINT;
CREATE MACRO pg.pg_total_relation_size(table_oid) AS 0::BIGINT;
CREATE MACRO pg.pg_database_size(name) AS 0::BIGINT;
CREATE MACRO pg.pg_size_pretty(bytes) AS format_bytes(bytes);
CREATE MACRO pg.pg_tablespace_location(tablespace_oid) AS '';
CREATE MACRO pg.pg_is_in_recovery() AS false;
CREATE MACRO pg.pg_is_other_temp_schema(schema_oid) AS false;
CREATE MACRO pg.pg_my_temp_schema() AS 0::BIGINT;
CREATE MACRO pg.pg_backend_pid() AS 1;
CREATE MACRO pg.pg_postmaster_start_time() AS now();
CREATE MACRO pg.pg_stat_get_numscans(table_oid) AS 0::BIGINT;
CREATE MACRO pg.pg_column_is_updatable(table_oid, number, is_all) AS false;
CREATE MACRO pg.pg_relation_is_updatable(table_oid, is_all) AS 0;
CREATE MACRO pg.pg_advisory_unlock_all() AS NULL;
CREATE MACRO pg.txid_current() AS 1::BIGINT;
CREATE MACRO pg.inet_server_addr() AS NULL::VARCHAR;
CREATE MACRO pg.inet_server_port() AS NULL::INTEGER;
CREATE MACRO pg.has_database_privilege(a, b) AS lower(b) = 'connect', (a, b, c) AS lower(c) = 'connect';
CREATE MACRO pg.has_schema_privilege(a, b) AS lower(b) = 'usage', (a, b, c) AS lower(c) = 'usage';
CREATE MACRO pg.has_table_privilege(a, b) AS lower(b) LIKE '%select%', (a, b, c) AS lower(c) LIKE '%select%';
CREATE MACRO pg.has_any_column_privilege(a, b) AS lower(b) LIKE '%select%', (a, b, c) AS lower(c) LIKE '%select%';
CREATE MACRO pg.has_column_privilege(a, b, c) AS lower(c) LIKE '%select%';
CREATE MACRO pg.has_function_privilege(a, b) AS true, (a, b, c) AS true;
CREATE MACRO pg.pg_has_role(a, b) AS false, (a, b, c) AS false;
CREATE MACRO pg.generate_subscripts(list, dimension) AS unnest(range(1, len(list) + 1));
CREATE MACRO pg.array_upper(list, dimension) AS nullif(len(list), 0);
CREATE MACRO pg.array_lower(list, dimension) AS CASE WHEN len(list) > 0 THEN 1 END;
CREATE MACRO pg.quote_ident(name) AS
    CASE WHEN regexp_full_match(name, '[a-z_][a-z0-9_]*') THEN name ELSE '"' || replace(name, '"', '""') || '"' END;
CREATE MACRO pg.quote_literal(value) AS '''' || replace(value, '''', '''''') || '''';
CREATE MACRO pg.string_to_array(text, delimiter) AS string_split(text, delimiter);
CREATE MACRO info._pg_expandarray(list) AS
    unnest(list_transform(list, lambda x, i: {'x': x, 'n': i}));
