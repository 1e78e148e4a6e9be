"""What is held, day start and profit and loss."""
