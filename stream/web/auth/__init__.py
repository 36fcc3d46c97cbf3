"""Authentication: login pages, single sign-on, API keys, and who may see what."""
