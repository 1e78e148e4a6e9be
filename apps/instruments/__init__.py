"""What can be traded: contracts, tick rules, trading hours."""
