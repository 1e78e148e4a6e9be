"""Staff pages that span parts."""
