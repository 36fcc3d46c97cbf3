"""PostgreSQL: engines, tables, the schema and its roles, advisory locks, old months dropped."""
