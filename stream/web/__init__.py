"""The web: the live console and the REST interface. No model runs in its event loop."""
