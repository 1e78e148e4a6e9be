"""The bare dialect: parse and render around the same services as every other surface."""
