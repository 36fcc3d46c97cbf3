"""HTTP itself: errors as problem documents, security headers, plain pages, and where a request comes from."""
