"""What can be traded and described: contracts of every kind, their hours, steps and values."""
