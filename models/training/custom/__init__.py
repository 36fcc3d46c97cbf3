"""Models trained on a company's own history of complaints."""
