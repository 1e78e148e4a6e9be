"""The pages: each reads through selectors, writes through one service, and shows the answer."""
