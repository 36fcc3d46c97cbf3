"""PostgreSQL: engines, tables, the schema and its roles, retention and advisory locks."""
