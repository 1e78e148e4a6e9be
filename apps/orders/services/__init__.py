"""What may be done to orders: take them in, wish, fly, book facts, apply findings."""
