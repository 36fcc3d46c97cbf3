"""Authentication: login pages, single sign-on, API keys, roles and brands."""
