"""What happens to orders and to the account: admission, the book, matching, ledger, settlement."""
