"""Accounts: users, sessions, API keys, Postgres logins, and the audit of what they did."""
