"""What the program can do, in figures: each bench beside a bare peer that shows the limit."""
