"""Reports: how soon customers were answered, and how it ended, by brand, agent, topic and week."""
