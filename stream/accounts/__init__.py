"""Accounts: users, setup codes, sessions, API keys, Postgres logins, and their audit."""
