"""The lab: sentiment models of any base, trained whole or by adapters, compared and reported."""
