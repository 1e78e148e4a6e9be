"""Promises the product keeps."""
