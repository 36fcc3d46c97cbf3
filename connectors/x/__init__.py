"""X (API v2, through tweepy): the filtered stream, the mentions of the own account, replies, and what it all costs."""
