"""A language model behind an OpenAI-compatible address, as another backend."""
