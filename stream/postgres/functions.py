"""Functions that a read-only login may call: those that say something and do nothing.

Every login may call nearly all of `pg_catalog` by default, and a read-only transaction does not
stop what is no write: locks that workers wait for, records of the write-ahead log, settings of
others. So what is not known to be harmless is taken from everybody, and given to the owners.
"""

from __future__ import annotations

# Immutable functions, and those behind operators and casts, need no name here.
_ALLOWED = """
    age array_sample array_shuffle array_to_json array_to_string clock_timestamp col_description
    concat concat_ws convert convert_from convert_to current_database current_schema
    current_schemas current_setting current_user date_add date_part date_subtract date_trunc
    enum_first enum_last enum_range extract format format_type gen_random_uuid generate_series
    get_current_ts_config getdatabaseencoding has_any_column_privilege has_column_privilege
    has_database_privilege has_function_privilege has_schema_privilege has_sequence_privilege
    has_table_privilege has_type_privilege in_range json_build_array json_build_object
    json_populate_record json_populate_recordset json_to_record json_to_recordset
    json_to_tsvector jsonb_build_array jsonb_build_object jsonb_path_exists_tz
    jsonb_path_match_tz jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_path_query_tz
    jsonb_populate_record jsonb_populate_record_valid jsonb_populate_recordset jsonb_to_record
    jsonb_to_recordset jsonb_to_tsvector length make_timestamptz now obj_description
    oidvectortypes overlaps pg_backend_pid pg_basetype pg_client_encoding pg_collation_for
    pg_column_size pg_encoding_to_char pg_function_is_visible pg_get_constraintdef pg_get_expr
    pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result
    pg_get_indexdef pg_get_keywords pg_get_partkeydef pg_get_ruledef pg_get_serial_sequence
    pg_get_userbyid pg_get_viewdef pg_has_role pg_input_error_info pg_input_is_valid
    pg_is_in_recovery pg_is_other_temp_schema pg_jit_available pg_my_temp_schema
    pg_operator_is_visible pg_options_to_table pg_relation_is_updatable pg_sleep pg_sleep_for
    pg_sleep_until pg_table_is_visible pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone
    pg_timezone_names pg_type_is_visible pg_typeof phraseto_tsquery plainto_tsquery quote_literal
    quote_nullable random random_normal row_security_active row_to_json session_user set_config
    setseed shobj_description statement_timestamp system_user timeofday timestamptz timezone
    to_char to_date to_json to_jsonb to_number to_regclass to_regcollation to_regnamespace
    to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_timestamp
    to_tsquery to_tsvector transaction_timestamp ts_debug ts_headline ts_parse ts_token_type
    txid_current_if_assigned uuidv4 uuidv7 version websearch_to_tsquery xml_is_well_formed
"""
_HARMLESS = f"""
    procedure.provolatile = 'i'
    or procedure.prokind in ('a', 'w')
    or procedure.proname = any (string_to_array('{" ".join(_ALLOWED.split())}', ' '))
    or exists (select from pg_operator where oprcode = procedure.oid)
    or exists (select from pg_cast where castfunc = procedure.oid)
    or exists (
        select from pg_type
        where procedure.oid in (
            typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze
        )
    )
    or exists (select from pg_amproc where amproc = procedure.oid)
"""  # noqa: S608  our own words
# Who owns the tables may be no superuser, and works with locks; monitoring asks for statistics.
# A `do` block could call anything by a text that it puts together.
RESTRICT = f"""
    do $restrict$
    declare
        routine regprocedure;
        holders text := (
            select string_agg(distinct quote_ident(rolname), ', ') from pg_roles
            where rolname in ('pg_database_owner', 'pg_monitor', current_user)
               or oid = (select relowner from pg_class where oid = 'events'::regclass)
        );
    begin
        for routine in
            select procedure.oid from pg_proc procedure
            where procedure.pronamespace = 'pg_catalog'::regnamespace
              and procedure.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
              and has_function_privilege('public', procedure.oid, 'execute')
              and not ({_HARMLESS})
        loop
            execute format('grant execute on function %s to %s', routine, holders);
            execute format('revoke execute on function %s from public', routine);
        end loop;
        execute format('grant usage on language plpgsql to %s', holders);
        revoke usage on language plpgsql from public;
    end $restrict$
"""  # noqa: S608  our own words
TEMPORARY_FILES = "256MB"  # of one question; larger sorts are refused
