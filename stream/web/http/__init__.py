"""HTTP itself: problem documents, security headers, plain pages, and origins of requests."""
