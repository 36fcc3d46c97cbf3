"""The replier: drafts by a GRU and an n-gram model, checked by the policy gate."""
